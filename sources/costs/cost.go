package costs

import (
	"cmp"
	"errors"
	"fmt"
	"mime"
	"net/url"
	"strings"

	"golang.org/x/text/currency"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/signature"
)

// MaxBody is the size in bytes of the largest file that a cost source takes.
const MaxBody = 32 << 20

// maxRows bounds the rows of one file.
const maxRows = 200_000

// maxGrains bounds the events that they can mean (see package intake).
const maxGrains = 100_000

// maxProblems bounds the lines that a refusal names.
const maxProblems = 50

// Cost is the source type "cost": a file of what was spent per day, sent with
// a token. Its options:
//
//	format       csv (the default), json, or one of the platforms' own; see formats
//	account      the account the file is about, if it has no such column
//	source       what its rows are to be matched with as utm_source
//	medium       and as utm_medium
//	date_format  DMY or MDY, for dates like 1/4/2026
//	decimal      "." or ",", for amounts like 1.234
//	money        units or micros, where amounts are in other than the format says
//	mapping      for columns (as in csv) their names in the file: {cost: Net spend};
//	             in JSON, paths: {cost: metrics.cost_micros}
//	rows         for JSON, the path of the list of records: data.items
//	replace      day or rows
//
// Rows of one day, campaign, ad (and so on) are added up. The currency of a row is
// that of its column, else of the header of its amount, else the source's.
//
// Importing a day again replaces it: platforms restate the past. With replace:
// day a delivery tells all costs of the days in it, for each account and level
// (account, campaign, adgroup, ad or keyword: the finest that it has columns for),
// and what earlier deliveries told of these and it does not is counted no more.
// Where the platform or utm_source stands in the rows, each is an account of its
// own; files that do not name the account are all about one, so give each account
// a source. With replace: rows a delivery replaces the rows that it has, and
// nothing vanishes. The default is day for tables and for JSON answers that are
// whole, and rows for pages of an answer and for the format json. A sender can say
// it for one delivery: POST /in/costs?replace=rows. Which of two deliveries is
// later goes by the time of receipt, whenever they are counted.
type Cost struct {
	config  ingest.SourceConfig
	options options
	format  *format
}

type options struct {
	Format     string            `json:"format"`
	Account    string            `json:"account"`
	Source     string            `json:"source"`
	Medium     string            `json:"medium"`
	DateFormat string            `json:"date_format"`
	Decimal    string            `json:"decimal"`
	Money      string            `json:"money"`
	Mapping    map[string]string `json:"mapping"`
	Rows       string            `json:"rows"`
	Replace    string            `json:"replace"`
}

// What a delivery replaces.
const (
	replaceDay  = "day"
	replaceRows = "rows"
)

// NewCost returns a source of type "cost". Errors name the configuration key.
func NewCost(config ingest.SourceConfig) (ingest.Source, error) {
	c := &Cost{config: config}
	if err := config.RequireSecrets(); err != nil {
		return nil, err
	}
	if err := config.DecodeOptions(&c.options); err != nil {
		return nil, err
	}
	c.options.Format = cmp.Or(c.options.Format, "csv")
	if c.format = formats[c.options.Format]; c.format == nil {
		return nil, fmt.Errorf("options.format: must be one of %s (got %q)", strings.Join(Formats(), ", "), c.options.Format)
	}
	c.options.DateFormat = strings.ToUpper(c.options.DateFormat)
	for _, o := range [...]struct{ name, value, one, other string }{
		{"date_format", c.options.DateFormat, dayFirst, monthFirst},
		{"decimal", c.options.Decimal, ".", ","},
		{"money", c.options.Money, string(inUnits), string(inMicros)},
		{"replace", c.options.Replace, replaceDay, replaceRows},
	} {
		if o.value != "" && o.value != o.one && o.value != o.other {
			return nil, fmt.Errorf("options.%s: must be %s or %s (got %q)", o.name, o.one, o.other, o.value)
		}
	}
	if c.options.Rows != "" && c.format.json == nil {
		return nil, fmt.Errorf("options.rows: the format %s is no JSON", c.options.Format)
	}
	var err error
	if c.format, err = c.format.mapped(c.options.Mapping); err != nil {
		return nil, err
	}
	if config.Currency != "" && !knownCurrency(config.Currency) {
		return nil, fmt.Errorf("currency: not an ISO 4217 code (got %q)", config.Currency)
	}
	return c, nil
}

// Verify checks the sender's token.
func (c *Cost) Verify(d *ingest.Delivery) error { return signature.Token(d, c.config.Secrets) }

// Authorized checks the token, which is never in the body.
func (c *Cost) Authorized(d *ingest.Delivery) error { return c.Verify(d) }

// Decode reads the whole file, or refuses it with the lines at fault.
func (c *Cost) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	if err := c.checkMediaType(d.Header.Get("Content-Type")); err != nil {
		return nil, err
	}
	text, err := decodeText(d.Body)
	if err != nil {
		return nil, fileError(err)
	}
	t, part, err := c.read(text)
	if err != nil {
		return nil, fileError(err)
	}
	whole, err := c.replacesDays(d, part)
	if err != nil {
		return nil, err
	}
	rows, err := c.readRows(t)
	switch {
	case err != nil:
		return nil, err
	case len(rows) == 0 && t.unit == "record":
		return nil, ingest.Ignored("the list of rows is empty")
	case len(rows) == 0:
		return nil, ingest.Ignored("the file has a header but no rows")
	}
	events := make([]ingest.Event, len(rows))
	for i := range rows {
		rows[i].cost.Whole = whole
		events[i] = ingest.Event{Kind: ingest.CostKind, Key: rows[i].key, Mutable: true, Cost: &rows[i].cost}
	}
	return events, nil
}

// read cuts the file into rows. part says that it is only a part of what it is
// about.
func (c *Cost) read(text []byte) (t *table, part bool, err error) {
	switch structured := isJSON(text); {
	case c.format.json != nil && (structured || c.format.columns == nil):
		return readRecords(text, c.format, c.options.Rows)
	case structured:
		return nil, false, fmt.Errorf("is JSON, but the format %s is a table of text", c.options.Format)
	}
	if err := checkLines(text); err != nil {
		return nil, false, err
	}
	t, err = readTable(text, c.format)
	return t, false, err
}

// replacesDays tells whether the delivery tells all of its days.
func (c *Cost) replacesDays(d *ingest.Delivery, part bool) (bool, error) {
	replace := c.options.Replace
	if at, err := url.Parse(d.URL); err == nil && at.Query().Has("replace") {
		replace = at.Query().Get("replace")
	}
	switch replace {
	case replaceDay, replaceRows:
		return replace == replaceDay, nil
	case "":
		return !part, nil
	}
	invalid := &ingest.InvalidError{}
	invalid.Add("replace", "must be %s or %s", replaceDay, replaceRows)
	return false, invalid
}

// fileError turns what is wrong with a file as a whole into the answer that
// its sender gets.
func fileError(err error) error {
	var invalid *ingest.InvalidError
	if errors.As(err, &invalid) || errors.Is(err, ingest.ErrMalformed) {
		return err
	}
	invalid = &ingest.InvalidError{}
	invalid.Add("file", "%s", err)
	return invalid
}

// checkMediaType refuses what is surely no text file. Command-line tools send
// CSV under many names, so the rest is let through.
func (c *Cost) checkMediaType(header string) error {
	mediaType, _, _ := mime.ParseMediaType(header)
	switch {
	case mediaType == "application/json" && c.format.json == nil, strings.HasPrefix(mediaType, "multipart/"),
		strings.Contains(mediaType, "spreadsheetml"), strings.HasPrefix(mediaType, "image/"):
		return fmt.Errorf("%w: %s; send the file itself as text/csv", ingest.ErrMediaType, mediaType)
	}
	return nil
}

func knownCurrency(code string) bool {
	_, err := currency.ParseISO(code)
	return err == nil && len(code) == 3 && strings.ToUpper(code) == code
}
