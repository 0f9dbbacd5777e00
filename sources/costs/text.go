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
	text := bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, fmt.Errorf("%w: the file is empty", ingest.ErrMalformed)
	}
	for line := 1; len(text) > 0; line++ {
		row, rest, _ := bytes.Cut(text, []byte("\n"))
		if !utf8.Valid(row) || bytes.IndexByte(row, 0) >= 0 {
			return nil, fmt.Errorf("line %d is neither UTF-8 nor UTF-16 text; save the file as UTF-8", line)
		}
		text = rest
	}
	return bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), nil
}

func fromUTF16(body []byte, order unicode.Endianness) ([]byte, error) {
	text, err := unicode.UTF16(order, unicode.UseBOM).NewDecoder().Bytes(body)
	if err != nil || len(body)%2 != 0 {
		return nil, errors.New("is cut off: it begins as UTF-16 text")
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, fmt.Errorf("%w: the file is empty", ingest.ErrMalformed)
	}
	return text, nil
}
