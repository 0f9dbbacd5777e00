package costs

import (
	"strings"
	"testing"
	"time"
)

// An amount that is read is what its digits say; one that cannot be read with
// certainty is refused.
func FuzzAmount(f *testing.F) {
	for _, text := range []string{"1,234.50", "-US$ 1.234,50", "12,34,567.8", "€ 1 234", "1'234", "−5", "1.234", "0,5 руб.", "1.", ".5", "--1", "1,23,4"} {
		f.Add(text, byte('.'), "USD")
		f.Add(text, byte(','), "EUR")
		f.Add(text, byte(0), "RUB")
	}
	f.Fuzz(func(t *testing.T, text string, decimal byte, currency string) {
		if decimal != '.' && decimal != ',' {
			decimal = 0
		}
		a, err := splitAmount(text)
		if err != nil {
			return
		}
		if strings.Trim(a.digits, "0123456789.,' ") != "" {
			t.Fatalf("digits %q", a.digits)
		}
		_, _ = decimalOf(a.digits)
		_, _ = a.count(decimal)
		money, err := a.money(decimal, currency)
		if err != nil {
			return
		}
		if a.negative && money > 0 || !a.negative && money < 0 {
			t.Errorf("%q became %v", text, money)
		}
		// What is read can be written plainly and read again.
		plainly, err := splitAmount(money.String())
		if err != nil {
			t.Fatal(err)
		}
		if again, err := plainly.money('.', ""); err != nil || again != money {
			t.Errorf("%q became %v, and that %v, %v", text, money, again, err)
		}
	})
}

// A day that is read exists.
func FuzzDate(f *testing.F) {
	for _, text := range []string{"2026-01-31", "31.01.2026", "1/31/2026", "20260131", "31. Januar 2026", "Jan 31, 2026", "31 de enero de 2026", "2026-01-31T00:00:00Z", "31 янв. 2026 г."} {
		f.Add(text, "")
		f.Add(text, dayFirst)
		f.Add(text, monthFirst)
	}
	f.Fuzz(func(t *testing.T, text, order string) {
		if order != dayFirst && order != monthFirst {
			order = ""
		}
		d, err := parseDate(text)
		if err != nil {
			return
		}
		day, err := d.day(order)
		if err != nil {
			return
		}
		at, err := time.Parse(time.DateOnly, day)
		if err != nil || at.Format(time.DateOnly) != day {
			t.Errorf("%q became %q: %v", text, day, err)
		}
	})
}
