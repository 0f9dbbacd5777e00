package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/leadgate/leadgate/ingest"
)

// frame is a record of the journal and where it stands, as ingest/journal's
// FORMAT.md has it.
type frame struct {
	segment     uint64
	offset, end int64
	delivery    *ingest.Delivery
}

// segmentHeader and frameHeader are the sizes before the first frame of a
// segment and before a record.
const (
	segmentHeader = 32
	frameHeader   = 20
)

func segmentFile(dir string, number uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%020d.seg", number))
}

// readFrames reads a whole journal that nobody writes to, in order. It checks
// nothing: it is read before it is damaged.
func readFrames(dir string) ([]frame, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	if err != nil {
		return nil, err
	}
	var frames []frame
	for _, path := range paths { // in the order of their names
		number, err := strconv.ParseUint(strings.TrimSuffix(filepath.Base(path), ".seg"), 10, 64)
		if err != nil {
			return nil, err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		for at := int64(segmentHeader); at+frameHeader <= int64(len(text)); {
			end := at + frameHeader + int64(binary.BigEndian.Uint32(text[at+8:]))
			if end > int64(len(text)) {
				break // cut short by the kill
			}
			d, err := ingest.ParseDelivery(text[at+frameHeader : end])
			if err != nil {
				return nil, fmt.Errorf("segment %d, offset %d: %w", number, at, err)
			}
			frames = append(frames, frame{number, at, end, d})
			at = end
		}
	}
	return frames, nil
}
