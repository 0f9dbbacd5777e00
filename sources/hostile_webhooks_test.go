package sources_test

// webhookFrames are genuine bodies of general conventions; see frames.
var webhookFrames = map[string]string{}
