package signature_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/textproto"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/signature"
)

func TestStamped(t *testing.T) {
	t.Parallel()
	const at = 1767614403
	sign := func(key, stamp, body string) string {
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte(stamp + "." + body))
		return hex.EncodeToString(mac.Sum(nil))
	}
	good, old := sign("new", "1767614403", "body"), sign("old", "1767614403", "body")
	f := func(header string, late int64, secrets []string, want bool) {
		t.Helper()
		d := &ingest.Delivery{
			ReceivedAt: time.Unix(at+late, 0), Body: []byte("body"), Header: textproto.MIMEHeader{"X-Signature": {header}},
		}
		err := signature.Stamped(d, "X-Signature", "v1", secrets, time.Minute)
		if (err == nil) != want || err != nil && !errors.Is(err, ingest.ErrUnverified) {
			t.Errorf("%s at %+d s: %v", header, late, err)
		}
	}
	ours := []string{"older", "new"}
	f("t=1767614403,v1="+good, 0, ours, true)
	f("v1="+good+", t=1767614403", 60, ours, true)
	f("t=1767614403,v1="+good, -60, ours, true)
	f("t=1767614403,v1="+old+",v1="+good, 0, ours, true)
	f("t=1767614403,v0=x,v1="+good, 0, ours, true)
	f("t=1767614403,v1="+good, 61, ours, false)
	f("t=1767614403,v1="+good, -61, ours, false)
	f("t=1767614404,v1="+good, 0, ours, false)
	f("t=1767614403,v1="+old, 0, ours, false)
	f("t=1767614403,v1=", 0, ours, false)
	f("t=1767614403,v1=zz", 0, ours, false)
	f("t=1767614403,s="+good, 0, ours, false)
	f("v1="+good, 0, ours, false)
	f("t=1767614403,t=1767614403,v1="+good, 0, ours, false)
	f("t=now,v1="+good, 0, ours, false)
	f(good, 0, ours, false)
	f("", 0, ours, false)
	f("t=1767614403,v1="+good, 0, nil, false)
	f("t=1767614403,v1="+sign("", "1767614403", "body"), 0, []string{""}, false)
	many := "t=1767614403"
	for range 40 {
		many += ",v1=" + old
	}
	f(fmt.Sprintf("%s,v1=%s", many, good), 0, ours, false) // more than any rotation needs
}
