// Package costs reads what advertising cost: files that people export from
// their ad accounts, or that a script writes in Leadgate's own form.
//
// Its law: a file counts as a whole or not at all, every line that cannot be
// read is named, and nothing is guessed: a date or an amount that could mean
// two things is refused. Money never passes through a float.
package costs
