package forms_test

import (
	"maps"
	"net/textproto"
	"net/url"
	"strings"
	"testing"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/forms"
)

func respond(t *testing.T, config ingest.SourceConfig, referer string, values url.Values) ingest.Answer {
	t.Helper()
	source, err := forms.NewForm(config)
	if err != nil {
		t.Fatal(err)
	}
	d := &ingest.Delivery{Body: []byte(values.Encode()), Header: textproto.MIMEHeader{
		"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"text/html"}, "Referer": {referer},
	}}
	return source.(ingest.Responder).Respond(d, nil)
}

func TestForm_NextLeadsOnlyHome(t *testing.T) {
	t.Parallel()
	config := ingest.SourceConfig{AllowedHosts: []string{"www.example.com", "localhost:3000"}}
	f := func(next, want string) {
		t.Helper()
		got := respond(t, config, "https://www.example.com/offer/", url.Values{"_next": {next}}).Location
		if got != want {
			t.Errorf("_next=%q leads to %q, want %q", next, got, want)
		}
	}
	f("https://www.example.com/thanks?x=1#top", "https://www.example.com/thanks?x=1#top")
	f("http://www.example.com/", "http://www.example.com/")
	f("https://WWW.example.com:443/thanks", "https://WWW.example.com:443/thanks")
	f("http://localhost:3000/thanks", "http://localhost:3000/thanks")
	f("/thanks?a=b", "https://www.example.com/thanks?a=b")
	for _, evil := range []string{
		"", "//evil.example", "///evil.example", "////evil.example", "https:evil.example", "https:/evil.example",
		"https:///evil.example", `https:\\evil.example`, `\\evil.example`, `/\evil.example`, `https://www.example.com\@evil.example`,
		"https://evil.example", "https://www.example.com@evil.example", "https://www.example.com:pw@evil.example/",
		"https://user@www.example.com/", "https://www.example.com.evil.example", "https://evil.example/www.example.com",
		"https://evil.example#www.example.com", "https://evil.example?www.example.com", "https://ｗｗｗ.example.com",
		"https://www.example.com。evil.example", "https://evil.example%2f.www.example.com", "javascript:alert(1)",
		"data:text/html,x", "ftp://www.example.com", "https://www.example.com\r\nSet-Cookie: a=b", " https://www.example.com",
		"https://www.example.com/\x00", "/\t/evil.example", "/ /evil.example", "https://localhost", "https://localhost:3001",
		"https://www.example.com:8080/", "thanks", "?a", "#a", "https://[::1]/", "https://www.example.com:443:443/",
		"/" + strings.Repeat("a", 3000),
	} {
		f(evil, "")
	}
}

// Without configured hosts a form may lead back to the host that posted it.
func TestForm_NextWithoutHosts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		header textproto.MIMEHeader
		page   string
		want   string
	}{
		"its own page":              {textproto.MIMEHeader{"Origin": {"https://www.example.com"}}, "", "https://www.example.com/thanks"},
		"its own page, by Referer":  {textproto.MIMEHeader{"Referer": {"https://www.example.com/offer?a=b"}}, "", "https://www.example.com/thanks"},
		"no browser":                {nil, "https://www.example.com/offer", "https://www.example.com/thanks"},
		"another page":              {textproto.MIMEHeader{"Origin": {"https://evil.example"}}, "https://www.example.com/", ""},
		"another page, by Referer":  {textproto.MIMEHeader{"Referer": {"https://evil.example/"}}, "https://www.example.com/", ""},
		"a page that hides":         {textproto.MIMEHeader{"Origin": {"null"}}, "https://www.example.com/", ""},
		"a page that hides, partly": {textproto.MIMEHeader{"Origin": {"null"}, "Referer": {"https://www.example.com/"}}, "", ""},
		"two origins":               {textproto.MIMEHeader{"Origin": {"https://www.example.com", "https://evil.example"}}, "", ""},
		"nobody":                    {nil, "", ""},
	} {
		source, err := forms.NewForm(ingest.SourceConfig{})
		if err != nil {
			t.Fatal(err)
		}
		values := url.Values{"_next": {"https://www.example.com/thanks"}, "email": {"kim.lee@example.com"}}
		if c.page != "" {
			values.Set("page_url", c.page)
		}
		header := textproto.MIMEHeader{"Content-Type": {"application/x-www-form-urlencoded"}}
		maps.Copy(header, c.header)
		answer := source.(ingest.Responder).Respond(&ingest.Delivery{Body: []byte(values.Encode()), Header: header}, nil)
		if answer.Location != c.want || (c.want == "") != (answer.Status == 200) {
			t.Errorf("%s: %d to %q, want %q", name, answer.Status, answer.Location, c.want)
		}
	}
}

func TestForm_AnswersScriptsLikeScripts(t *testing.T) {
	t.Parallel()
	source, err := forms.NewForm(ingest.SourceConfig{Options: map[string]any{"thank_you_url": "https://www.example.com/danke"}})
	if err != nil {
		t.Fatal(err)
	}
	for accept, want := range map[string]int{"": 0, "*/*": 0, "application/json": 0, "text/html,*/*": 303} {
		d := &ingest.Delivery{Body: []byte("email=kim.lee%40example.com"), Header: textproto.MIMEHeader{
			"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {accept},
		}}
		if answer := source.(ingest.Responder).Respond(d, nil); answer.Status != want {
			t.Errorf("Accept: %s is answered %d, want %d", accept, answer.Status, want)
		}
	}
}

func TestForm_NextOrThankYouPage(t *testing.T) {
	t.Parallel()
	values := url.Values{"_next": {"https://evil.example/"}, "page_url": {"https://www.example.com/"}}
	config := ingest.SourceConfig{Options: map[string]any{"thank_you_url": "https://www.example.com/danke"}}
	if answer := respond(t, config, "", values); answer.Location != "https://www.example.com/danke" || answer.Status != 303 {
		t.Errorf("the thank-you page is not used: %+v", answer)
	}
	values.Set("_next", "/x")
	config = ingest.SourceConfig{AllowedHosts: []string{"www.example.com"}}
	if answer := respond(t, config, "https://evil.example/", values); answer.Location != "https://www.example.com/x" {
		t.Errorf("a path is not that of the form's own page: %q", answer.Location)
	}
}

func TestNewForm_Refuses(t *testing.T) {
	t.Parallel()
	for want, options := range map[string]map[string]any{
		"thank_you_url": {"thank_you_url": "/thanks"},
		"unknown field": {"fields": map[string]any{"e-mail": "x"}},
		"mapped to":     {"fields": map[string]any{"email": "x", "phone": "x"}},
		"empty name":    {"fields": map[string]any{"email": ""}},
		"no_such":       {"no_such": true},
	} {
		if _, err := forms.NewForm(ingest.SourceConfig{Options: options}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", options, err)
		}
	}
	if _, err := forms.NewForm(ingest.SourceConfig{Secrets: []string{"x", ""}}); err == nil {
		t.Error("an empty secret is accepted")
	}
}

func TestForm_AsksForItsToken(t *testing.T) {
	t.Parallel()
	source, err := forms.NewForm(ingest.SourceConfig{Secrets: []string{"own-secret"}})
	if err != nil {
		t.Fatal(err)
	}
	if source.Verify(&ingest.Delivery{URL: "https://h/in/x"}) == nil {
		t.Error("a form with a secret takes posts without it")
	}
	if err := source.Verify(&ingest.Delivery{URL: "https://h/in/x?key=own-secret"}); err != nil {
		t.Error(err)
	}
}

func TestJSON_Insecure(t *testing.T) {
	t.Parallel()
	if _, err := forms.NewJSON(ingest.SourceConfig{}); err == nil || !strings.Contains(err.Error(), "insecure") {
		t.Errorf("without a secret: %v", err)
	}
	source, err := forms.NewJSON(ingest.SourceConfig{Options: map[string]any{"insecure": true}})
	if err != nil {
		t.Fatal(err)
	}
	if err := source.Verify(&ingest.Delivery{}); err != nil {
		t.Error(err)
	}
}
