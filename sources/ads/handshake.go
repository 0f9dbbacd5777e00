package ads

import (
	"net/url"
	"strings"

	"github.com/leadgate/leadgate/ingest"
)

// plainText is the type of answers that are compared letter by letter.
const plainText = "text/plain; charset=utf-8"

// queryOf returns the parameters of the URL, as far as they can be read.
func queryOf(d *ingest.Delivery) url.Values {
	_, query, _ := strings.Cut(d.URL, "?")
	values, _ := url.ParseQuery(query) // what is broken is not there
	return values
}
