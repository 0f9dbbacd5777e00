package identity_test

import (
	"strings"
	"testing"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/identity"
)

func TestOf(t *testing.T) {
	t.Parallel()
	both := identity.Of("default", "ann@example.com", "+14155550100")
	cases := map[string]struct {
		a, b  string
		equal bool
	}{
		"the same e-mail":               {both.Email, identity.Of("default", "ann@example.com", "").Email, true},
		"the same phone":                {both.Phone, identity.Of("default", "", "+14155550100").Phone, true},
		"another workspace":             {both.Email, identity.Of("other", "ann@example.com", "").Email, false},
		"an e-mail that looks a number": {identity.Of("default", "x", "").Email, identity.Of("default", "", "x").Phone, false},
		"no e-mail":                     {identity.Of("default", "", "+14155550100").Email, "", true},
	}
	for name, c := range cases {
		if (c.a == c.b) != c.equal {
			t.Errorf("%s: %q and %q, want equal %v", name, c.a, c.b, c.equal)
		}
	}
	for _, key := range []string{both.Email, both.Phone, both.Contact} {
		if len(key) != 32 || strings.Contains(key, "ann") || strings.Contains(key, "4155550100") {
			t.Errorf("key %q, want 32 hex digits without the value", key)
		}
	}
}

func TestOf_Contact(t *testing.T) {
	t.Parallel()
	email := identity.Of("w", "ann@example.com", "")
	phone := identity.Of("w", "", "+14155550100")
	if both := identity.Of("w", "ann@example.com", "+14155550100"); both.Contact != email.Contact {
		t.Error("the e-mail does not decide before the phone")
	}
	if phone.Contact == email.Contact || phone.Contact == "" {
		t.Errorf("contact by phone %q, by e-mail %q", phone.Contact, email.Contact)
	}
	if nobody := identity.Of("w", "", ""); nobody != (ingest.Identity{}) {
		t.Errorf("nobody is known as %+v", nobody)
	}
	if email.Contact == email.Email {
		t.Error("the contact id is the identifier's own key")
	}
}
