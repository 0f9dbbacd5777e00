package sources_test

// mailFrames are genuine bodies of inbound e-mail; see frames.
var mailFrames = map[string]string{}
