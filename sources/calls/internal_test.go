package calls

import (
	"reflect"
	"testing"

	"github.com/leadgate/leadgate/ingest"
)

// A name that stood for two meanings would mean now this and now that.
func TestWordings_NoNameTwice(t *testing.T) {
	t.Parallel()
	for of, words := range map[string]wording{
		"invoca": invocaWording, "ringba": ringbaWording, "calltouch": calltouchWording, "uis-comagic": uisWording,
	} {
		seen := make(map[string]string)
		for meaning, names := range words {
			for _, name := range names {
				if other, ok := seen[plain(name)]; ok {
					t.Errorf("%s: %s means %s and %s", of, name, meaning, other)
				}
				seen[plain(name)] = meaning
			}
		}
	}
}

func TestBrokenJSON(t *testing.T) {
	t.Parallel()
	f := func(text string, want ...string) {
		t.Helper()
		sent, ok := brokenJSON(text)
		var got []string
		for _, field := range sent {
			got = append(got, field.Name, field.Values[0])
		}
		if ok != (want != nil) || ok && len(want) > 0 && want[0] != "" && !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %q, %t; want %q", text, got, ok, want)
		}
	}
	f(`{"a":1,"b":x y}`, "a", "1", "b", "x y")
	f(`{"a": , "b": "", "c": null,}`, "c", "null")
	f("{\r\n\"a\" : +7 (916),\r\n \"b\":\"x\" }\r\n", "a", "+7 (916)", "b", "x")
	f(`{"a":"x "y", z","b":1}`, "a", `x "y", z`, "b", "1")
	f(`{"a":"x\ny","b":q"}`, "a", "x\ny", "b", `q"`)
	f(`{"a":x, y, "b": z}`, "a", "x, y", "b", "z")
	f(`{"a":{{macro}},"b":1}`, "a", "{{macro}}", "b", "1")
	f(`{"a":"open,"b":1}`, "a", `open,"b":1`)
	f(`{}`, "")
	f(`{"a":{"b":c}}`)
	f(`{"a":[c]}`)
	f(`{"a":1,"a":x}`)
	f(`{a:1}`)
	f(`{"a" 1}`)
	f(`{"":1}`)
	f(`{"a":1`)
	f(`"a":1}`)
}

func TestText(t *testing.T) {
	t.Parallel()
	for written, want := range map[text]int64{"187": 187, "187.9": 187, "3:07": 187, "00:03:07": 187, " 0 ": 0} {
		if got := written.seconds(); got == nil || *got != want {
			t.Errorf("%q: %v, want %d", written, got, want)
		}
	}
	for _, written := range []text{"", "-1", "1m", "1:2:3:4", "NaN", "1.x", ":", "99999999999", "1e3"} {
		if got := written.seconds(); got != nil {
			t.Errorf("%q: %d seconds", written, *got)
		}
	}
	for written, want := range map[text]bool{"True": true, "1": true, "yes": true, "off": false, "0": false, " No ": false} {
		if got := written.flag(); got == nil || *got != want {
			t.Errorf("%q: %v, want %t", written, got, want)
		}
	}
	if text("maybe").flag() != nil || text("").flag() != nil {
		t.Error("what is neither is read as a yes or no")
	}
}

func TestRussian(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]string{
		"79161234567": "+79161234567", "375291234567": "+375291234567", " 79161234567 ": "+79161234567",
		"89161234567": "89161234567", "9161234567": "9161234567", "+79161234567": "+79161234567", "101": "101",
		"sip:101@own": "sip:101@own", "": "", "0123456789012": "0123456789012",
	} {
		if got := russian(written); got != want {
			t.Errorf("%q: %q, want %q", written, got, want)
		}
	}
}

// Talk counts before the whole duration, and what is unknown turns away.
func TestRule(t *testing.T) {
	t.Parallel()
	ten, thirty, yes, no := int64(10), int64(30), true, false
	f := func(lead bool, r rule, call ingest.Call) {
		t.Helper()
		if err := r.ask(&call); (err == nil) != lead {
			t.Errorf("%+v: %v", r, err)
		}
	}
	f(true, rule{}, ingest.Call{})
	f(true, rule{MinDuration: 30}, ingest.Call{Duration: &thirty})
	f(false, rule{MinDuration: 31}, ingest.Call{Duration: &thirty})
	f(false, rule{MinDuration: 30}, ingest.Call{Duration: &thirty, TalkTime: &ten})
	f(true, rule{MinDuration: 10}, ingest.Call{TalkTime: &ten})
	f(false, rule{MinDuration: 1}, ingest.Call{})
	f(true, rule{AnsweredOnly: true}, ingest.Call{Answered: &yes})
	f(false, rule{AnsweredOnly: true}, ingest.Call{Answered: &no})
	f(false, rule{AnsweredOnly: true}, ingest.Call{})
	f(true, rule{FirstTimeOnly: true}, ingest.Call{FirstCall: &yes})
	f(false, rule{FirstTimeOnly: true}, ingest.Call{FirstCall: &no})
	f(false, rule{FirstTimeOnly: true}, ingest.Call{})
	f(false, rule{}, ingest.Call{Direction: "outbound"})
	f(true, rule{Outbound: true}, ingest.Call{Direction: "outbound"})
}

func TestCalltouchPhase(t *testing.T) {
	t.Parallel()
	for phase, want := range map[string]uint64{
		"callstart": startedVersion, "Call_Connected": startedVersion + 1, "calldisconnected": endedVersion,
		"calllost": endedVersion, "callcompleted": fullVersion, "": fullVersion, "что-то": endedVersion,
	} {
		if got, missed := calltouchPhase(phase); got != want || missed != (phase == "calllost") {
			t.Errorf("%q: %d, missed %t", phase, got, missed)
		}
	}
}
