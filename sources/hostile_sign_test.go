package sources_test

import "github.com/leadgate/leadgate/ingest"

// signers make a delivery genuine where a bearer token does not.
var signers = map[string]func(*ingest.Delivery){}
