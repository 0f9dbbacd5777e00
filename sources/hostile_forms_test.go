package sources_test

import "github.com/leadgate/leadgate/ingest"

// formFrames are genuine bodies of other people's forms; see frames.
var formFrames = map[string]string{}

// formSigners make a delivery genuine where a bearer token does not.
var formSigners = map[string]func(*ingest.Delivery){}
