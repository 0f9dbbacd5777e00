package ads

import (
	"testing"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fetch/fetchtest"
)

func FuzzMetaFetch(f *testing.F) {
	config := ingest.SourceConfig{Credentials: map[string]string{accessToken: "EAAToken"}}
	source, err := newMetaFetch(config, metaFetchOptions{Pages: []text{"1"}})
	if err != nil {
		f.Fatal(err)
	}
	fetchtest.Fuzz(f, source, ingest.Reference{Kind: "lead", ID: "77"},
		`{"id":"77","field_data":[]}`, `{"data":[{"id":"5"}],"paging":{"cursors":{"after":"x&y"},"next":"https://x"}}`,
		`{"error":{"message":"m","code":80005,"error_subcode":1}}`, `{"call_count":80}`)
}

func FuzzLinkedInFetch(f *testing.F) {
	config := ingest.SourceConfig{Credentials: map[string]string{accessToken: "AQToken"}}
	source, err := newLinkedInFetch(config, linkedInFetchOptions{Owners: []string{"urn:li:organization:1"}})
	if err != nil {
		f.Fatal(err)
	}
	fetchtest.Fuzz(f, source, ingest.Reference{Kind: "lead", ID: "1f2e-7"},
		`{"id":"1f2e-7","versionedLeadGenFormUrn":"urn:li:versionedLeadGenForm:(urn:li:leadGenForm:8,1)"}`,
		`{"id":"1f2e-7","form":null,"versionedLeadGenFormUrn":"../../x"}`, `{"elements":[{"id":"a"},{"id":"../b"}]}`,
		`{"code":"VERSION_MISSING","message":7}`)
}

func FuzzYandexFetch(f *testing.F) {
	source, err := newYandexFetch(ingest.SourceConfig{Secrets: []string{"y0_token"}}, yandexFetchOptions{})
	if err != nil {
		f.Fatal(err)
	}
	fetchtest.Fuzz(f, source, ingest.Reference{Kind: "lead", ID: "7"},
		`{"result":{"Leads":[{"Id":7}],"LimitedBy":1}}`, `{"result":{"Leads":[{"Id":"7"}],"LimitedBy":"x"}}`,
		`{"error":{"error_code":152,"error_string":"s"}}`)
}
