package ads

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
)

// withoutMember returns a JSON object without the members of that name at its
// top level, in any case of letters, as encoding/json would match them. All
// other bytes stay as they are: numbers keep their digits. What is not a JSON
// object is returned empty, for it may hold the secret anywhere.
func withoutMember(body []byte, name string) []byte {
	dec := json.NewDecoder(bytes.NewReader(body))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil
	}
	at := int(dec.InputOffset()) // behind "{" or the member before
	kept := append(make([]byte, 0, len(body)), body[:at]...)
	first := true
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil
		}
		member := body[at:dec.InputOffset()]
		at += len(member)
		if text, _ := key.(string); strings.EqualFold(text, name) {
			continue
		}
		// The comma joined it to a member that went.
		if rest := bytes.TrimLeft(member, " \t\r\n"); first && rest[0] == ',' {
			kept = append(kept, member[:len(member)-len(rest)]...)
			member = rest[1:]
		}
		first = false
		kept = append(kept, member...)
	}
	if _, err := dec.Token(); err != nil {
		return nil
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil
	}
	return append(kept, body[at:]...)
}
