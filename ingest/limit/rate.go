package limit

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Rate is how many requests a key may make within a window. The zero Rate is
// no limit.
type Rate struct {
	Count int64
	Per   time.Duration
}

var periods = map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}

// ParseRate reads "100/s", "600/m", "10000/h" or "1/d". Empty text and "0" are
// no limit.
func ParseRate(text string) (Rate, error) {
	text = strings.TrimSpace(text)
	if text == "" || text == "0" {
		return Rate{}, nil
	}
	count, unit, _ := strings.Cut(text, "/")
	n, err := strconv.ParseInt(strings.TrimSpace(count), 10, 64)
	per, known := periods[strings.TrimSpace(unit)]
	if err != nil || !known || n < 1 {
		return Rate{}, fmt.Errorf("not a rate such as 100/s, 600/m, 10000/h or 0 for none (got %q)", text)
	}
	return Rate{Count: n, Per: per}, nil
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
