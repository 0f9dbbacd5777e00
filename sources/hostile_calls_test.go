package sources_test

// callFrames are genuine bodies of call tracking; see frames.
var callFrames = map[string]string{}
