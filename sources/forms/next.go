package forms

import (
	"net/url"
	"slices"
	"strings"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
)

// destinations are where a form may send its visitor: its own hosts.
type destinations struct {
	hosts []string // lower case, with a port unless any will do
	pages []string // that a path may belong to, the surest first
}

// destinations are the configured hosts. Where none is configured, it is the
// host of the page that posted, which browsers name in Origin or Referer and
// pages cannot forge; only a sender that names neither, and so is no browser,
// is believed what it says of its page.
func (f *Form) destinations(d *ingest.Delivery, sent []fields.Field) destinations {
	page, referer := first(sent, "page_url"), d.Header.Get("Referer")
	to := destinations{pages: []string{page, referer}}
	for _, host := range f.config.AllowedHosts {
		to.hosts = append(to.hosts, strings.ToLower(host))
	}
	if len(to.hosts) > 0 {
		return to
	}
	origin, told := d.Header["Origin"]
	switch {
	case told && len(origin) == 1:
		to.hosts = hostOf(origin[0])
	case told:
	case referer != "":
		to.hosts = hostOf(referer)
	default:
		to.hosts = hostOf(page)
	}
	return to
}

func hostOf(address string) []string {
	if u := parseWeb(address); u != nil {
		return []string{strings.ToLower(u.Host)}
	}
	return nil
}

// next returns where the form asks to go, if that is one of its own hosts: an
// absolute address, or a path of the page it stands on. Everything that one
// browser or another could read as a foreign address yields "".
func (to destinations) next(wanted string) string {
	u := to.own(wanted)
	if u == nil && strings.HasPrefix(wanted, "/") && !strings.HasPrefix(wanted, "//") && unambiguous(wanted) {
		for _, page := range to.pages {
			base := to.own(page)
			if base == nil {
				continue
			}
			path, err := url.Parse(wanted)
			if err != nil || path.Host != "" || path.Scheme != "" {
				return ""
			}
			return to.text(base.ResolveReference(path))
		}
	}
	return to.text(u)
}

func (to destinations) text(u *url.URL) string {
	if u == nil || to.own(u.String()) == nil {
		return ""
	}
	return u.String()
}

// own parses an address and returns nil unless it is plainly one of the
// form's own hosts.
func (to destinations) own(address string) *url.URL {
	u := parseWeb(address)
	if u == nil {
		return nil
	}
	host := strings.ToLower(u.Host)
	bare := strings.TrimSuffix(strings.TrimSuffix(host, ":443"), ":80")
	if !slices.Contains(to.hosts, host) && !slices.Contains(to.hosts, bare) {
		return nil
	}
	return u
}

// parseWeb parses an http or https address that no two parsers disagree about,
// else it returns nil.
func parseWeb(address string) *url.URL {
	if !unambiguous(address) || !strings.HasPrefix(address, "https://") && !strings.HasPrefix(address, "http://") {
		return nil
	}
	u, err := url.Parse(address)
	if err != nil || u.User != nil || u.Opaque != "" || u.Host == "" {
		return nil
	}
	return u
}

// unambiguous refuses what URL parsers disagree about: backslashes, blanks,
// control characters, and anything but ASCII.
func unambiguous(address string) bool {
	for i := range len(address) {
		if c := address[i]; c <= ' ' || c >= 0x7F || c == '\\' {
			return false
		}
	}
	return address != "" && len(address) <= 2048
}

// thanks is shown where no thank-you page is configured. It holds nothing
// that the visitor sent.
const thanks = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Thank you</title>
<style>
body { margin: 0; min-height: 100vh; display: grid; place-items: center; color: #1c2430; background: #f6f7f9;
  font: 1.125rem/1.5 system-ui, sans-serif; }
main { margin: 1.5rem; padding: 2.5rem 3rem; max-width: 30rem; text-align: center; background: #fff;
  border-radius: 1rem; box-shadow: 0 1px 3px #0002, 0 8px 32px #0001; }
h1 { margin: 0 0 .5rem; font-size: 1.75rem; }
p { margin: 0; color: #4a5565; }
</style>
</head>
<body>
<main>
<h1>Thank you</h1>
<p>Your message has arrived. We will be in touch.</p>
</main>
</body>
</html>
`
