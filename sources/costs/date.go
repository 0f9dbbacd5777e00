package costs

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The orders in which a date in figures may stand.
const (
	dayFirst   = "DMY"
	monthFirst = "MDY"
)

var (
	errDate      = errors.New("not a date that can be read; write 2026-01-31")
	errYear      = errors.New("the year needs four digits")
	errRange     = errors.New("is about several days; export the report by day")
	errHour      = errors.New("has a time of day; export the report by day")
	errDateOrder = errors.New("may be day/month or month/day; set options.date_format to DMY or MDY")
)

// date is a day as a cell has it. With open set, the first two numbers may be
// day and month or month and day.
type date struct {
	year, first, second int
	open                bool
}

// parseDate reads 2026-01-31, 2026/1/31, 20260131, 31.01.2026 (always the day
// first), 1/31/2026, and dates with the month's name in English, German,
// French, Spanish or Russian.
func parseDate(text string) (date, error) {
	if d, ok := isoDate(text); ok {
		return d, nil
	}
	text = strings.TrimSpace(amountMarks.Replace(text))
	text, clock, timed := cutClock(text)
	if timed && strings.Trim(clock, "0:.Z+") != "" {
		return date{}, errHour
	}
	if len(text) == 8 && strings.Trim(text, "0123456789") == "" {
		text = text[:4] + "-" + text[4:6] + "-" + text[6:]
	}
	for _, separator := range [...]string{"-", "/", "."} {
		if parts := strings.Split(text, separator); len(parts) == 3 {
			if d, err := figures(parts, separator); err == nil || !errors.Is(err, errDate) {
				return d, err
			}
		}
	}
	return worded(text)
}

// isoDate reads 2026-01-31, as nearly every row of nearly every file has it.
func isoDate(text string) (date, bool) {
	if len(text) != len(time.DateOnly) || text[4] != '-' || text[7] != '-' {
		return date{}, false
	}
	var n [3]int
	for i, part := range [...]string{text[:4], text[5:7], text[8:]} {
		for _, c := range []byte(part) {
			if c < '0' || c > '9' {
				return date{}, false
			}
			n[i] = 10*n[i] + int(c-'0')
		}
	}
	return date{year: n[0], first: n[2], second: n[1]}, true
}

// cutClock cuts a time of day off a date in ISO form.
func cutClock(text string) (day, clock string, found bool) {
	if len(text) < 12 || text[4] != '-' || strings.IndexByte(" T|", text[10]) < 0 {
		return text, "", false
	}
	return text[:10], text[11:], true
}

// oneDay returns the day of a range in ISO form that is one ("2026-01-04/2026-01-04").
func oneDay(text string) (string, error) {
	from, to, found := strings.Cut(strings.TrimSpace(text), "/")
	switch {
	case !found || len(from) != len(time.DateOnly) || from[4] != '-':
		return text, nil
	case from != to:
		return "", errRange
	}
	return from, nil
}

// hourless cuts off which hour of its day a cell is about.
func hourless(text string) string {
	text = strings.TrimSpace(text)
	if day, clock, timed := cutClock(text); timed && strings.Trim(clock, "0123456789:") == "" {
		return day
	}
	return text
}

func figures(parts []string, separator string) (date, error) {
	var n [3]int
	for i, part := range parts {
		part = strings.TrimSpace(part)
		if len(part) == 0 || len(part) > 4 || strings.Trim(part, "0123456789") != "" {
			return date{}, errDate
		}
		n[i], _ = strconv.Atoi(part)
	}
	switch first, last := len(parts[0]), len(strings.TrimSpace(parts[2])); {
	case first == 4 && last <= 2:
		return date{year: n[0], first: n[2], second: n[1]}, nil
	case last == 4 && first <= 2 && separator == ".":
		return date{year: n[2], first: n[0], second: n[1]}, nil
	case last == 4 && first <= 2:
		return date{year: n[2], first: n[0], second: n[1], open: true}, nil
	case first <= 2 && last == 2:
		return date{}, errYear
	}
	return date{}, errDate
}

// worded reads a date with a month's name, wherever it stands.
func worded(text string) (date, error) {
	d, weekday := date{}, false
	for word := range strings.FieldsFuncSeq(strings.ToLower(text), func(c rune) bool { return c == ' ' || c == ',' || c == '.' }) {
		n, err := strconv.Atoi(word)
		switch month := monthNames[word]; {
		case month != 0 && (d.second == 0 || weekday):
			d.second, weekday = month, word == "mar" // also Tuesday, in French and Spanish
		case err == nil && len(word) == 4 && d.year == 0:
			d.year = n
		case err == nil && len(word) <= 2 && d.first == 0:
			d.first = n
		case err != nil && fillers[word]:
		default:
			return date{}, errDate
		}
	}
	return d, nil
}

// order returns which order the date must stand in, "" if it does not tell.
func (d date) order() string {
	switch {
	case !d.open:
	case d.first > 12:
		return dayFirst
	case d.second > 12:
		return monthFirst
	}
	return ""
}

// day returns the date as 2026-01-31, in the given order if it is open.
func (d date) day(order string) (string, error) {
	if d.open && d.first != d.second {
		switch order {
		case monthFirst:
			d.first, d.second = d.second, d.first
		case "":
			return "", errDateOrder
		}
	}
	day := fmt.Sprintf("%04d-%02d-%02d", d.year, d.second, d.first)
	if _, err := time.Parse(time.DateOnly, day); err != nil || d.year < 2000 || d.year > 2100 {
		return "", errDate
	}
	return day, nil
}

var monthNames = monthTable(
	"jan january januar jän jänner janv janvier ene enero янв январь января",
	"feb february februar févr fév février febrero февр фев февраль февраля",
	"mar march mär mrz märz mars marzo мар март марта",
	"apr april avr avril abr abril апр апрель апреля",
	"may mai mayo май мая",
	"jun june juni juin junio июн июнь июня",
	"jul july juli juil juillet julio июл июль июля",
	"aug august août aoû ago agosto авг август августа",
	"sep sept september septembre septiembre set сент сен сентябрь сентября",
	"oct october okt oktober octobre octubre окт октябрь октября",
	"nov november novembre noviembre нояб ноя ноябрь ноября",
	"dec december dez dezember déc décembre dic diciembre дек декабрь декабря",
)

func monthTable(months ...string) map[string]int {
	table := make(map[string]int)
	for i, names := range months {
		for name := range strings.FieldsSeq(names) {
			table[name] = i + 1
		}
	}
	return table
}

// fillers are the other words of a written date: days of the week and the
// like. Those that are also months ("mar") are read as months.
var fillers = func() map[string]bool {
	words := make(map[string]bool)
	for word := range strings.FieldsSeq("de del of г года the " +
		"mon tue wed thu fri sat sun mo di mi do fr sa so lun mer jeu ven sam dim mié jue vie sáb dom пн вт ср чт пт сб вс") {
		words[word] = true
	}
	return words
}()
