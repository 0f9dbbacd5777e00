package main

import (
	"context"
	"errors"
	"time"
)

// gatewayChecks adds what the running gateway says of its parts, and reports
// whether it could be asked. One that does not run has nothing to say.
func (d *doctor) gatewayChecks(ctx context.Context) bool {
	checks, err := d.settings.askGateway(ctx)
	switch {
	case errors.Is(err, errNoGateway):
		return false
	case err != nil:
		d.warn("gateway's own checks", "they cannot be read: "+err.Error(), "run doctor as the user of the gateway, and see the gateway's log")
		return false
	}
	for _, c := range checks {
		f := finding{state: c.State, subject: "gateway: " + c.Name, seen: c.Detail}
		if c.State != stateOK {
			f.seen += " (since " + c.Since.UTC().Format(time.RFC3339) + ")"
			f.remedy = "see the gateway's log"
		}
		d.findings = append(d.findings, f)
	}
	return true
}
