package fields

import (
	"encoding/json"
	"errors"
)

var errScalar = errors.New("not a JSON value")

// Scalar returns a JSON string, number, boolean or null as text: senders change
// their minds about which. Numbers keep their digits; lists and objects are passed
// over.
func Scalar(value []byte) (text string, err error) {
	switch {
	case len(value) == 0:
		return "", errScalar
	case value[0] == '"':
		err = json.Unmarshal(value, &text)
		return text, err
	case value[0] == '{', value[0] == '[', string(value) == "null":
		return "", nil
	}
	return string(value), nil
}
