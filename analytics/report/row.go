package report

import (
	"fmt"
	"math"
	"math/big"

	"github.com/leadgate/leadgate/ingest"
)

// Measures are the columns behind the keys.
var Measures = []string{"cost", "currency", "clicks", "leads", "lead_rate", "cpl"}

// Report is the answer to a Query.
type Report struct {
	Query Echo
	// Columns are the keys of the query, then Measures.
	Columns []string
	Rows    []Row
	// Totals are the sums of the rows; its Keys are nil.
	Totals Row
	// Notes say what a reader has to know besides: what was left out and why.
	Notes []string
}

// Echo repeats what a report rests on.
type Echo struct {
	Report     string   `json:"report"`
	Workspace  string   `json:"workspace"`
	From       string   `json:"from"`
	To         string   `json:"to"`
	TZ         string   `json:"tz"`
	By         []string `json:"by"`
	Model      string   `json:"model"`
	Lookback   string   `json:"lookback"`
	Currency   *string  `json:"currency"` // nil: nothing cost anything
	Conversion string   `json:"conversion"`
}

// Row is one line. A nil field is unknown.
type Row struct {
	// Keys are the values of Query.By, in its order; "" is unknown.
	Keys     []string
	Cost     *ingest.Micros
	Currency string // of Cost; "" if that is unknown
	// Clicks are the platform's where it told them, else the touches we saw.
	Clicks *int64
	Leads  int64
	// LeadRate is Leads / Clicks.
	LeadRate *float64
	// CPL is Cost / Leads, rounded half-up to hundredths.
	CPL *ingest.Micros
}

// sums adds up one line.
type sums struct {
	cost, clicks, leads int64
	hasCost, hasClicks  bool
}

func (s *sums) addCost(m ingest.Micros) error {
	sum, err := add(s.cost, int64(m))
	s.cost, s.hasCost = sum, true
	return err
}

func (s *sums) addClicks(n int64) {
	s.clicks += n
	s.hasClicks = true
}

// row derives the rates. Leads are always known: we count them ourselves.
func (s sums) row(keys []string, currency string) Row {
	r := Row{Keys: keys, Leads: s.leads}
	if s.hasCost {
		cost := ingest.Micros(s.cost)
		r.Cost, r.Currency = &cost, currency
		if s.leads > 0 {
			cpl := perLead(cost, s.leads)
			r.CPL = &cpl
		}
	}
	if s.hasClicks {
		clicks := s.clicks
		r.Clicks = &clicks
		if clicks > 0 {
			rate := float64(s.leads) / float64(clicks)
			r.LeadRate = &rate
		}
	}
	return r
}

const hundredth = 10_000 // micros

// perLead divides exactly and rounds to hundredths, halves up.
func perLead(cost ingest.Micros, leads int64) ingest.Micros {
	// floor(cost/(leads·h) + 1/2) = floor((2·cost + leads·h) / (2·leads·h))
	step := new(big.Int).Mul(big.NewInt(leads), big.NewInt(hundredth))
	n := new(big.Int).Lsh(big.NewInt(int64(cost)), 1)
	n.Add(n, step)
	n.Div(n, step.Lsh(step, 1)) // Euclidean, which is floor for a positive divisor
	return ingest.Micros(n.Int64() * hundredth)
}

func add(a, b int64) (int64, error) {
	if b > 0 && a > math.MaxInt64-b || b < 0 && a < math.MinInt64-b {
		return 0, fmt.Errorf("the sum of the costs is out of range (at most %d); report a shorter time", int64(math.MaxInt64)/1e6)
	}
	return a + b, nil
}

// times multiplies a price.
func times(price ingest.Micros, n int64) (ingest.Micros, error) {
	product := new(big.Int).Mul(big.NewInt(int64(price)), big.NewInt(n))
	if !product.IsInt64() {
		return 0, fmt.Errorf("%d times %v is out of range", n, price)
	}
	return ingest.Micros(product.Int64()), nil
}
