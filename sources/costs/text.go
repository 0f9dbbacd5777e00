package costs

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"

	"github.com/leadgate/leadgate/ingest"
)

// decodeText returns the file as UTF-8 without a byte order mark. Google Ads'
// "CSV (Excel)" download is UTF-16.
func decodeText(body []byte) ([]byte, error) {
	switch {
	case bytes.HasPrefix(body, []byte("PK\x03\x04")):
		return nil, errors.New("is a spreadsheet or an archive; export it as CSV")
	case bytes.HasPrefix(body, []byte("\xff\xfe")), bytes.HasPrefix(body, []byte("\xfe\xff")):
		return fromUTF16(body, unicode.LittleEndian)
	case len(body) >= 4 && body[0] != 0 && body[1] == 0 && body[3] == 0:
		return fromUTF16(body, unicode.LittleEndian)
	case len(body) >= 4 && body[0] == 0 && body[1] != 0 && body[2] == 0:
		return fromUTF16(body, unicode.BigEndian)
	}
	return notEmpty(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")))
}

func fromUTF16(body []byte, order unicode.Endianness) ([]byte, error) {
	text, err := unicode.UTF16(order, unicode.UseBOM).NewDecoder().Bytes(body)
	if err != nil || len(body)%2 != 0 {
		return nil, errors.New("is cut off: it begins as UTF-16 text")
	}
	return notEmpty(text)
}

func notEmpty(text []byte) ([]byte, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, fmt.Errorf("%w: the file is empty", ingest.ErrMalformed)
	}
	return text, nil
}

// maxLine bounds a line, in bytes: what is longer is no table.
const maxLine = 64 << 10

// checkLines refuses what is no table of text.
func checkLines(text []byte) error {
	number := 0
	for line := range bytes.Lines(text) {
		number++
		switch {
		case !utf8.Valid(line), bytes.IndexByte(line, 0) >= 0:
			return fmt.Errorf("line %d is neither UTF-8 nor UTF-16 text; save the file as UTF-8", number)
		case len(line) > maxLine:
			return fmt.Errorf("line %d is longer than %d bytes", number, maxLine)
		}
	}
	return nil
}
