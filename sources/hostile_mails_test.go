package sources_test

import "github.com/leadgate/leadgate/ingest"

// mailFrames are genuine bodies of inbound e-mail; see frames.
var mailFrames = map[string]string{}

// mailShapers make a delivery of a frame what its sender posts.
var mailShapers = map[string]func(*ingest.Delivery){}
