package costs

import (
	"fmt"

	"github.com/leadgate/leadgate/ingest"
)

// problems gathers what is wrong with a file, by line or record.
type problems struct {
	fields  ingest.InvalidError
	count   int
	dropped int
}

// add notes a problem; reasons do not repeat what the cell says.
func (p *problems) add(unit string, line int, what, format string, args ...any) {
	if p.count == maxProblems {
		p.dropped++
		return
	}
	p.count++
	p.fields.Add(fmt.Sprintf("%s %d: %s", unit, line, what), format, args...)
}

// err returns an *ingest.InvalidError, or nil if there was no problem.
func (p *problems) err() error {
	if p.dropped > 0 {
		p.fields.Add("file", "and %d more", p.dropped)
	}
	return p.fields.Err()
}
