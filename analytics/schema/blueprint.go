package schema

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// relation is a table or view as all migrations together define it.
type relation struct {
	name    string
	view    bool
	columns []column
	// statements make it: of a table all that concern it, of a view the last.
	statements []string
}

// column of a relation. Those of views have no definition.
type column struct{ name, definition string }

// The forms of statements that migrations consist of. A migration of another
// form must be added here; a test compares the result with the real engine.
var (
	createTable = regexp.MustCompile(`(?s)^CREATE TABLE IF NOT EXISTS \w+\.(\w+)(?: ON CLUSTER \w+)?\n\(\n(.*?)\n\)\nENGINE`)
	createLike  = regexp.MustCompile(`^CREATE TABLE IF NOT EXISTS \w+\.(\w+)(?: ON CLUSTER \w+)? AS \w+\.(\w+)\nENGINE = Distributed`)
	createView  = regexp.MustCompile(`(?s)^CREATE OR REPLACE VIEW \w+\.(\w+)(?: ON CLUSTER \w+)? AS\nSELECT\n(.*?)\nFROM `)
	addColumn   = regexp.MustCompile(`(?s)^ALTER TABLE \w+\.(\w+)(?: ON CLUSTER \w+)? ADD COLUMN IF NOT EXISTS (.+)$`)
	alterOther  = regexp.MustCompile(`^ALTER TABLE \w+\.(\w+)(?: ON CLUSTER \w+)? MODIFY SETTING `)
)

// blueprint returns what a database has after all migrations, in the order in
// which it can be made.
func blueprint(migrations []Migration) ([]*relation, error) {
	var b blueprints
	for _, m := range migrations {
		for _, statement := range m.Statements {
			if err := b.add(statement); err != nil {
				return nil, fmt.Errorf("%04d_%s: %w", m.Version, m.Name, err)
			}
		}
	}
	return b.ordered(), nil
}

type blueprints struct{ list []*relation }

// ordered returns the tables, then each view behind those that it reads: one that
// a later migration made again may be read by an earlier one.
func (b *blueprints) ordered() []*relation {
	var list, views []*relation
	for _, r := range b.list {
		if r.view {
			views = append(views, r)
		} else {
			list = append(list, r)
		}
	}
	for len(views) > 0 {
		next := slices.IndexFunc(views, func(r *relation) bool {
			return !slices.ContainsFunc(views, func(other *relation) bool { return other != r && r.reads(other) })
		})
		next = max(next, 0) // no views read each other
		list = append(list, views[next])
		views = slices.Delete(views, next, next+1)
	}
	return list
}

func (r *relation) reads(other *relation) bool {
	return regexp.MustCompile(`\b(FROM|JOIN) \w+\.` + other.name + `\b`).MatchString(r.statements[0])
}

func (b *blueprints) find(name string) *relation {
	for _, r := range b.list {
		if r.name == name {
			return r
		}
	}
	return nil
}

// add takes one statement in.
func (b *blueprints) add(statement string) error {
	if m := createTable.FindStringSubmatch(statement); m != nil {
		b.list = append(b.list, &relation{name: m[1], columns: definitions(m[2]), statements: []string{statement}})
		return nil
	}
	if m := createLike.FindStringSubmatch(statement); m != nil {
		local := b.find(m[2])
		if local == nil {
			return fmt.Errorf("%s is like %s, which is not there", m[1], m[2])
		}
		r := &relation{name: m[1], statements: []string{statement}}
		for _, c := range local.columns { // a Distributed table compresses nothing
			c.definition, _, _ = strings.Cut(c.definition, " CODEC(")
			r.columns = append(r.columns, c)
		}
		b.list = append(b.list, r)
		return nil
	}
	if m := createView.FindStringSubmatch(statement); m != nil {
		columns, err := selected(m[2])
		if err != nil {
			return fmt.Errorf("view %s: %w", m[1], err)
		}
		b.list = slices.DeleteFunc(b.list, func(r *relation) bool { return r.name == m[1] })
		b.list = append(b.list, &relation{name: m[1], view: true, columns: columns, statements: []string{statement}})
		return nil
	}
	return b.alter(statement)
}

func (b *blueprints) alter(statement string) error {
	m := addColumn.FindStringSubmatch(statement)
	if m == nil {
		m = alterOther.FindStringSubmatch(statement)
	}
	if m == nil {
		return fmt.Errorf("a statement of a form that blueprint.go does not know: %.80s", statement)
	}
	r := b.find(m[1])
	if r == nil {
		return fmt.Errorf("%s is altered before it is made", m[1])
	}
	r.statements = append(r.statements, statement)
	if len(m) == 3 {
		r.columns = append(r.columns, definitions(m[2])...)
	}
	return nil
}

// definitions takes the column list of a table apart: one a line.
func definitions(text string) []column {
	var columns []column
	for line := range strings.Lines(text) {
		definition := strings.TrimSuffix(strings.TrimSpace(line), ",")
		name, _, _ := strings.Cut(definition, " ")
		columns = append(columns, column{name, definition})
	}
	return columns
}

// selected names the columns of a SELECT list: each is a name, or ends with AS
// and one.
func selected(text string) ([]column, error) {
	var columns []column
	depth, start := 0, 0
	for i, c := range text + "," {
		switch {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			item := strings.TrimSpace(text[start:i])
			if at := strings.LastIndex(item, " AS "); at >= 0 {
				item = item[at+len(" AS "):]
			}
			if !identifier.MatchString(item) {
				return nil, fmt.Errorf("a column without a name: %s", item)
			}
			columns, start = append(columns, column{name: item}), i+1
		}
	}
	return columns, nil
}
