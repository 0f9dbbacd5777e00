package forms

import (
	"testing"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fetch/fetchtest"
)

func FuzzHubSpotFetch(f *testing.F) {
	config := ingest.SourceConfig{Credentials: map[string]string{"access_token": "pat-token"}}
	source, err := newHubSpotFetch(config, hubSpotFetchOptions{}, "700100", []string{"email"})
	if err != nil {
		f.Fatal(err)
	}
	fetchtest.Fuzz(f, source, ingest.Reference{Kind: HubSpotContact, ID: "5"},
		`{"id":"5","properties":{}}`, `{"results":[{"id":"5","properties":{"createdate":"2026-01-07T00:00:00.000Z"}}],"paging":{"next":{"after":"10000"}}}`,
		`{"message":"m","category":"C","policyName":"DAILY"}`)
}
