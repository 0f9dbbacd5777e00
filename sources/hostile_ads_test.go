package sources_test

import "github.com/leadgate/leadgate/ingest"

// adFrames are genuine bodies of lead forms in advertisements; see frames.
var adFrames = map[string]string{}

// adSigners make a delivery genuine where a bearer token does not.
var adSigners = map[string]func(*ingest.Delivery){}
