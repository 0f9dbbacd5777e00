package main

import (
	"fmt"

	"github.com/leadgate/leadgate/ingest/edge"
)

// addForwardersCheck has the gateway report proxies that are not trusted.
func (g *gateway) addForwardersCheck() {
	g.addCheck(func() check { return forwardersCheck(g.edge.Forwarders()) })
}

// forwardersCheck warns of the networks from which forwarded requests came in the
// last hour although http.trusted_proxies does not name them. It names the one
// with most requests.
func forwardersCheck(found []edge.Forwarder) check {
	if len(found) == 0 {
		return check{Name: "proxies", State: stateOK, Detail: "no peer that is not trusted forwarded a request in the last hour"}
	}
	most, others := found[0], ""
	if n := len(found) - 1; n > 0 {
		others = fmt.Sprintf(", and some from elsewhere (%d networks)", n)
	}
	since := most.First
	for _, f := range found {
		if f.First.Before(since) {
			since = f.First
		}
	}
	return check{Name: "proxies", State: stateWarning, Since: since, Detail: fmt.Sprintf(
		"%d requests with X-Forwarded-… or Forwarded came from %s in the last hour%s: not a trusted proxy, so all its visitors count as one client. "+
			"If it is a proxy of yours, add it to http.trusted_proxies; anybody else may send such a header, and nothing of it is believed",
		most.Requests, most.Network, others)}
}
