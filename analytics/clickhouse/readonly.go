package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// readBounds bound a question of a person, see
// https://clickhouse.com/docs/operations/settings/query-complexity.
var readBounds = clickhouse.Settings{
	"max_memory_usage":                   1 << 30,
	"max_bytes_before_external_sort":     1 << 29,
	"max_bytes_before_external_group_by": 1 << 29,
	"max_execution_time":                 600, // seconds
	"timeout_overflow_mode":              "throw",
	"max_threads":                        4,
}

// ReadOnly returns a context in which statements can change nothing and take no
// more than readBounds. With readonly 1 the server itself refuses a statement that
// sets something, and table functions that reach files and other servers. A user
// whose own profile only reads may have to stay with what that says.
func (c *Conn) ReadOnly(ctx context.Context) (context.Context, error) {
	with := func(readonly int, bounds clickhouse.Settings) clickhouse.Settings {
		all := clickhouse.Settings{"readonly": readonly}
		maps.Copy(all, bounds)
		return all
	}
	var err error
	for _, settings := range []clickhouse.Settings{with(1, readBounds), with(2, readBounds), with(1, nil), nil} {
		reading := clickhouse.Context(ctx, clickhouse.WithSettings(settings))
		var readonly string
		if err = c.QueryRow(reading, "SELECT toString(getSetting('readonly'))").Scan(&readonly); err == nil {
			if readonly == "0" {
				return nil, fmt.Errorf("clickhouse %s: the server does not heed the setting readonly", c.Address())
			}
			return reading, nil
		}
		if !RefusedAsReadOnly(err) {
			break
		}
	}
	return nil, c.explain(err)
}

var errChanges = errors.New("the statement does more than read")

// reading are the first words of statements that only read.
var reading = []string{"SELECT", "WITH", "EXPLAIN", "SHOW", "DESCRIBE", "DESC", "EXISTS"}

// MustRead returns an error, RefusedAsReadOnly, for statements that do not begin as
// those that only read: a server lets who only reads run some that do more, such as
// SYSTEM STOP MERGES. What begins so, ReadOnly keeps from changing anything.
func MustRead(statement string) error {
	if word := firstWord(statement); !slices.Contains(reading, word) {
		return fmt.Errorf("%w: it begins with %.20q, not with one of %s", errChanges, word, strings.Join(reading, ", "))
	}
	return nil
}

// firstWord returns the first word of a statement in capitals, behind comments and
// parentheses.
func firstWord(statement string) string {
	for {
		statement = strings.TrimLeftFunc(statement, func(r rune) bool { return unicode.IsSpace(r) || r == '(' })
		end := ""
		switch {
		case strings.HasPrefix(statement, "--"), strings.HasPrefix(statement, "#"):
			end = "\n"
		case strings.HasPrefix(statement, "/*"):
			end = "*/"
		default:
			word, _, _ := strings.Cut(statement, " ")
			if i := strings.IndexFunc(word, func(r rune) bool { return !unicode.IsLetter(r) }); i >= 0 {
				word = word[:i]
			}
			return strings.ToUpper(word)
		}
		_, statement, _ = strings.Cut(statement, end)
	}
}

// RefusedAsReadOnly reports whether a statement was refused because it would have
// changed something, or set what may not be set.
func RefusedAsReadOnly(err error) bool {
	var exception *clickhouse.Exception
	if errors.Is(err, errChanges) {
		return true
	}
	if !errors.As(err, &exception) {
		return false
	}
	switch exception.Code {
	case codeReadOnly, codeSettingConstraint, codeAccessDenied:
		return true
	}
	return false
}
