package sources_test

import "github.com/leadgate/leadgate/ingest"

// webhookFrames are genuine bodies of general conventions; see frames.
var webhookFrames = map[string]string{}

// webhookSigners make a delivery genuine where a bearer token does not.
var webhookSigners = map[string]func(*ingest.Delivery){}
