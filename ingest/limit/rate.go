package limit

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// Rate is how many requests a key may make within a window, or how much they may
// weigh. The zero Rate is no limit.
type Rate struct {
	Count int64
	Per   time.Duration
}

var periods = map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}

// ParseRate reads "100/s", "600/m", "10000/h" or "1/d". Empty text and "0" are
// no limit.
func ParseRate(text string) (Rate, error) {
	return parse(text, "100/s, 600/m, 10000/h", func(count string) (int64, error) { return strconv.ParseInt(count, 10, 64) })
}

// ParseByteRate reads "10MiB/s", "1GiB/h" or "65536/s".
func ParseByteRate(text string) (Rate, error) {
	return parse(text, "10MiB/s, 600MiB/m, 1GiB/h", func(count string) (int64, error) {
		n, err := humanize.ParseBytes(count)
		return int64(min(n, maxCount)), err
	})
}

// maxCount is far beyond any traffic, and leaves room for arithmetic.
const maxCount = 1 << 53

func parse(text, examples string, parseCount func(string) (int64, error)) (Rate, error) {
	text = strings.TrimSpace(text)
	if text == "" || text == "0" {
		return Rate{}, nil
	}
	count, unit, _ := strings.Cut(text, "/")
	n, err := parseCount(strings.TrimSpace(count))
	per, known := periods[strings.TrimSpace(unit)]
	if err != nil || !known || n < 1 {
		return Rate{}, fmt.Errorf("not a rate such as %s or 0 for none (got %q)", examples, text)
	}
	return Rate{Count: min(n, maxCount), Per: per}, nil
}

// Times is the rate multiplied.
func (r Rate) Times(n int64) Rate {
	r.Count *= n
	return r
}

// Off tells whether the rate is no limit.
func (r Rate) Off() bool { return r.Count <= 0 || r.Per <= 0 }

// String returns what ParseRate reads.
func (r Rate) String() string {
	if r.Off() {
		return "0"
	}
	for unit, per := range periods {
		if per == r.Per {
			return strconv.FormatInt(r.Count, 10) + "/" + unit
		}
	}
	return strconv.FormatInt(r.Count, 10) + "/" + r.Per.String()
}
