//go:build proof

package main

import (
	"os"
	"testing"
	"time"
)

// Wherever the gateway dies between reading an announcement and committing it, the
// lead is fetched after the restart, and counts once.
func TestE2EFetch_Crashes(t *testing.T) {
	meta, url := standInMeta(t, 6)
	dir := t.TempDir()
	p := serve(t, dir, metaConfig(url, "EAAGoodToken"))
	for i, point := range []string{
		"drain.insert.after", "pending.save.before", "pending.write.after", "pending.save.after", "drain.commit.before", "drain.commit.after",
	} {
		p.stop()
		t.Setenv("PROOF_CRASH", point+":1")
		p.start()
		p.announce(meta.Leads[i])
		select {
		case <-p.ended:
		case <-time.After(30 * time.Second):
			t.Fatalf("no crash at %s", point)
		}
		if err := os.Unsetenv("PROOF_CRASH"); err != nil {
			t.Fatal(err)
		}
		p.start()
		p.until("fetched", func() bool {
			return p.sql("SELECT count() FROM leads WHERE verdict = 'unique' AND campaign_id != ''") == string(rune('1'+i))
		})
		p.until("dealt with", func() bool { return p.metric(`leadgate_fetch_pending{source="facebook"} 0`) })
		p.counted()
	}
	if got := p.sql("SELECT count(), uniqExact(external_id), uniqExact(contact_id) FROM leads"); got != "6\t6\t6" {
		t.Errorf("got %s", got)
	}
	p.stop()
}
