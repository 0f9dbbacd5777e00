package channel

import (
	"embed"
	"fmt"
	"strings"

	"golang.org/x/net/publicsuffix"
)

//go:embed lists/*.txt
var listFiles embed.FS

type kind uint8

const (
	unknown kind = iota
	search
	social
	video
	shopping
	passage // payment and sign-in pages: nobody comes from there
)

var kindFiles = map[kind]string{
	search: "search", social: "social", video: "video", shopping: "shopping", passage: "passage",
}

// site is a known place that visitors come from.
type site struct {
	kind kind
	name string // how it is called as a source
}

// sites knows the listed sites by name and by host. It is read-only.
type sites struct {
	names     map[string]site // google, fb
	hosts     map[string]site // facebook.com, with its subdomains; site{} takes a host out
	countries map[string]site // google for google.* under any public suffix
}

var lists = mustRead()

func mustRead() *sites {
	s, err := readLists()
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return s
}

func readLists() (*sites, error) {
	s := &sites{names: map[string]site{}, hosts: map[string]site{}, countries: map[string]site{}}
	for k, file := range kindFiles {
		text, err := listFiles.ReadFile("lists/" + file + ".txt")
		if err != nil {
			return nil, err
		}
		for n, line := range strings.Split(string(text), "\n") {
			if line == "" || line[0] == '#' {
				continue
			}
			if err := s.addLine(k, line); err != nil {
				return nil, fmt.Errorf("%s.txt:%d: %w", file, n+1, err)
			}
		}
	}
	return s, nil
}

func (s *sites) addLine(k kind, line string) error {
	name, words, found := strings.Cut(line, ":")
	if !found || name == "" {
		return fmt.Errorf("%q: no name before a colon", line)
	}
	for _, word := range append(strings.Fields(words), name) {
		into, value := s.names, site{k, name}
		if brand, ok := strings.CutSuffix(word, ".*"); ok {
			into, word = s.countries, brand
		} else if host, ok := strings.CutPrefix(word, "!"); ok {
			if _, listed := s.hosts[host]; listed {
				continue // another list says what it is instead
			}
			into, word, value = s.hosts, host, site{}
		} else if strings.Contains(word, ".") {
			into = s.hosts
		}
		if old, known := into[word]; known && old != (site{}) {
			return fmt.Errorf("%q is listed twice, as %s and as %s", word, old.name, name)
		}
		into[word] = value
	}
	return nil
}

// ofSource finds a source as tags name it: by name or by host.
func (s *sites) ofSource(source string) site {
	if found, ok := s.names[source]; ok {
		return found
	}
	if strings.IndexByte(source, '.') < 0 {
		return site{}
	}
	return s.ofHost(source)
}

// ofHost finds a lower-case host or the nearest listed domain above it.
func (s *sites) ofHost(host string) site {
	if host == "" {
		return site{}
	}
	for rest := host; ; {
		if found, ok := s.hosts[rest]; ok {
			return found
		}
		_, parent, ok := strings.Cut(rest, ".")
		if !ok {
			break
		}
		rest = parent
	}
	suffix, managed := publicsuffix.PublicSuffix(host)
	if !managed || len(suffix) >= len(host) {
		return site{} // google.example.github.io is not Google's
	}
	domain := host[:len(host)-len(suffix)-1]
	return s.countries[domain[strings.LastIndexByte(domain, '.')+1:]]
}

// Platform names the advertising platform behind a source, so that fb,
// m.facebook.com and instagram are all "facebook"; an unlisted source is its
// own platform. Case does not matter.
func Platform(source string) string {
	source = fold(source)
	found := lists.ofSource(source)
	switch found.name {
	case "":
		return source
	case "instagram", "messenger", "threads":
		return "facebook"
	}
	return found.name
}
