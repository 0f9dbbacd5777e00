package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// configText takes the port, the public URL and the data directory.
const configText = `listen: 127.0.0.1:%d
admin_listen: 127.0.0.1:0
public_url: %s
data_dir: %s
log: {level: warn}
api: {keys: [` + apiKey + `]}
limits: {per_address: 5000/s}
costs:
  rules:
    - {name: Bing at 0.90 a click, source: bing, medium: cpc, per: click, price: "0.90", currency: EUR}
sources:
  - {name: landing, type: form, allowed_hosts: [www.example.com], options: {thank_you_url: "https://www.example.com/thanks"}}
  - {name: clicks, type: click}
  - {name: google, type: google-ads, secrets: [` + googleKey + `]}
  - {name: calls, type: callrail, secrets: [` + callRailKey + `]}
  - {name: mail, type: postmark, secrets: [` + mailPassword + `]}
  - {name: crm, type: status, secrets: [` + importToken + `]}
  - {name: google-costs, type: cost, secrets: [` + importToken + `], options: {format: google-ads-csv}}
  - {name: meta-costs, type: cost, secrets: [` + importToken + `], options: {format: meta-csv}}
`

// report prints the cost per lead by channel, and by campaign.
func (g *gateway) report(ctx context.Context, d *day) error {
	for _, by := range []string{"channel", "channel,campaign"} {
		out, err := g.run(ctx, "report", "cpl", "--from", d.from, "--to", d.to, "--by", by)
		if err != nil {
			return fmt.Errorf("report cpl: %w", err)
		}
		fmt.Fprintln(g.out)
		if _, err := g.out.Write(out); err != nil {
			return err
		}
	}
	return nil
}

// compare holds the report against what was sent.
func (g *gateway) compare(ctx context.Context, d *day) error {
	out, err := g.run(ctx, "report", "cpl", "--from", d.from, "--to", d.to, "--format", "json")
	if err != nil {
		return fmt.Errorf("report cpl: %w", err)
	}
	var answer struct {
		Totals struct {
			Leads int `json:"leads"`
		} `json:"totals"`
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		return fmt.Errorf("read the report: %w", err)
	}
	if answer.Totals.Leads != d.uniqueLeads {
		return fmt.Errorf("%d leads were sent, the report counts %d", d.uniqueLeads, answer.Totals.Leads)
	}
	fmt.Fprintf(g.out, "\n%d different people asked, %d leads are counted: nothing lost, nothing doubled.\n", d.uniqueLeads, answer.Totals.Leads)
	return nil
}

func (g *gateway) printNextSteps(d *day) {
	binary := g.binary
	if here, err := os.Getwd(); err == nil {
		if relative, err := filepath.Rel(here, binary); err == nil {
			binary = relative
		}
	}
	fmt.Fprintf(g.out, `
Go on (the gateway listens on %[1]s):

  # send a lead
  curl -d 'name=Kim Lee' -d email=kim.lee@example.com --data-urlencode 'page_url=https://www.example.com/?utm_source=google&utm_medium=cpc&utm_campaign=brand' %[1]s/in/landing

  # see it in the store, half a second later
  %[2]s sql --config %[3]s "SELECT received_at, channel, utm_campaign, verdict FROM leads ORDER BY received_at DESC LIMIT 5"

  # ask for the report over HTTP
  curl -H 'Authorization: Bearer %[4]s' '%[1]s/api/v1/reports/cpl?from=%[5]s&to=%[6]s&by=channel,day'
`, g.url, binary, g.config, apiKey, d.from, d.to)
}
