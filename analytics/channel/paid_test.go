package channel

import (
	"regexp"
	"strings"
	"testing"
)

// What stands for GA4's regular expressions finds what they find.
func TestPaidAndShops_AsTheExpressions(t *testing.T) {
	t.Parallel()
	paidMedium := regexp.MustCompile(`^(.*cp.*|ppc|retargeting|paid.*)$`)
	pieces := []string{"", "c", "cp", "cpc", "pp", "ppc", "paid", "unpaid", "retargeting", "shop", "e", "shopping", " ", "\n", "é", "\xff", "-"}
	for _, a := range pieces {
		for _, b := range pieces {
			for _, c := range pieces {
				text := a + b + c
				if got, want := paid(text), text != "" && paidMedium.MatchString(text); got != want {
					t.Errorf("paid(%q) is %v, want %v", text, got, want)
				}
				if got, want := shops(text), shopCampaign.MatchString(text); got != want {
					t.Errorf("shops(%q) is %v, want %v", text, got, want)
				}
			}
		}
	}
	if long := strings.Repeat("sho", 1<<20); shops(long) || paid(long) {
		t.Error("much of nothing is something")
	}
}
