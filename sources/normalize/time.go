package normalize

import (
	"errors"
	"net/mail"
	"strconv"
	"strings"
	"time"
)

var errTime = errors.New("not a time: write it as 2026-01-31T15:04:05+01:00 or as seconds since 1970")

// zoned are the layouts that carry an offset; RFC 3339 stands first. Fractions
// of a second are read although the layouts do not show them.
var zoned = [...]string{
	time.RFC3339, "2006-01-02T15:04:05-0700", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05 Z07:00",
	"2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05-0700", "2006-01-02T15:04Z07:00",
}

var local = [...]string{
	"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly,
}

// obsolete are the zone names of RFC 822 (§4.3 of RFC 5322), which Go's parser
// takes for zones without an offset.
var obsolete = map[string]string{
	"UT": "+0000", "UTC": "+0000", "GMT": "+0000", "Z": "+0000", "EST": "-0500", "EDT": "-0400", "CST": "-0600",
	"CDT": "-0500", "MST": "-0700", "MDT": "-0600", "PST": "-0800", "PDT": "-0700",
}

// Time reads RFC 3339, the same with "+0000" or a blank, RFC 2822, seconds,
// milli- or microseconds since 1970, and times and dates without a zone, which
// are those of loc (a date is its midnight). The result is UTC in whole
// microseconds; zone is what the sender wrote ("-06:00", "UTC"), the name of
// loc if it wrote none, or "" for numbers.
func Time(text string, loc *time.Location) (t time.Time, zone string, err error) {
	text = strings.TrimSpace(text)
	if len(text) < 10 || len(text) > 64 {
		return time.Time{}, "", errTime
	}
	switch {
	case strings.Trim(text, "0123456789.") == "":
		t, err = unix(text)
	case text[0] >= '0' && text[0] <= '9' && text[4] == '-':
		t, zone, err = iso(text, loc)
	default:
		t, zone, err = rfc2822(text)
	}
	if err != nil || t.Year() < 1970 || t.Year() > 2200 {
		return time.Time{}, "", errTime
	}
	return t.UTC().Truncate(time.Microsecond), zone, nil
}

func unix(text string) (time.Time, error) {
	whole, fraction, _ := strings.Cut(text, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return time.Time{}, errTime
	}
	switch len(whole) {
	case 10:
		nanos, err := strconv.ParseInt((fraction + "000000000")[:9], 10, 64)
		return time.Unix(n, nanos), err
	case 13:
		return time.UnixMilli(n), nil
	case 16:
		return time.UnixMicro(n), nil
	}
	return time.Time{}, errTime
}

func iso(text string, loc *time.Location) (time.Time, string, error) {
	if at, ok := strings.CutSuffix(text, " UTC"); ok {
		text = at + "Z"
	}
	if len(text) < 10 {
		return time.Time{}, "", errTime
	}
	if len(text) == 19 || len(text) == 10 || len(text) == 16 || !strings.ContainsAny(text[10:], "Z+-") {
		for _, layout := range local {
			if t, err := time.ParseInLocation(layout, text, loc); err == nil {
				return t, loc.String(), nil
			}
		}
		return time.Time{}, "", errTime
	}
	for _, layout := range zoned {
		if t, err := time.Parse(layout, text); err == nil {
			return t, offset(t, strings.HasSuffix(text, "Z")), nil
		}
	}
	return time.Time{}, "", errTime
}

func rfc2822(text string) (time.Time, string, error) {
	cut := strings.LastIndexByte(text, ' ') + 1
	digits, named := obsolete[strings.ToUpper(text[cut:])]
	if named {
		text = text[:cut] + digits
	}
	t, err := mail.ParseDate(text)
	if err != nil {
		return time.Time{}, "", errTime
	}
	return t, offset(t, named && digits == "+0000"), nil
}

func offset(t time.Time, utc bool) string {
	if utc {
		return "UTC"
	}
	return t.Format("-07:00")
}
