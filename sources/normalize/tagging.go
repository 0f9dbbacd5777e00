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

// utmFields are where the values of utmNames stand.
func utmFields(t *ingest.Tagging) [len(utmNames)]*string {
	return [...]*string{&t.Source, &t.Medium, &t.Campaign, &t.Term, &t.Content}
}

// The shortest and the longest name of a tagging parameter.
const (
	minTagName = 4
	maxTagName = 12
)

// tagNames are the names of tagging parameters, and where the value belongs: an
// index of utmNames, or for a click id len(utmNames).
var tagNames = func() map[string]int {
	names := make(map[string]int, len(utmNames)+len(ingest.ClickIDParams))
	for i, name := range utmNames {
		names[name] = i
	}
	for _, name := range ingest.ClickIDParams {
		names[name] = len(utmNames)
	}
	return names
}()

// tagName returns the canonical name of a tagging parameter and its place in
// tagNames, "" for others.
func tagName(name string) (canonical string, place int) {
	if len(name) < minTagName || len(name) > maxTagName {
		return "", 0
	}
	if place, ok := tagNames[name]; ok {
		return name, place
	}
	for i := range len(name) {
		if c := name[i]; c >= 'A' && c <= 'Z' || c >= utf8.RuneSelf {
			return foldedTagName(name)
		}
	}
	return "", 0
}

// foldedTagName is tagName for a name that may be in other letters.
func foldedTagName(name string) (canonical string, place int) {
	for known, place := range tagNames {
		if strings.EqualFold(name, known) {
			return known, place
		}
	}
	return "", 0
}

// AddTag notes value in t if name is a utm parameter or a click id, in any
// case of letters, and reports whether it is one. The first value stands;
// empty values, unresolved macros and impossible ids are passed over.
func AddTag(t *ingest.Tagging, name, value string) bool {
	name, place := tagName(name)
	if name == "" {
		return false
	}
	addTag(t, name, place, value)
	return true
}

func addTag(t *ingest.Tagging, name string, place int, value string) {
	if value = Line(value, maxURL); value == "" || Macro(value) {
		return
	}
	if place < len(utmNames) {
		if field := utmFields(t)[place]; *field == "" {
			*field = Line(value, maxTag)
		}
		return
	}
	if _, ok := t.ClickIDs[name]; ok || len(value) > maxClickID || strings.Contains(value, " ") {
		return
	}
	if t.ClickIDs == nil {
		t.ClickIDs = make(map[string]string, 1)
	}
	t.ClickIDs[name] = value
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
		if !ok {
			continue
		}
		if name, place := tagName(name); name != "" {
			addTag(t, name, place, unescape(value))
		}
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
// are never mixed. Click ids join; t's own stand. The result may share the map
// of either.
func Merge(t, under ingest.Tagging) ingest.Tagging {
	if t.Source == "" || under.Source == "" || strings.EqualFold(t.Source, under.Source) {
		given := utmFields(&under)
		for i, field := range utmFields(&t) {
			if *field == "" {
				*field = *given[i]
			}
		}
	}
	switch {
	case len(under.ClickIDs) == 0:
	case len(t.ClickIDs) == 0:
		t.ClickIDs = under.ClickIDs
	default:
		joined := maps.Clone(under.ClickIDs)
		maps.Copy(joined, t.ClickIDs)
		t.ClickIDs = joined
	}
	return t
}

// Tags returns t cleaned as AddTag does: names canonical, macros dropped.
func Tags(t ingest.Tagging) ingest.Tagging {
	var cleaned ingest.Tagging
	for i, field := range utmFields(&t) {
		addTag(&cleaned, utmNames[i], i, *field)
	}
	if len(t.ClickIDs) == 0 {
		return cleaned
	}
	for _, name := range slices.Sorted(maps.Keys(t.ClickIDs)) {
		if known, place := tagName(name); known != "" && place == len(utmNames) {
			addTag(&cleaned, known, place, t.ClickIDs[name])
		}
	}
	return cleaned
}

// PageURL reduces the address of a page to scheme, host, path and the known
// tagging parameters: other parameters, user names and fragments may be
// personal. It returns "" unless raw is an http or https address.
func PageURL(raw string) string {
	page, _ := Page(raw)
	return page
}

// IsPage tells whether PageURL finds an address.
func IsPage(raw string) bool { return strings.HasPrefix(baseURL(raw), "http") }

// Page returns the PageURL and the Tagging of an address.
func Page(raw string) (page string, tagging ingest.Tagging) {
	t := Tagging(raw)
	base := baseURL(raw)
	if !strings.HasPrefix(base, "http") {
		return "", t
	}
	var space [512]byte
	b := append(space[:0], base...)
	separator := byte('?')
	write := func(name, value string) {
		if value == "" || len(b)+len(name)+3*len(value)+2 > maxURL+maxClickID {
			return
		}
		b = append(append(append(b, separator), name...), '=')
		b = append(b, url.QueryEscape(value)...)
		separator = '&'
	}
	for i, field := range utmFields(&t) {
		write(utmNames[i], *field)
	}
	left := len(t.ClickIDs)
	for _, name := range ingest.ClickIDParams {
		if left == 0 {
			break
		}
		if id, ok := t.ClickIDs[name]; ok {
			write(name, id)
			left--
		}
	}
	if string(b) == raw {
		return raw, t
	}
	return string(b), t
}

// Referrer reduces an address to scheme, host and path, or to "" if it has no
// host. Addresses of applications (android-app://…) are kept.
func Referrer(raw string) string { return baseURL(raw) }

func baseURL(raw string) string {
	base, _, _ := splitURL(strings.TrimSpace(raw))
	if base == "" || plainURL(base) {
		return base
	}
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

// plainURL tells whether base needs no parsing: it is http or https, and the
// rest is what every parser and writer of addresses leaves as it is.
func plainURL(base string) bool {
	if len(base) > maxURL {
		return false
	}
	rest, ok := strings.CutPrefix(base, "https://")
	if !ok {
		if rest, ok = strings.CutPrefix(base, "http://"); !ok {
			return false
		}
	}
	host, path, _ := strings.Cut(rest, "/")
	for i := range len(host) {
		if c := host[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '-' {
			return false
		}
	}
	for i := range len(path) {
		if c := path[i]; !alphanumeric(c) && c != '/' && c != '-' && c != '_' && c != '.' && c != '~' {
			return false
		}
	}
	return host != ""
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
		case first != '%' || len(value) > 4*maxURL:
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
