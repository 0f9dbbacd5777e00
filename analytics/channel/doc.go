// Package channel says which channel a visit, a lead or a cost belongs to.
//
// Its law: there is one classifier, and touches, leads, costs and reports all
// go by it; it is a pure function of its arguments. The channels and the order
// of the rules are those of Google Analytics 4's default channel grouping
// (https://support.google.com/analytics/answer/9756891); where a visit is not
// tagged, click ids and the referrer stand in for the tags. The lists of sites
// in lists/ are our own compilation.
package channel
