package costs

import (
	"errors"
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"github.com/leadgate/leadgate/ingest"
)

var (
	errAmount    = errors.New("not an amount of money")
	errAmbiguous = errors.New("may have thousands or decimals; set options.decimal to . or ,")
	errGroups    = errors.New("its thousands are not grouped by three digits")
	errCount     = errors.New("not a whole number")
	errMicros    = errors.New("not a whole number of micros; if amounts are in units, set options.money to units")
	errWhole     = errors.New("may be micros or whole units; set options.money to micros or units")
	errCurrency  = errors.New("the amount is marked with another currency")
)

// amount is the text of a number, taken apart.
type amount struct {
	negative bool
	digits   string // digits, and the separators between them
	mark     string // what stands around them, as "US$" or "EUR"
}

var amountMarks = strings.NewReplacer(
	"\u2212", "-", "\u00a0", " ", "\u202f", " ", "\u2009", " ", "\u2019", "'", "\u200e", "", "\u200f", "")

// splitAmount takes "-US$ 1,234.50" apart. It allows one sign, before the
// digits.
func splitAmount(text string) (amount, error) {
	text = amountMarks.Replace(text)
	first := strings.IndexAny(text, "0123456789")
	last := strings.LastIndexAny(text, "0123456789")
	if first < 0 {
		return amount{}, errAmount
	}
	before, after := text[:first], text[last+1:]
	a := amount{digits: text[first : last+1]}
	if strings.Trim(a.digits, "0123456789.,' ") != "" || strings.HasSuffix(before, ".") || strings.HasSuffix(before, ",") {
		return amount{}, errAmount
	}
	if unsigned := strings.Replace(before, "-", "", 1); unsigned != before {
		before, a.negative = unsigned, true
	}
	a.mark = strings.TrimSpace(before) + strings.TrimSpace(after)
	return a, nil
}

// decimalOf returns the sign that must be the decimal one in digits, or 0 if
// digits does not tell; doubtful then says that it depends on the sign.
func decimalOf(digits string) (decimal byte, doubtful bool) {
	point, comma := strings.LastIndexByte(digits, '.'), strings.LastIndexByte(digits, ',')
	switch {
	case point < 0 && comma < 0:
		return 0, false
	case point >= 0 && comma >= 0:
		return digits[max(point, comma)], false
	}
	at := max(point, comma)
	sign := digits[at]
	switch whole := digits[:at]; {
	case strings.IndexByte(whole, sign) >= 0:
		return '.' + ',' - sign, false
	case len(digits)-at-1 == 3 && len(whole) <= 3 && whole[0] != '0':
		return 0, true
	}
	return sign, false
}

// plain returns digits as decimal text with a point.
func plain(digits string, decimal byte) (string, error) {
	whole, fraction := digits, ""
	if at := strings.IndexByte(digits, decimal); decimal != 0 && at >= 0 {
		whole, fraction = digits[:at], digits[at+1:]
	}
	whole, err := ungroup(whole)
	switch {
	case err != nil:
		return "", err
	case strings.Trim(fraction, "0123456789") != "":
		return "", errAmount
	case fraction == "":
		return whole, nil
	}
	return whole + "." + fraction, nil
}

// ungroup takes thousands separators out: all the same, three digits behind
// each (two between the first, as in India: 12,34,567).
func ungroup(text string) (string, error) {
	at := strings.IndexAny(text, "., '")
	if at < 0 {
		return text, nil
	}
	groups := strings.Split(text, text[at:at+1])
	for i, group := range groups {
		last := i == len(groups)-1
		switch {
		case strings.Trim(group, "0123456789") != "", len(group) == 0 || len(group) > 3,
			last && len(group) != 3, i > 0 && len(group) < 2:
			return "", errGroups
		}
	}
	return strings.Join(groups, ""), nil
}

// money reads an amount whose decimal sign is known (0: it has no doubtful
// one), and checks its mark against the currency it is to be in.
func (a amount) money(decimal byte, currency string) (ingest.Micros, error) {
	if !marks(a.mark, currency) {
		return 0, errCurrency
	}
	text, err := plain(a.digits, decimal)
	if err != nil {
		return 0, err
	}
	if a.negative {
		text = "-" + text
	}
	return ingest.ParseMicros(text)
}

// leastMicros is a hundredth of a unit: amounts are hardly ever less.
const leastMicros = 10_000

// readMicros reads a whole number of millionths. sure says that it is one.
func readMicros(text string, sure bool) (ingest.Micros, error) {
	if whole, fraction, found := strings.Cut(text, "."); found && strings.Trim(fraction, "0") == "" {
		text = whole
	}
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil:
		return 0, errMicros
	case !sure && n != 0 && -leastMicros < n && n < leastMicros:
		return 0, errWhole
	}
	return ingest.Micros(n), nil
}

// A number of JSON, as short as one of money can be.
var jsonNumber = regexp.MustCompile(`^-?[0-9]{1,18}(\.[0-9]{0,40})?([eE][+-]?[0-9]{1,2})?$`)

// rounded returns a number of JSON as decimal text with six decimals. Programs
// write more, as in "57.43000000000001".
func rounded(text string) (string, bool) {
	if !jsonNumber.MatchString(text) {
		return text, false
	}
	number, ok := new(big.Rat).SetString(text)
	if !ok {
		return text, false
	}
	return number.FloatString(6), true
}

// count reads a whole number that is not negative.
func (a amount) count(decimal byte) (int64, error) {
	if a.negative || a.mark != "" || decimal != 0 && strings.IndexByte(a.digits, decimal) >= 0 {
		return 0, errCount
	}
	digits, err := ungroup(a.digits)
	if err != nil {
		return 0, errCount
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0, errCount
	}
	return n, nil
}

// currencyMarks are signs of money and the currencies they can stand for. "$"
// and "¥" are used for too many to tell anything.
var currencyMarks = map[string]string{
	"€": "EUR", "£": "GBP EGP LBP SYP SDG GIP FKP SHP", "₽": "RUB", "руб": "RUB BYN", "руб.": "RUB BYN", "р.": "RUB BYN",
	"₹": "INR", "₴": "UAH", "₸": "KZT", "₺": "TRY", "₪": "ILS", "₩": "KRW", "₫": "VND", "฿": "THB", "₱": "PHP", "₦": "NGN",
	"zł": "PLN", "kč": "CZK", "ft": "HUF", "lei": "RON", "kr": "SEK NOK DKK ISK", "kr.": "SEK NOK DKK ISK", "fr.": "CHF",
	"us$": "USD", "ca$": "CAD", "a$": "AUD", "au$": "AUD", "nz$": "NZD", "r$": "BRL", "mx$": "MXN", "hk$": "HKD", "nt$": "TWD",
	"s$": "SGD", "r": "ZAR", "cn¥": "CNY", "jp¥": "JPY",
}

// marks tells whether an amount so marked can be in the currency.
func marks(mark, currency string) bool {
	switch {
	case mark == "", mark == "$", mark == "¥", strings.EqualFold(mark, currency):
		return true
	}
	return strings.Contains(currencyMarks[strings.ToLower(mark)], currency)
}
