// Package clicks reads the news that advertisers send themselves: that
// somebody came to a page, and what became of a lead.
//
// Its law: the sender can mend its input, so everything that is wrong is named
// at once, by element and field; and sending the same thing again changes
// nothing.
package clicks
