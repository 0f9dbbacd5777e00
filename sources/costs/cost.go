package costs

import (
	"cmp"
	"errors"
	"fmt"
	"mime"
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
//	format       csv (the default), google-ads-csv or meta-csv
//	account      the account the file is about, if it has no such column
//	source       what its rows are to be matched with as utm_source
//	medium       and as utm_medium
//	date_format  DMY or MDY, for dates like 1/4/2026
//	decimal      "." or ",", for amounts like 1.234
//
// Rows of one day, campaign, ad (and so on) are added up. A later file
// replaces the days and campaigns that it names: platforms restate the past.
type Cost struct {
	config  ingest.SourceConfig
	options options
	format  *format
}

type options struct {
	Format     string `json:"format"`
	Account    string `json:"account"`
	Source     string `json:"source"`
	Medium     string `json:"medium"`
	DateFormat string `json:"date_format"`
	Decimal    string `json:"decimal"`
}

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
		return nil, fmt.Errorf("options.format: must be csv, google-ads-csv or meta-csv (got %q)", c.options.Format)
	}
	switch c.options.DateFormat = strings.ToUpper(c.options.DateFormat); c.options.DateFormat {
	case "", dayFirst, monthFirst:
	default:
		return nil, fmt.Errorf("options.date_format: must be DMY or MDY (got %q)", c.options.DateFormat)
	}
	switch c.options.Decimal {
	case "", ".", ",":
	default:
		return nil, fmt.Errorf("options.decimal: must be . or , (got %q)", c.options.Decimal)
	}
	if config.Currency != "" && !knownCurrency(config.Currency) {
		return nil, fmt.Errorf("currency: not an ISO 4217 code (got %q)", config.Currency)
	}
	return c, nil
}

// Verify checks the sender's token.
func (c *Cost) Verify(d *ingest.Delivery) error { return signature.Token(d, c.config.Secrets) }

// Decode reads the whole file, or refuses it with the lines at fault.
func (c *Cost) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	if err := checkMediaType(d.Header.Get("Content-Type")); err != nil {
		return nil, err
	}
	text, err := decodeText(d.Body)
	if err != nil {
		return nil, fileError(err)
	}
	t, err := readTable(text, c.format)
	if err != nil {
		return nil, fileError(err)
	}
	rows, err := c.readRows(t)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, ingest.Ignored("the file has a header but no rows")
	}
	events := make([]ingest.Event, len(rows))
	for i := range rows {
		events[i] = ingest.Event{Kind: ingest.CostKind, Key: rows[i].key, Mutable: true, Cost: &rows[i].cost}
	}
	return events, nil
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
func checkMediaType(header string) error {
	mediaType, _, _ := mime.ParseMediaType(header)
	switch {
	case mediaType == "application/json", strings.HasPrefix(mediaType, "multipart/"),
		strings.Contains(mediaType, "spreadsheetml"), strings.HasPrefix(mediaType, "image/"):
		return fmt.Errorf("%w: %s; send the file itself as text/csv", ingest.ErrMediaType, mediaType)
	}
	return nil
}

func knownCurrency(code string) bool {
	_, err := currency.ParseISO(code)
	return err == nil && len(code) == 3 && strings.ToUpper(code) == code
}
