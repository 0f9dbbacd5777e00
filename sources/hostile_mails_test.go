package sources_test

import "github.com/leadgate/leadgate/ingest"

// mailFrames are genuine bodies of inbound e-mail; see frames.
var mailFrames = map[string]string{}

// mailSigners make a delivery genuine where a bearer token does not.
var mailSigners = map[string]func(*ingest.Delivery){}
