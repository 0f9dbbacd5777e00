package sources_test

// adFrames are genuine bodies of lead forms in advertisements; see frames.
var adFrames = map[string]string{}
