package sources_test

import (
	"math/bits"
	"net/textproto"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources"
)

// The processors' time is counted as a multiple of what a plain form of the same
// size takes on the same machine at the same time, sent the same way. The aim is
// five times; more than maxTimes is a fault.
const (
	maxTimes = 20
	// What is smaller may take as long as a form of this size, maxTimes over.
	smallest = 2 << 10
	// How often what took too long is measured again, together with the plain form.
	// The shortest times count: others include what the machine did besides.
	again = 8
)

// processorTime is what this process has used of the processors.
func processorTime(t testing.TB) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// plainForm is a form as people send it, however much they write.
var plainForm = hostile{
	name: "a plain form", header: textproto.MIMEHeader{"Content-Type": {"application/x-www-form-urlencoded"}},
	body: func(n int) []byte {
		const fields = "name=Kim+Lee&email=kim%40example.com&phone=%2B12025550142&visitor_id=v1&service=roof" +
			"&page_url=https%3A%2F%2Fexample.com%2F%3Futm_source%3Dx%26gclid%3Dy&message="
		return []byte(fields + times("Please+call+me+back+about+the+offer+of+last+week.+")(max(n-len(fields), 1)))
	},
}

// plain tells how long plain forms take.
type plain struct {
	*testing.T
	in    *ingest.Intake
	known map[int64]time.Duration
}

func newPlain(t *testing.T) *plain {
	t.Helper()
	in, err := sources.New(configOf("form"))
	if err != nil {
		t.Fatal(err)
	}
	return &plain{T: t, in: in, known: make(map[int64]time.Duration)}
}

// measure returns how long a form of that size takes at best, out of so many.
func (p *plain) measure(size int64, times int) time.Duration {
	p.Helper()
	best := time.Duration(1<<63 - 1)
	for range times {
		best = min(best, cost(p.T, p.in, plainForm, int(size)).time)
	}
	return max(best, time.Microsecond)
}

// times tells how many plain forms of its size a delivery that took so long is
// worth. If that is more than so many it is measured again.
func (p *plain) times(first price, most float64, repeat func() price) float64 {
	p.Helper()
	size := max(first.size, smallest)
	size &^= 1<<max(bits.Len64(uint64(size))-4, 0) - 1 // nearly
	if p.known[size] == 0 {
		p.known[size] = p.measure(size, 5)
	}
	worth := float64(first.time) / float64(p.known[size])
	for i := 0; i < again && worth > most; i++ {
		now := p.measure(size, 3)
		worth = min(worth, float64(repeat().time)/float64(now))
	}
	return worth
}

// The forms of an attack on the running program: a megabyte of letters with their
// accents in the wrong order took what ten plain forms take, and those were read as
// often as these: all of it was normalised, four times, before it was cut.
func TestHostile_AccentsInWrongOrder(t *testing.T) { // not parallel: it counts what the process does
	reference := newPlain(t)
	marks := func(n int) string { return strings.Repeat("e\u0301\u0316", n/5) }
	many := func(n int) string {
		var b strings.Builder
		for i := range 150 {
			b.WriteString(`"q` + string(rune('a'+i%26)) + strings.Repeat("x", i/26) + `":"` + marks(n/150) + `",`)
		}
		return b.String()
	}
	list := func(n int) string {
		return `"q":["` + strings.Repeat(marks(n/90)+`","`, 90) + `"],`
	}
	for name, c := range map[string]struct {
		body func(n int) string
		most float64 // forms that a megabyte may be worth
	}{ // what is not stored costs hardly more than reading it
		"the message": {func(n int) string { return `"message":"` + marks(n) + `",` }, 5},
		"an answer":   {func(n int) string { return `"q":"` + marks(n) + `",` }, 5},
		"the name":    {func(n int) string { return `"name":"` + marks(n) + `",` }, 5},
		"a list":      {list, 5},
		"all answers": {many, 5},
	} {
		h := hostile{name: name, header: textproto.MIMEHeader{"Content-Type": {"application/json"}}, body: func(n int) []byte {
			return []byte("{" + c.body(n) + `"email":"kim@example.com"}`)
		}}
		for size, most := range map[int]float64{large: maxTimes, 1 << 20: c.most} {
			send := func() price { return cost(t, reference.in, h, size) }
			if worth := reference.times(send(), most, send); worth > most {
				t.Errorf("%s: %d bytes take as long as %.1f plain forms, not %.0f", name, size, worth, most)
			}
		}
	}
}
