package sources_test

// formFrames are genuine bodies of other people's forms; see frames.
var formFrames = map[string]string{}
