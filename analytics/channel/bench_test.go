package channel_test

import (
	"strings"
	"testing"

	"github.com/leadgate/leadgate/analytics/channel"
)

var sink channel.Result

func BenchmarkClassify(b *testing.B) {
	gclid := map[string]string{"gclid": "Cj0own"}
	for _, c := range []struct {
		name                     string
		source, medium, campaign string
		ids                      map[string]string
		referrer, page           string
	}{
		{name: "tagged", source: "google", medium: "cpc", campaign: "brand"},
		{name: "tagged-capitals", source: "FB", medium: "CPC", campaign: "Spring"},
		{name: "click-id", ids: gclid, referrer: "https://www.google.com/"},
		{name: "search-referrer", referrer: "https://www.google.co.uk/", page: "https://www.example.com/"},
		{name: "other-referrer", referrer: "https://blog.partner.org/post", page: "https://www.example.com/"},
		{name: "direct", page: "https://www.example.com/"},
		{name: "hostile", source: strings.Repeat("a.", 500), medium: strings.Repeat("c", 2000), campaign: strings.Repeat("sho", 700)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				sink = channel.Classify(c.source, c.medium, c.campaign, c.ids, c.referrer, c.page)
			}
		})
	}
}

func FuzzClassify(f *testing.F) {
	f.Add("google", "cpc", "brand", "x", "https://www.google.com/", "https://www.example.com/")
	f.Add("", "", "", "", "android-app://com.google.android.gm/", "//example.com")
	f.Add("(direct)", "(none)", "", "", "https://[::1]:80/", "http://[")
	known := map[string]bool{}
	for _, name := range channel.All {
		known[name] = true
	}
	f.Fuzz(func(t *testing.T, source, medium, campaign, gclid, referrer, page string) {
		got := channel.Classify(source, medium, campaign, map[string]string{"gclid": gclid}, referrer, page)
		if !known[got.Channel] {
			t.Errorf("no such channel: %+v", got)
		}
		if (got.Channel == channel.Direct) != (got.Source == channel.DirectSource && (got.Medium == channel.NoMedium || got.Medium == "" || got.Medium == "(not set)")) {
			t.Errorf("direct and not direct: %+v", got)
		}
	})
}
