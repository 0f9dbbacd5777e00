package signature

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"

	"github.com/leadgate/leadgate/ingest"
)

// Token checks the shared secret of senders that cannot sign: it may stand in
// Authorization (Bearer, or Basic as the password or as the whole
// "user:password"), in X-Api-Key, or in one of the query parameters that
// ingest.CredentialParams names. The intake removes all of these before a
// delivery is kept, which is why their names are matched exactly.
func Token(d *ingest.Delivery, secrets []string) error {
	found := false
	for _, candidate := range candidates(d) {
		found = true
		if Secret(secrets, candidate) == nil {
			return nil
		}
	}
	if !found {
		return refuse("no token: send it as Authorization: Bearer, as the Basic password, " +
			"as X-Api-Key or as the query parameter token")
	}
	return Secret(secrets, "")
}

// maxCandidates bounds how many tokens one delivery may try.
const maxCandidates = 8

func candidates(d *ingest.Delivery) []string {
	var found []string
	for _, value := range d.Header.Values("Authorization") {
		found = append(found, authorization(value)...)
	}
	found = append(found, d.Header.Values("X-Api-Key")...)
	if _, query, ok := strings.Cut(d.URL, "?"); ok {
		for pair := range strings.SplitSeq(query, "&") {
			name, value, _ := strings.Cut(pair, "=")
			if !slices.Contains(ingest.CredentialParams, name) {
				continue
			}
			if value, err := url.QueryUnescape(value); err == nil {
				found = append(found, value)
			}
		}
	}
	found = slices.DeleteFunc(found, func(s string) bool { return s == "" })
	return found[:min(len(found), maxCandidates)]
}

func authorization(value string) []string {
	scheme, rest, _ := strings.Cut(value, " ")
	rest = strings.TrimSpace(rest)
	switch {
	case strings.EqualFold(scheme, "Bearer"):
		return []string{rest}
	case strings.EqualFold(scheme, "Basic"):
		pair, err := base64.StdEncoding.DecodeString(rest)
		if err != nil {
			return nil
		}
		_, password, _ := strings.Cut(string(pair), ":")
		return []string{password, string(pair)}
	}
	return nil
}
