package fields

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/leadgate/leadgate/ingest"
)

// maxFew bounds a Few.
const maxFew = 2000

// Few is a list in a sender's JSON that cannot be long: of the answers to a
// form, of the headers of a mail. A body of nothing but empty elements would
// take a hundred times its size in memory.
type Few[T any] []T

// UnmarshalJSON implements json.Unmarshaler. It fails with ingest.ErrTooLarge
// (wrapped) on more than 2,000 elements.
func (f *Few[T]) UnmarshalJSON(text []byte) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	switch open, err := dec.Token(); {
	case err != nil:
		return err
	case open == nil: // null
		return nil
	case open != json.Delim('['):
		return fmt.Errorf("%w: not a list", ingest.ErrMalformed)
	}
	list := make([]T, 0, 8)
	for dec.More() {
		if len(list) == maxFew {
			return fmt.Errorf("%w: a list of more than %d", ingest.ErrTooLarge, maxFew)
		}
		var element T
		if err := dec.Decode(&element); err != nil {
			return err
		}
		list = append(list, element)
	}
	*f = list
	return nil
}
