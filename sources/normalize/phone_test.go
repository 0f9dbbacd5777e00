package normalize_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"

	"github.com/leadgate/leadgate/sources/normalize"
)

// fromLibrary is what Phone promises, by the library alone.
func fromLibrary(text, region string) string {
	number, err := phonenumbers.Parse(text, region)
	if err != nil && strings.HasPrefix(text, "00") {
		number, err = phonenumbers.Parse("+"+text[2:], "")
	}
	if err != nil || !phonenumbers.IsPossibleNumber(number) || text[0] != '+' && !phonenumbers.IsValidNumber(number) {
		return ""
	}
	return phonenumbers.Format(number, phonenumbers.E164)
}

// Plain digits are read by a shorter way than the library's. The answer is the
// library's, in every region, for the numbers that exist there and for others.
func TestPhone_AsTheLibrary(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	check := func(text, region string) {
		t.Helper()
		got, _ := normalize.Phone(text, region)
		if want := fromLibrary(text, region); got != want {
			t.Errorf("Phone(%q, %q) = %q, the library says %q", text, region, got, want)
		}
	}
	for region := range phonenumbers.GetSupportedRegions() {
		for _, kind := range []phonenumbers.PhoneNumberType{phonenumbers.FIXED_LINE, phonenumbers.MOBILE} {
			example := phonenumbers.GetExampleNumberForType(region, kind)
			if example == nil {
				continue
			}
			national := phonenumbers.NormalizeDigitsOnly(phonenumbers.Format(example, phonenumbers.NATIONAL))
			significant := phonenumbers.GetNationalSignificantNumber(example)
			international := phonenumbers.Format(example, phonenumbers.E164)
			for _, text := range []string{national, significant, international, international[1:], "00" + international[1:], "0" + significant} {
				check(text, region)
				other := []byte(text)
				other[len(other)-1-random.IntN(min(len(other)-1, 8))] = byte('0' + random.IntN(10))
				check(string(other), region)
			}
			check(national[:len(national)-1], region)
			check(national+"0", region)
			check(national, "DE")
			check(international, "US")
			check(strings.Replace(international, national, "0"+national, 1), "")
		}
	}
}
