package normalize_test

import (
	"testing"
	"time"

	"github.com/leadgate/leadgate/sources/normalize"
)

// An address that was reduced stays as it is when it is reduced again, and
// says the same of the visit.
func FuzzURL(f *testing.F) {
	for _, text := range []string{
		"https://www.example.com/a?utm_source=x&gclid=Cj0&name=Kim#?fbclid=y", "http://user:pw@EXAMPLE.com:80/%2F?utm_medium=%257Bx%257D",
		"android-app://com.example", "//example.com", "https://example.com/?utm_source=%", "https://пример.рф/%zz?a", "https://a/?utm_source={{x}}",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		page := normalize.PageURL(text)
		if again := normalize.PageURL(page); again != page {
			t.Errorf("%q became %q, and that %q", text, page, again)
		}
		referrer := normalize.Referrer(text)
		if again := normalize.Referrer(referrer); again != referrer {
			t.Errorf("%q became %q, and that %q", text, referrer, again)
		}
		if len(page) > 4<<10 || len(referrer) > 4<<10 {
			t.Errorf("%d and %d bytes", len(page), len(referrer))
		}
		normalize.Tags(normalize.Tagging(text))
		normalize.Macro(text)
		for _, name := range []string{"_fbc", "_gcl_aw", "_gcl_gb", "_gac_1"} {
			normalize.ClickIDFromCookie(name, text)
		}
	})
}

// A time that is read is UTC, in whole microseconds, within what can be stored.
func FuzzTime(f *testing.F) {
	for _, text := range []string{
		"2026-01-31T10:00:00Z", "2026-01-31 10:00:00 +0100", "Sat, 31 Jan 2026 10:00:00 GMT", "1769850000", "1769850000.123456",
		"1769850000000", "2026-03-29 02:30", "2026-01-31 10:00:00 UTC", "Sat, 31 Jan 2026 10:00:00 -0000 (PST)",
	} {
		f.Add(text)
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, _, err := normalize.Time(text, berlin)
		if err != nil {
			return
		}
		if at.Location() != time.UTC || at.Nanosecond()%1000 != 0 || at.Year() < 1969 || at.Year() > 2201 {
			t.Errorf("%q became %v", text, at)
		}
		if again, _, err := normalize.Time(at.Format(time.RFC3339Nano), berlin); err != nil || !again.Equal(at) {
			t.Errorf("%q became %v, and that %v, %v", text, at, again, err)
		}
	})
}
