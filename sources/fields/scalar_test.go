package fields_test

import (
	"testing"

	"github.com/leadgate/leadgate/sources/fields"
)

func TestScalar(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		`"a \u00e9"`: "a é", `9007199254740993`: "9007199254740993", `1.50`: "1.50", `true`: "true",
		`null`: "", `{"a":1}`: "", `["a"]`: "",
	} {
		if got, err := fields.Scalar([]byte(value)); got != want || err != nil {
			t.Errorf("%s: got %q, %v", value, got, err)
		}
	}
	for _, value := range []string{"", `"a`} {
		if got, err := fields.Scalar([]byte(value)); err == nil {
			t.Errorf("%q: got %q", value, got)
		}
	}
}
