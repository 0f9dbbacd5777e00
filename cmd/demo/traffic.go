package main

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"time"
)

// stream is the traffic of one campaign: clicks, and leads that follow them.
type stream struct {
	source, medium, campaign string // utm_*; empty for untagged visits
	clickID, referrer        string
	clicks, leads            int
}

var streams = []stream{
	{"google", "cpc", "winter_roofing", "gclid", "https://www.google.com/", 180, 14},
	{"google", "cpc", "brand", "gclid", "https://www.google.com/", 60, 9},
	{"facebook", "paid_social", "spring_offer", "fbclid", "https://l.facebook.com/", 150, 11},
	{"facebook", "paid_social", "retargeting", "fbclid", "https://l.facebook.com/", 40, 0},
	{"bing", "cpc", "winter_roofing_bing", "msclkid", "https://www.bing.com/", 80, 6},
	{"newsletter", "email", "january", "", "", 45, 5},
	{"", "", "", "", "https://www.google.com/", 70, 6},
	{"", "", "", "", "https://roofing-forum.example/", 20, 2},
	{"", "", "", "", "", 30, 3},
}

const (
	googleLeads = 5 // from the lead form under the advertisement
	callLeads   = 4
	mailLeads   = 3
	sales       = 6

	winterCampaignID = "20000000002"
)

// step is one HTTP request of the day and the status it must get.
type step struct {
	what   string
	expect int
	send   request
}

// day is everything that is sent, and what must be counted.
type day struct {
	from, to    string
	clicks      [][]click // batches, before everything else
	steps       []step
	uniqueLeads int
}

// planDay makes the same day for the same time.
func planDay(now time.Time) *day {
	d := &day{
		from: now.AddDate(0, 0, -1).Format(time.DateOnly),
		to:   now.Format(time.DateOnly),
	}
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a demonstration wants the same day every time
	ago := func() time.Time { return now.Add(-time.Hour - time.Duration(random.IntN(20*3600))*time.Second) }
	person := 0
	var forms []step
	for i, s := range streams {
		var batch []click
		for n := range s.clicks {
			visitor := fmt.Sprintf("visitor-%d-%d", i, n)
			page := s.page(n)
			batch = append(batch, click{VisitorID: visitor, OccurredAt: ago().Format(time.RFC3339), URL: page, Referrer: s.referrer})
			if n < s.leads {
				person++
				forms = append(forms, step{"form post", 303, formPost(person, visitor, page)})
			}
		}
		d.clicks = append(d.clicks, batch)
	}
	d.uniqueLeads = person + googleLeads + callLeads + mailLeads
	d.steps = append(d.steps, forms...)
	var googles []step
	for n := range googleLeads {
		googles = append(googles, step{"Google lead form", 200, googleLead(n, googleKey, ago(), false)})
	}
	d.steps = append(d.steps, googles...)
	for n := range callLeads {
		d.steps = append(d.steps, step{"CallRail call", 200, callRailCall(n, callRailKey, ago(), 60+n)})
	}
	for n := range mailLeads {
		d.steps = append(d.steps, step{"inbound e-mail", 200, postmarkMail(n, ago())})
	}
	d.addTrouble(forms, googles, now, ago())
	for n := range sales {
		d.steps = append(d.steps, step{"sale from the CRM", 200, saleStatus(n+1, now)})
	}
	d.addCosts()
	return d
}

// addTrouble adds what really happens: retries, people who ask twice, robots,
// test deliveries, forgeries and mistakes.
func (d *day) addTrouble(forms, googles []step, now, earlier time.Time) {
	for n := 0; n < len(forms); n += 6 {
		d.steps = append(d.steps, step{"form post, sent again", 303, forms[n].send})
	}
	for n := range 4 {
		d.steps = append(d.steps, step{"the same person again", 303, formPostAgain(n*5 + 1)})
	}
	for _, retried := range googles[:2] {
		d.steps = append(d.steps, step{"Google lead form, retried", 200, retried.send})
	}
	d.steps = append(d.steps,
		step{"CallRail call, modified", 200, callRailCall(0, callRailKey, earlier, 75)},
		step{"Google's test lead", 200, googleLead(900, googleKey, now, true)},
		step{"form post by a robot", 303, robotPost()},
		step{"forged Google lead", 401, googleLead(901, "not-the-key", now, false)},
		step{"forged CallRail call", 401, callRailCall(901, "not-the-key", now, 60)},
		step{"form post with a broken e-mail", 422, brokenPost()},
		step{"unknown source", 404, request{path: "/in/nobody", contentType: jsonType, body: []byte(`{}`)}},
	)
}

func (d *day) addCosts() {
	d.steps = append(d.steps,
		step{"Google Ads cost file", 200, googleCosts(d.from, d.to)},
		step{"Google Ads cost file, sent again", 200, googleCosts(d.from, d.to)},
		step{"Meta cost file", 200, metaCosts(d.from, d.to)},
	)
}

// page is the landing page with this stream's tagging.
func (s stream) page(n int) string {
	query := url.Values{}
	for key, value := range map[string]string{"utm_source": s.source, "utm_medium": s.medium, "utm_campaign": s.campaign} {
		if value != "" {
			query.Set(key, value)
		}
	}
	if s.clickID != "" {
		query.Set(s.clickID, fmt.Sprintf("Demo-%s-%s-%d", s.clickID, s.campaign, n))
	}
	page := "https://www.example.com/offer"
	if len(query) > 0 {
		page += "?" + query.Encode()
	}
	return page
}
