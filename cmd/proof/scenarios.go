package main

import "slices"

// scenarios is all that is proved, in the order of the table.
var scenarios = slices.Concat(
	crashScenarios,
	killScenarios,
	redisScenarios,
	storeScenarios,
	diskScenarios,
	damageScenarios,
	clockScenarios,
	loadScenarios,
)

// goesOn are the scenarios that have all of -minutes, see world.long.
var goesOn = map[string]bool{"random kills of everything": true}
