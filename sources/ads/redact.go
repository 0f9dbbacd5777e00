package ads

import (
	"bytes"
	"encoding/json"
	"strings"
)

// withoutMember returns a JSON object without the members of that name at its
// top level, in any case of letters, as encoding/json would match them. All
// other bytes stay as they are: numbers keep their digits. What is not a JSON
// object is returned empty, for it may hold the secret anywhere.
func withoutMember(body []byte, name string) []byte {
	kept := bytes.Clone(body)
	for {
		from, to, found, err := findMember(kept, name)
		if err != nil {
			return nil
		}
		if !found {
			return kept
		}
		kept = append(kept[:from], kept[to:]...)
	}
}

// findMember returns where the first such member stands, with the comma that
// joins it to a neighbour.
func findMember(body []byte, name string) (from, to int, found bool, err error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return 0, 0, false, errText
	}
	first := true
	for dec.More() {
		before := int(dec.InputOffset()) // behind "{" or the member before
		key, err := dec.Token()
		if err != nil {
			return 0, 0, false, err
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return 0, 0, false, err
		}
		after := int(dec.InputOffset())
		text, _ := key.(string)
		if !strings.EqualFold(text, name) {
			first = false
			continue
		}
		if rest := bytes.TrimLeft(body[after:], " \t\r\n"); first && len(rest) > 0 && rest[0] == ',' {
			after = len(body) - len(rest) + 1
		}
		return before, after, true, nil
	}
	_, err = dec.Token()
	return 0, 0, false, err
}
