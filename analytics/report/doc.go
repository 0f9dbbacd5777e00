// Package report answers the questions that Leadgate exists for, first of all
// what a lead cost.
//
// Its law: a report hides nothing and invents nothing. Spend without leads and
// leads without spend both have rows, what is unknown is NULL and not 0,
// different currencies are never added, and the time zone, currency, model and
// lookback that a figure rests on stand beside it. What was asked for reaches
// the store as bound parameters only.
//
// The store counts (read.go); the joining of cost, clicks and leads is plain Go
// over those counts (build.go), exact and without a clock.
package report
