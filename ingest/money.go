package ingest

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Micros is an amount of money in millionths of the currency's unit.
type Micros int64

var errMoney = errors.New("not a decimal amount with at most 6 decimals")

// ParseMicros reads plain decimal text ("-12.5", "20000.00"): an optional
// sign, digits, and at most six decimals behind a point; trailing zeros
// beyond are accepted. No thousands separators, no exponent.
func ParseMicros(text string) (Micros, error) {
	digits, negative := strings.CutPrefix(text, "-")
	whole, fraction, pointed := strings.Cut(digits, ".")
	if trimmed := strings.TrimRight(fraction, "0"); len(fraction) > 6 {
		fraction = trimmed
	}
	if len(whole) == 0 || pointed && len(strings.TrimPrefix(digits, whole)) == 1 || len(fraction) > 6 {
		return 0, errMoney
	}
	fraction += strings.Repeat("0", 6-len(fraction))
	for _, c := range whole + fraction {
		if c < '0' || c > '9' {
			return 0, errMoney
		}
	}
	n, err := strconv.ParseInt(whole+fraction, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("amount out of range (at most %d)", int64(math.MaxInt64)/1e6)
	}
	if negative {
		n = -n
	}
	return Micros(n), nil
}

// String returns decimal text with at least two and at most six decimals.
func (m Micros) String() string {
	n, sign := uint64(m), ""
	if m < 0 {
		n, sign = -n, "-"
	}
	text := fmt.Sprintf("%s%d.%06d", sign, n/1e6, n%1e6)
	for text[len(text)-1] == '0' && text[len(text)-3] != '.' {
		text = text[:len(text)-1]
	}
	return text
}
