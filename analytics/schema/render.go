package schema

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template/parse"
	"time"
)

//go:embed sql/*.sql
var files embed.FS

// Params say what the tables are made for.
type Params struct {
	// Database; the connection's if empty.
	Database string
	// Cluster is the name of a cluster of the server's configuration; empty
	// for a single node. Its nodes need the macros {shard} and {replica}.
	Cluster string
	// RawTTL is how long raw deliveries are kept, in whole days; 30 days if 0.
	RawTTL time.Duration
}

const maxRawTTL = 36_500 * 24 * time.Hour

// Migration is one numbered file.
type Migration struct {
	Version    int
	Name       string
	Statements []string
}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Render returns the migrations in their order, as they would be run. It
// fails on names that are not plain identifiers.
func Render(p Params) ([]Migration, error) {
	p, err := p.complete()
	if err != nil {
		return nil, err
	}
	paths, err := fs.Glob(files, "sql/*.sql")
	if err != nil {
		return nil, err
	}
	slices.Sort(paths)
	var migrations []Migration
	for _, path := range paths {
		text, err := files.ReadFile(path)
		if err != nil {
			return nil, err
		}
		m, err := p.render(strings.TrimSuffix(strings.TrimPrefix(path, "sql/"), ".sql"), string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		migrations = append(migrations, m)
	}
	return migrations, nil
}

func (p Params) complete() (Params, error) {
	var errs []error
	if !identifier.MatchString(p.Database) {
		errs = append(errs, fmt.Errorf("database: want letters, digits and _ (got %q)", p.Database))
	}
	if p.Cluster != "" && !identifier.MatchString(p.Cluster) {
		errs = append(errs, fmt.Errorf("clickhouse.cluster: want letters, digits and _ (got %q)", p.Cluster))
	}
	if p.RawTTL == 0 {
		p.RawTTL = 30 * 24 * time.Hour
	}
	if p.RawTTL < 24*time.Hour || p.RawTTL > maxRawTTL {
		errs = append(errs, fmt.Errorf("time to keep raw deliveries: want between a day and 100 years (got %s)", p.RawTTL))
	}
	return p, errors.Join(errs...)
}

func (p Params) render(name, text string) (Migration, error) {
	number, name, _ := strings.Cut(name, "_")
	version, err := strconv.Atoi(number)
	if err != nil {
		return Migration{}, fmt.Errorf("no number: %w", err)
	}
	filled, err := fill(name, text, p.functions())
	if err != nil {
		return Migration{}, err
	}
	m := Migration{Version: version, Name: name}
	for statement := range strings.SplitSeq(filled, ";\n") {
		if statement = strings.TrimSpace(statement); statement != "" {
			m.Statements = append(m.Statements, statement)
		}
	}
	return m, nil
}

// fill puts in what the actions of a template stand for: {{name "argument" …}}.
// Executing templates would be the library's part, but a program that can do so
// keeps every exported method of every type that it links, for the template
// might name it: a third of the gateway's size.
func fill(name, text string, functions map[string]function) (string, error) {
	known := make(map[string]any, len(functions))
	for name := range functions {
		known[name] = true
	}
	trees, err := parse.Parse(name, text, "{{", "}}", known)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, node := range trees[name].Root.Nodes {
		part, err := expand(node, functions)
		if err != nil {
			return "", err
		}
		b.WriteString(part)
	}
	return b.String(), nil
}

// function gives what stands in the place of an action.
type function struct {
	args int
	text func(args []string) string
}

func expand(node parse.Node, functions map[string]function) (string, error) {
	switch n := node.(type) {
	case *parse.TextNode:
		return string(n.Text), nil
	case *parse.ActionNode:
		if len(n.Pipe.Cmds) != 1 || len(n.Pipe.Decl) > 0 {
			break
		}
		words := n.Pipe.Cmds[0].Args
		called, ok := words[0].(*parse.IdentifierNode)
		if !ok {
			break
		}
		var args []string
		for _, word := range words[1:] {
			if text, ok := word.(*parse.StringNode); ok {
				args = append(args, text.Text)
			}
		}
		if f := functions[called.Ident]; len(args) == f.args && len(words) == 1+f.args {
			return f.text(args), nil
		}
	}
	return "", fmt.Errorf("cannot be filled in: %s", node)
}

// dedupWindow is how many inserts back, per table and partition, a repeated
// token is recognised. A batch is retried until it is in, so its repetitions
// are close together; this is a hundred times more than can be in between.
const dedupWindow = 10_000

func (p Params) functions() map[string]function {
	onCluster := ""
	if p.Cluster != "" {
		onCluster = " ON CLUSTER " + p.Cluster
	}
	qualified := func(name string) string { return p.Database + "." + name }
	local := func(name string) string {
		if p.Cluster != "" {
			name += "_local"
		}
		return qualified(name)
	}
	return map[string]function{
		"name":      {1, func(args []string) string { return qualified(args[0]) }},
		"onCluster": {0, func([]string) string { return onCluster }},
		"table":     {1, func(args []string) string { return local(args[0]) }},
		"replacing": {1, func(args []string) string {
			if p.Cluster != "" {
				return fmt.Sprintf("ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', %s)", args[0])
			}
			return fmt.Sprintf("ReplacingMergeTree(%s)", args[0])
		}},
		"settings": {0, func([]string) string {
			durable := "fsync_after_insert = 1, fsync_part_directory = 1"
			if p.Cluster != "" {
				return fmt.Sprintf("replicated_deduplication_window = %d, replicated_deduplication_window_seconds = 2592000,\n    %s", dedupWindow, durable)
			}
			return fmt.Sprintf("non_replicated_deduplication_window = %d, %s", dedupWindow, durable)
		}},
		"distributed": {2, func(args []string) string {
			if p.Cluster == "" {
				return ""
			}
			name, shardBy := args[0], args[1]
			return fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s%s AS %s_local\nENGINE = Distributed(%s, %s, %s_local, %s);\n",
				qualified(name), onCluster, qualified(name), p.Cluster, p.Database, name, shardBy)
		}},
		// A Distributed table does not learn of its local tables' columns.
		"addColumn": {2, func(args []string) string {
			name, column := args[0], args[1]
			text := fmt.Sprintf("ALTER TABLE %s%s ADD COLUMN IF NOT EXISTS %s;\n", qualified(name), onCluster, column)
			if p.Cluster == "" {
				return text
			}
			column, _, _ = strings.Cut(column, " CODEC(")
			return strings.Replace(text, qualified(name), qualified(name)+"_local", 1) +
				fmt.Sprintf("ALTER TABLE %s%s ADD COLUMN IF NOT EXISTS %s;\n", qualified(name), onCluster, column)
		}},
		"setting": {2, func(args []string) string {
			return fmt.Sprintf("ALTER TABLE %s%s MODIFY SETTING %s;\n", local(args[0]), onCluster, args[1])
		}},
		"rawTTL": {0, func([]string) string { return rawTTL(p.RawTTL) }},
	}
}

func rawTTL(d time.Duration) string {
	return fmt.Sprintf("toDate(received_at) + toIntervalDay(%d)", int(d/(24*time.Hour)))
}
