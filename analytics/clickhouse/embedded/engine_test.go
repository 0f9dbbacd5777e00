package embedded_test

import (
	"os"
	"testing"

	"github.com/leadgate/leadgate/analytics/clickhouse/embedded"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "clickhouse" {
		os.Exit(embedded.Main(os.Args[2:]))
	}
	os.Exit(m.Run())
}

func TestIntegrationStart(t *testing.T) {
	e, err := embedded.Start(t.Context(), embedded.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(e.URL())
	t.Log(embedded.Running(t.TempDir()))
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}
