package main

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// exposed warns of leads that cross a network unencrypted: others than this
// machine can connect, the public URL is http, and some source asks for no
// secret. It is "" where that is not so.
func (s *Settings) exposed() string {
	public, err := url.Parse(s.PublicURL)
	if err != nil || public.Scheme != "http" || loopback(s.Listen) {
		return ""
	}
	var open []string
	for _, source := range s.Sources {
		if len(source.Secrets) == 0 {
			open = append(open, source.Name)
		}
	}
	if len(open) == 0 {
		return ""
	}
	slices.Sort(open)
	return fmt.Sprintf("listen: it is %s and public_url is http, so whoever is on the way reads and changes what is sent to %s: "+
		"listen on 127.0.0.1 behind a proxy with TLS, and set public_url to https", s.Listen, strings.Join(open, ", "))
}
