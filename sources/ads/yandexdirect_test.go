package ads_test

import (
	"encoding/json"
	"testing"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/ads"
	"github.com/leadgate/leadgate/sources/sourcetest"
)

func yandexDirectHarness() sourcetest.Options {
	return sourcetest.Options{
		New: ads.NewYandexDirect, Dir: "testdata/yandex-direct",
		Config: ingest.SourceConfig{Name: "yandex", Secrets: []string{"own-oauth-token"}, DefaultRegion: "RU"},
	}
}

func TestYandexDirect(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, yandexDirectHarness())
}

func FuzzYandexDirect(f *testing.F)      { sourcetest.Fuzz(f, yandexDirectHarness()) }
func BenchmarkYandexDirect(b *testing.B) { sourcetest.Bench(b, yandexDirectHarness(), "lead") }

// Whoever posts to it is told that this is no way in, whatever is wrong besides.
func TestYandexDirect_Refuse(t *testing.T) {
	t.Parallel()
	source, err := ads.NewYandexDirect(yandexDirectHarness().Config)
	if err != nil {
		t.Fatal(err)
	}
	refuse := source.(ingest.Refuser).Refuse
	for _, status := range []int{400, 401, 405} {
		if answer, ok := refuse(ingest.Refusal{Status: status}); !ok || answer.Status != 405 || !json.Valid(answer.Body) {
			t.Errorf("%d: %+v", status, answer)
		}
	}
	if _, ok := refuse(ingest.Refusal{Status: 503}); ok {
		t.Error("trouble of ours is told as what it is not")
	}
}

// Whoever lists would never come to an end.
func TestYandexDirect_ListGoesOn(t *testing.T) {
	t.Parallel()
	source, err := ads.NewYandexDirect(yandexDirectHarness().Config)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		limitedBy string
		more      bool
	}{{"4", false}, {"5", false}, {"6", true}} {
		answer := &ingest.Response{Status: 200, Body: []byte(`{"result":{"Leads":[{"Id":"7"}],"LimitedBy":` + c.limitedBy + `}}`)}
		page, err := source.(ingest.Lister).List(ingest.Span{}, []byte("5"), answer)
		if (err == nil) != c.more || (page.Next != nil) != c.more {
			t.Errorf("limited by %s behind 5: %+v, %v", c.limitedBy, page, err)
		}
	}
}
