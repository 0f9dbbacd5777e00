package normalize

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/leadgate/leadgate/ingest"
)

// How much of a tag is kept. Longer click ids are dropped, never cut: a part
// of an id is another id.
const (
	maxTag     = 500
	maxClickID = 1024
	maxURL     = 2048
)

var utmNames = [...]string{"utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"}

// tagName returns the canonical name of a tagging parameter, "" for others.
func tagName(name string) string {
	if len(name) < 4 || len(name) > 12 {
		return ""
	}
	for _, known := range utmNames {
		if strings.EqualFold(name, known) {
			return known
		}
	}
	return clickName(name)
}

func clickName(name string) string {
	for _, known := range ingest.ClickIDParams {
		if strings.EqualFold(name, known) {
			return known
		}
	}
	return ""
}

// AddTag notes value in t if name is a utm parameter or a click id, in any
// case of letters, and reports whether it is one. The first value stands;
// empty values, unresolved macros and impossible ids are passed over.
func AddTag(t *ingest.Tagging, name, value string) bool {
	name = tagName(name)
	if name == "" {
		return false
	}
	if value = Line(value, maxURL); value == "" || Macro(value) {
		return true
	}
	field := utmField(t, name)
	switch {
	case field == nil:
		if _, ok := t.ClickIDs[name]; ok || len(value) > maxClickID || strings.Contains(value, " ") {
			return true
		}
		if t.ClickIDs == nil {
			t.ClickIDs = make(map[string]string, 1)
		}
		t.ClickIDs[name] = value
	case *field == "":
		*field = Line(value, maxTag)
	}
	return true
}

func utmField(t *ingest.Tagging, name string) *string {
	switch name {
	case "utm_source":
		return &t.Source
	case "utm_medium":
		return &t.Medium
	case "utm_campaign":
		return &t.Campaign
	case "utm_term":
		return &t.Term
	case "utm_content":
		return &t.Content
	}
	return nil
}

// Tagging reads the utm parameters and click ids of a URL, from its query and,
// under that, from its fragment. It reads what it can of a broken URL.
func Tagging(rawURL string) ingest.Tagging {
	var t ingest.Tagging
	_, query, fragment := splitURL(rawURL)
	addTags(&t, query)
	if _, behind, ok := strings.Cut(fragment, "?"); ok {
		fragment = behind
	}
	addTags(&t, fragment)
	return t
}

func splitURL(rawURL string) (base, query, fragment string) {
	base, fragment, _ = strings.Cut(rawURL, "#")
	base, query, _ = strings.Cut(base, "?")
	return base, query, fragment
}

func addTags(t *ingest.Tagging, query string) {
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		name, value, ok := strings.Cut(pair, "=")
		if !ok || tagName(name) == "" {
			continue
		}
		AddTag(t, name, unescape(value))
	}
}

// unescape undoes query escaping, and leaves broken escapes as they are.
func unescape(s string) string {
	if text, err := url.QueryUnescape(s); err == nil {
		return text
	}
	return s
}

// Merge fills the gaps of t from under. If both name a source and not the
// same one, the utm fields of t stand alone: those of two different visits
// are never mixed. Click ids join; t's own stand.
func Merge(t, under ingest.Tagging) ingest.Tagging {
	if t.Source == "" || under.Source == "" || strings.EqualFold(t.Source, under.Source) {
		for _, name := range utmNames {
			if field := utmField(&t, name); *field == "" {
				*field = *utmField(&under, name)
			}
		}
	}
	if len(under.ClickIDs) > 0 {
		joined := make(map[string]string, len(t.ClickIDs)+len(under.ClickIDs))
		for _, ids := range [...]map[string]string{under.ClickIDs, t.ClickIDs} {
			for name, id := range ids {
				joined[name] = id
			}
		}
		t.ClickIDs = joined
	}
	return t
}

// Tags returns t cleaned as AddTag does: names canonical, macros dropped.
func Tags(t ingest.Tagging) ingest.Tagging {
	var cleaned ingest.Tagging
	for _, name := range utmNames {
		AddTag(&cleaned, name, *utmField(&t, name))
	}
	for _, name := range slices.Sorted(maps.Keys(t.ClickIDs)) {
		if clickName(name) != "" {
			AddTag(&cleaned, name, t.ClickIDs[name])
		}
	}
	return cleaned
}

// PageURL reduces the address of a page to scheme, host, path and the known
// tagging parameters: other parameters, user names and fragments may be
// personal. It returns "" unless raw is an http or https address.
func PageURL(raw string) string {
	base := baseURL(raw)
	if base == "" || !strings.HasPrefix(base, "http") {
		return ""
	}
	t := Tagging(raw)
	var b strings.Builder
	b.WriteString(base)
	separator := byte('?')
	write := func(name, value string) {
		if value == "" || b.Len()+len(name)+3*len(value)+2 > maxURL+maxClickID {
			return
		}
		b.WriteByte(separator)
		b.WriteString(name + "=" + url.QueryEscape(value))
		separator = '&'
	}
	for _, name := range utmNames {
		write(name, *utmField(&t, name))
	}
	for _, name := range ingest.ClickIDParams {
		write(name, t.ClickIDs[name])
	}
	return b.String()
}

// Referrer reduces an address to scheme, host and path, or to "" if it has no
// host. Addresses of applications (android-app://…) are kept.
func Referrer(raw string) string { return baseURL(raw) }

func baseURL(raw string) string {
	base, _, _ := splitURL(strings.TrimSpace(raw))
	if len(base) > 4*maxURL {
		return ""
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || !utf8.ValidString(u.Host) || Macro(u.Host) {
		return ""
	}
	switch u.Scheme {
	case "http", "https", "android-app", "ios-app":
	default:
		return ""
	}
	clean := url.URL{Scheme: u.Scheme, Host: strings.ToLower(u.Host), Path: u.Path, RawPath: u.RawPath}
	text := clean.String()
	if len(text) > maxURL {
		clean.Path, clean.RawPath = "", ""
		return clean.String()
	}
	return text
}

// Macro tells whether a value is a placeholder that an advertising platform
// has not filled in: {campaignid}, {{ad.id}}, __CID__, [tag:…], also
// percent-encoded.
func Macro(value string) bool {
	for range 3 {
		if len(value) < 2 {
			return false
		}
		switch first, last := value[0], value[len(value)-1]; {
		case first == '{' && last == '}':
			return true
		case first == '_':
			return len(value) > 4 && strings.HasPrefix(value, "__") && strings.HasSuffix(value, "__")
		case first == '[' && last == ']':
			return strings.Contains(value, ":")
		case first != '%':
			return false
		}
		decoded := unescape(value)
		if decoded == value {
			return false
		}
		value = decoded
	}
	return false
}

// ClickIDFromCookie reads the click id that an advertiser's script keeps in a
// first-party cookie: the parameter it came in, the id and the time of the
// click as the cookie tells it.
//
//	_fbc                         fb.<index>.<ms>.<fbclid>[.<appendix>]
//	_gcl_aw, _gcl_dc, _gcl_gb    GCL.<s>.<id>
//	_gac_<property>              1.<s>.<gclid>
func ClickIDFromCookie(name, value string) (param, id string, at time.Time, ok bool) {
	parts := strings.Split(value, ".")
	switch {
	case name == "_fbc" && (len(parts) == 4 || len(parts) == 5) && parts[0] == "fb":
		ms, err := strconv.ParseInt(parts[2], 10, 64)
		return "fbclid", parts[3], time.UnixMilli(ms).UTC(), err == nil && parts[3] != ""
	case (name == "_gcl_aw" || name == "_gcl_dc") && len(parts) >= 3 && parts[0] == "GCL",
		strings.HasPrefix(name, "_gac_") && len(parts) >= 3:
		param = "gclid"
	case name == "_gcl_gb" && len(parts) >= 3 && parts[0] == "GCL":
		param = "wbraid"
	default:
		return "", "", time.Time{}, false
	}
	s, err := strconv.ParseInt(parts[1], 10, 64)
	return param, strings.Join(parts[2:], "."), time.Unix(s, 0).UTC(), err == nil && parts[2] != ""
}
