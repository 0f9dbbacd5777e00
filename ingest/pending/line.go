package pending

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
)

// line is what one line of the file holds: exactly one of the members.
type line struct {
	Task   *Task        `json:"task,omitempty"`
	Done   string       `json:"done,omitempty"`
	Source *SourceState `json:"source,omitempty"`
}

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	errLine    = errors.New("damaged line")
)

// maxLine bounds one line. A longer one is damage.
const maxLine = 1 << 20

func appendLine(buf []byte, l line) ([]byte, error) {
	text, err := json.Marshal(l)
	if err != nil {
		return buf, err
	}
	if len(text) > maxLine-16 {
		return buf, fmt.Errorf("a line of %d bytes is too long", len(text))
	}
	buf = fmt.Appendf(buf, "%08x ", crc32.Checksum(text, castagnoli))
	return append(append(buf, text...), '\n'), nil
}

// parseLine reads a line without its end.
func parseLine(text []byte) (line, error) {
	var l line
	sum, content, found := bytes.Cut(text, []byte(" "))
	want, err := strconv.ParseUint(string(sum), 16, 32)
	if !found || len(sum) != 8 || err != nil || crc32.Checksum(content, castagnoli) != uint32(want) {
		return l, errLine
	}
	if err := json.Unmarshal(content, &l); err != nil {
		return l, errLine
	}
	if l.Task == nil && l.Done == "" && l.Source == nil || l.Task != nil && (l.Task.ID == "" || l.Task.Source == "") {
		return l, errLine
	}
	return l, nil
}
