package normalize_test

import (
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/normalize"
)

func TestEmail(t *testing.T) {
	t.Parallel()
	f := func(text, want string) {
		t.Helper()
		got, err := normalize.Email(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("Email(%q) = %q, %v; want %q", text, got, err, want)
		}
		if err != nil && len(text) > 3 && strings.Contains(err.Error(), text) {
			t.Errorf("Email(%q): the error repeats the value", text)
		}
		if again, _ := normalize.Email(got); got != "" && again != got {
			t.Errorf("Email(%q) is not stable: %q, then %q", text, got, again)
		}
	}
	f("kim.lee@example.com", "kim.lee@example.com")
	f("  Kim.Lee+Roof@EXAMPLE.Com \n", "kim.lee+roof@example.com")
	f("Kim Lee <Kim@example.com>", "kim@example.com")
	f("o'brien@example.ie", "o'brien@example.ie")
	f(`"kim lee"@example.com`, `"kim lee"@example.com`)
	f("jörg@bücher.example", "jörg@bücher.example")
	f("kim@xn--bcher-kva.example", "kim@bücher.example")
	f("kim@BÜCHER.example", "kim@bücher.example")
	f("user@sub.a-b.co.uk", "user@sub.a-b.co.uk")
	f(strings.Repeat("a", 64)+"@example.com", strings.Repeat("a", 64)+"@example.com")
	f(strings.Repeat("a", 65)+"@example.com", "")
	f("a@"+strings.Repeat("b", 60)+"."+strings.Repeat("c", 60)+"."+strings.Repeat("d", 60)+"."+strings.Repeat("e", 60)+".example.com", "")
	for _, bad := range []string{
		"", "kim", "kim@", "@example.com", "kim@example", "kim@@example.com", "kim@example..com", "kim@-example.com",
		"kim@example.com.", ".kim@example.com", "kim.@example.com", "ki..m@example.com", "kim@1.2.3.4", "kim@[1.2.3.4]",
		"kim@exa mple.com", "kim@exa_mple.com", "a@example.com, b@example.com", "kim@example.com\x00", "kim@.com",
		"kim@" + strings.Repeat("a", 64) + ".com", strings.Repeat("x", 600), "http://example.com", "\xff@example.com",
	} {
		f(bad, "")
	}
}

func TestPhone(t *testing.T) {
	t.Parallel()
	f := func(text, region, want string) {
		t.Helper()
		got, err := normalize.Phone(text, region)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("Phone(%q, %q) = %q, %v; want %q", text, region, got, err, want)
		}
		if again, _ := normalize.Phone(got, region); got != "" && again != got {
			t.Errorf("Phone(%q) is not stable: %q, then %q", text, got, again)
		}
	}
	f("+15125550142", "", "+15125550142")
	f("+1 (512) 555-0142", "", "+15125550142")
	f("(512) 555-0142", "US", "+15125550142")
	f("1-512-555-0142", "US", "+15125550142")
	f("512.555.0142 ext. 7", "US", "+15125550142")
	f("030 901820", "DE", "+4930901820")
	f("0049 30 901820", "", "+4930901820")
	f("0049 30 901820", "DE", "+4930901820")
	f("011 49 30 901820", "US", "+4930901820")
	f("+44 (0)20 7946 0958", "", "+442079460958")
	f("8 (495) 123-45-67", "RU", "+74951234567")
	f("06 698 12345", "IT", "+390669812345")
	f("+39 06 698 12345", "US", "+390669812345")
	f("tel:+1-512-555-0142", "", "+15125550142")
	f("５１２-５５５-０１４２", "US", "+15125550142")
	for _, bad := range []string{
		"", "12", "n/a", "anonymous", "+1512555014", "+0151234567", "(512) 555-01", "0199001234",
		"+15125550142222222", "911", strings.Repeat("5", 80), "kim@example.com", "\x00", "+",
	} {
		f(bad, "US", "")
	}
	f("(512) 555-0142", "", "") // national, and no region to read it in
	f("(512) 555-0142", "XX", "")
}

func TestWithheld(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"Anonymous": true, "RESTRICTED": true, "unknown": true, "+266696687": true, "<blocked>": true,
		"": false, "+15125550142": false, "Kim": false,
	} {
		if got := normalize.Withheld(text); got != want {
			t.Errorf("Withheld(%q) = %t", text, got)
		}
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	f := func(text string, limit int, want string) {
		t.Helper()
		got := normalize.Text(text, limit)
		if got != want {
			t.Errorf("Text(%q, %d) = %q, want %q", text, limit, got, want)
		}
		if again := normalize.Text(got, limit); again != got {
			t.Errorf("Text(%q, %d) is not stable: %q, then %q", text, limit, got, again)
		}
	}
	f("plain", 10, "plain")
	f("  two\r\nlines\r ", 99, "two\nlines")
	f("tab\tkept", 99, "tab\tkept")
	f("e\u0301", 9, "é")
	f("a\x00b\x1bc\u0085d\ufeff", 99, "abc\nd")
	f("bad\xff\xfeutf8", 99, "bad\uFFFDutf8")
	f("evil \u202Etxt.exe", 99, "evil txt.exe")
	f("abcdef", 3, "abc")
	f("ab  cdef", 4, "ab")
	f("éééé", 3, "ééé")
	f("é\u00a0é\n\té", 9, "é\u00a0é\n\té")
	f("é\u00a0", 9, "é")
	f("é\u2028é", 9, "é\né")
	f("e\x00\u0301", 9, "é")
	f("👩‍🚀 ok", 99, "👩‍🚀 ok")
	f("\n\n", 9, "")
	f("abc", 0, "")
}

func TestLine(t *testing.T) {
	t.Parallel()
	f := func(text string, limit int, want string) {
		t.Helper()
		if got := normalize.Line(text, limit); got != want {
			t.Errorf("Line(%q, %d) = %q, want %q", text, limit, got, want)
		}
	}
	f("Kim Lee", 99, "Kim Lee")
	f("  Kim\r\n\t Lee  ", 99, "Kim Lee")
	f("Kim  Lee", 99, "Kim Lee")
	f("Zoë  Lee", 99, "Zoë Lee")
	f("Zoë\tLee", 99, "Zoë Lee")
	f("Kim\u00a0\u2003Lee", 99, "Kim Lee")
	f("Kim Lee", 5, "Kim L")
	f("Kim Lee", 4, "Kim")
}

func FuzzText(f *testing.F) {
	f.Add("Kim\r\nLee\x00", 5)
	f.Add("e\u0301\u0300 \u0345\u1100\u1161", 3)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		limit = min(max(limit, 0), 10_000)
		for name, fn := range map[string]func(string, int) string{"Text": normalize.Text, "Line": normalize.Line} {
			got := fn(text, limit)
			if !utf8.ValidString(got) || !norm.NFC.IsNormalString(got) || utf8.RuneCountInString(got) > limit {
				t.Errorf("%s(%q, %d) = %q", name, text, limit, got)
			}
			if again := fn(got, limit); again != got {
				t.Errorf("%s(%q, %d) is not stable: %q, then %q", name, text, limit, got, again)
			}
		}
	})
}

func FuzzContact(f *testing.F) {
	f.Add("kim@example.com")
	f.Add("+1 512 555 0142")
	f.Add("https://kim:pw@example.com/a?utm_source=x&gclid=%7B1%7D#utm_term=y")
	f.Fuzz(func(t *testing.T, text string) {
		if email, err := normalize.Email(text); err == nil {
			if again, err := normalize.Email(email); again != email || err != nil {
				t.Errorf("Email(%q) = %q is not stable: %q, %v", text, email, again, err)
			}
		}
		if phone, err := normalize.Phone(text, "US"); err == nil {
			if again, err := normalize.Phone(phone, ""); again != phone || err != nil {
				t.Errorf("Phone(%q) = %q is not stable: %q, %v", text, phone, again, err)
			}
		}
		if page := normalize.PageURL(text); normalize.PageURL(page) != page {
			t.Errorf("PageURL(%q) = %q is not stable: %q", text, page, normalize.PageURL(page))
		}
	})
}

func TestTime(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	f := func(text, want, wantZone string) {
		t.Helper()
		got, zone, err := normalize.Time(text, berlin)
		if want == "" {
			if err == nil {
				t.Errorf("Time(%q) = %s", text, got)
			}
			return
		}
		if err != nil || got.Format(time.RFC3339Nano) != want || zone != wantZone {
			t.Errorf("Time(%q) = %s, %q, %v; want %s, %q", text, got.Format(time.RFC3339Nano), zone, err, want, wantZone)
		}
	}
	f("2026-01-05T12:00:03Z", "2026-01-05T12:00:03Z", "UTC")
	f("2026-01-05T12:00:03.123456789Z", "2026-01-05T12:00:03.123456Z", "UTC")
	f("2026-01-05T06:00:03-06:00", "2026-01-05T12:00:03Z", "-06:00")
	f("2026-01-05T12:00:03+0000", "2026-01-05T12:00:03Z", "+00:00")
	f("2026-01-05 06:00:03 -0600", "2026-01-05T12:00:03Z", "-06:00")
	f("2026-01-05 12:00:03 UTC", "2026-01-05T12:00:03Z", "UTC")
	f("2026-01-05 13:00:03", "2026-01-05T12:00:03Z", "Europe/Berlin")
	f("2026-07-05T14:00", "2026-07-05T12:00:00Z", "Europe/Berlin")
	f("2026-01-05", "2026-01-04T23:00:00Z", "Europe/Berlin")
	f("Mon, 05 Jan 2026 06:00:03 -0600", "2026-01-05T12:00:03Z", "-06:00")
	f("Mon, 5 Jan 2026 12:00:03 GMT", "2026-01-05T12:00:03Z", "UTC")
	f("Mon, 5 Jan 2026 07:00:03 EST", "2026-01-05T12:00:03Z", "-05:00")
	f("1767614403", "2026-01-05T12:00:03Z", "")
	f("1767614403.25", "2026-01-05T12:00:03.25Z", "")
	f("1767614403123", "2026-01-05T12:00:03.123Z", "")
	f("1767614403123456", "2026-01-05T12:00:03.123456Z", "")
	f(" 2026-01-05T12:00:03Z ", "2026-01-05T12:00:03Z", "UTC")
	for _, bad := range []string{
		"", "now", "2026-13-05T12:00:03Z", "2026-01-32", "0001-01-01T00:00:00Z", "9999-01-01T00:00:00Z", "05/01/2026 12:00",
		"12345678901", "1767614403.x", "2026-01-05T12:00:03Zjunk", strings.Repeat("1", 65), "............", "2026-01-05T25:00:00",
	} {
		f(bad, "", "")
	}
}

func TestMacro(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{
		"{campaignid}": true, "{{ad.id}}": true, "{keyword:none}": true, "__CAMPAIGN_ID__": true,
		"[tag:User:utm_campaign]": true, "[Call:InboundCallId]": true, "%7Bgclid%7D": true, "%257Bgclid%257D": true,
		"%5Btag:x%5D": true, "%7B%7Bsite_source_name%7D%7D": true, "%5F%5FCID%5F%5F": true,
		"": false, "{": false, "brand": false, "__": false, "____": false, "[sale]": false, "a{b}": false, "100%": false,
		"%zz": false, "_x_": false,
	} {
		if got := normalize.Macro(value); got != want {
			t.Errorf("Macro(%q) = %t", value, got)
		}
	}
}

func TestTagging_Samples(t *testing.T) {
	t.Parallel()
	var samples []struct {
		URL    string
		Expect map[string]any
	}
	read(t, "testdata/urls.json", &samples)
	for _, s := range samples {
		got := normalize.Tagging(s.URL)
		flat := maps.Clone(got.ClickIDs)
		if flat == nil {
			flat = map[string]string{}
		}
		flat["utm_source"], flat["utm_medium"], flat["utm_campaign"] = got.Source, got.Medium, got.Campaign
		for name, want := range s.Expect {
			if _, ours := flat[name]; ours && flat[name] != want {
				t.Errorf("%s: %s = %q, want %q", s.URL, name, flat[name], want)
			}
		}
		for _, name := range ingest.ClickIDParams {
			if strings.Contains(s.URL, "?"+name+"=") && flat[name] == "" {
				t.Errorf("%s: %s is not read", s.URL, name)
			}
		}
	}
}

func TestTagging(t *testing.T) {
	t.Parallel()
	f := func(url string, want ingest.Tagging) {
		t.Helper()
		if got := normalize.Tagging(url); !reflect.DeepEqual(got, want) {
			t.Errorf("Tagging(%q) = %+v, want %+v", url, got, want)
		}
	}
	f("https://e.com/?UTM_Source=FB&ScCid=AbC&utm_medium=paid%20social", ingest.Tagging{
		Source: "FB", Medium: "paid social", ClickIDs: map[string]string{"sccid": "AbC"},
	})
	f("https://e.com/?utm_source={x}&utm_source=google&gclid=%7Bgclid%7D", ingest.Tagging{Source: "google"})
	f("https://e.com/#/offer?utm_source=a&utm_term=b", ingest.Tagging{Source: "a", Term: "b"})
	f("https://e.com/?utm_source=q#utm_source=f&utm_term=b", ingest.Tagging{Source: "q", Term: "b"})
	f("https://e.com/?utm_source=%zz&utm_term=a+b", ingest.Tagging{Source: "%zz", Term: "a b"})
	f("https://e.com/?gclid="+strings.Repeat("x", 1025), ingest.Tagging{})
	f("https://e.com/?utm_term=a%0Ab%00", ingest.Tagging{Term: "a b"})
	f("", ingest.Tagging{})
}

func TestMerge(t *testing.T) {
	t.Parallel()
	page := ingest.Tagging{Source: "google", Medium: "cpc", Campaign: "c", ClickIDs: map[string]string{"gclid": "page", "gbraid": "g"}}
	f := func(given, want ingest.Tagging) {
		t.Helper()
		if got := normalize.Merge(given, page); !reflect.DeepEqual(got, want) {
			t.Errorf("Merge(%+v) = %+v, want %+v", given, got, want)
		}
	}
	ids := map[string]string{"gclid": "page", "gbraid": "g"}
	f(ingest.Tagging{}, page)
	f(ingest.Tagging{Source: "Google", Term: "t"}, ingest.Tagging{Source: "Google", Medium: "cpc", Campaign: "c", Term: "t", ClickIDs: ids})
	f(ingest.Tagging{Source: "fb"}, ingest.Tagging{Source: "fb", ClickIDs: ids})
	f(ingest.Tagging{ClickIDs: map[string]string{"gclid": "own"}}, ingest.Tagging{
		Source: "google", Medium: "cpc", Campaign: "c", ClickIDs: map[string]string{"gclid": "own", "gbraid": "g"},
	})
}

func TestPageURL(t *testing.T) {
	t.Parallel()
	f := func(url, page, referrer string) {
		t.Helper()
		if got := normalize.PageURL(url); got != page || normalize.IsPage(url) != (page != "") {
			t.Errorf("PageURL(%q) = %q, want %q; IsPage %t", url, got, page, normalize.IsPage(url))
		}
		if got := normalize.Referrer(url); got != referrer {
			t.Errorf("Referrer(%q) = %q, want %q", url, got, referrer)
		}
	}
	f("https://Kim:pw@WWW.Example.com/Offer?email=kim@example.com&utm_source=A&gclid=x#top",
		"https://www.example.com/Offer?utm_source=A&gclid=x", "https://www.example.com/Offer")
	f("http://e.com", "http://e.com", "http://e.com")
	f("https://e.com/a_b/~c?utm_source=A&gclid=x", "https://e.com/a_b/~c?utm_source=A&gclid=x", "https://e.com/a_b/~c")
	f("https://e.com:80/a b", "https://e.com:80/a%20b", "https://e.com:80/a%20b")
	f("https://e.com/a%2Fb?utm_term={x}", "https://e.com/a%2Fb", "https://e.com/a%2Fb")
	f("android-app://com.google.android.gm/", "", "android-app://com.google.android.gm/")
	f("https://e.com/?%zz&utm_source=ok", "https://e.com/?utm_source=ok", "https://e.com/")
	for _, bad := range []string{"", "/offer", "javascript:alert(1)", "data:text/html,x", "mailto:kim@example.com", "https://", "https:///x", "ht\x00tp://e.com"} {
		f(bad, "", "")
	}
	long := normalize.PageURL("https://e.com/" + strings.Repeat("p", 3000) + "?utm_source=a")
	if long != "https://e.com?utm_source=a" {
		t.Errorf("a long path is kept: %d bytes", len(long))
	}
}

func TestClickIDFromCookie_Samples(t *testing.T) {
	t.Parallel()
	var samples []struct {
		Name, Value string
		Expect      map[string]any
	}
	read(t, "testdata/cookies.json", &samples)
	for _, s := range samples {
		param, id, at, ok := normalize.ClickIDFromCookie(s.Name, s.Value)
		want := ""
		for _, name := range []string{"fbclid", "gclid"} {
			if v, found := s.Expect[name]; found {
				want = name + "=" + v.(string)
			}
		}
		if got := param + "=" + id; ok != (want != "") || ok && got != want {
			t.Errorf("%s: %q, %t; want %q", s.Name, got, ok, want)
		}
		if ok && !at.Truncate(time.Second).Equal(time.Unix(1767614403, 0)) {
			t.Errorf("%s: clicked at %s", s.Name, at)
		}
	}
	for name, value := range map[string]string{"_fbc": "fb.1.x.y", "_gcl_aw": "GCL.1767614403.", "_gcl_gb": "1.2", "_fbp": "fb.1.1767614403000.1", "_gac_x": ""} {
		if _, _, _, ok := normalize.ClickIDFromCookie(name, value); ok {
			t.Errorf("%s=%s is taken", name, value)
		}
	}
}

func read(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func BenchmarkEmail(b *testing.B) { benchmark(b, "kim.lee@example.com", normalize.Email) }
func BenchmarkEmailUnicode(b *testing.B) {
	benchmark(b, "jörg@bücher.example", normalize.Email)
}

func BenchmarkPhone(b *testing.B) {
	for _, text := range []string{"+15125550142", "(512) 555-0142", "+4930901820"} {
		b.Run(text, func(b *testing.B) {
			benchmark(b, text, func(s string) (string, error) { return normalize.Phone(s, "US") })
		})
	}
}

func BenchmarkPageURL(b *testing.B) {
	benchmark(b, "https://www.example.com/offer?utm_source=google&utm_medium=cpc&gclid=Cj0KCQi&sid=1",
		func(s string) (string, error) { return normalize.PageURL(s), nil })
}

func benchmark(b *testing.B, text string, f func(string) (string, error)) {
	b.Helper()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f(text); err != nil {
			b.Fatal(err)
		}
	}
}
