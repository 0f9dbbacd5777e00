package main

import "slices"

// scenarios is all that is proved, in the order of the table.
var scenarios = slices.Concat(
	crashScenarios,
	killScenarios,
)
