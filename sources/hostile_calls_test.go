package sources_test

import "github.com/leadgate/leadgate/ingest"

// callFrames are genuine bodies of call tracking; see frames.
var callFrames = map[string]string{}

// callSigners make a delivery genuine where a bearer token does not.
var callSigners = map[string]func(*ingest.Delivery){}
