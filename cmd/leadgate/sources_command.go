package main

import (
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/leadgate/leadgate/sources"
)

func (a *app) sourcesCommand() *cobra.Command {
	return &cobra.Command{
		Use: "sources", Short: "List the types of source that can be configured", Args: cobra.NoArgs,
		Long: `Sources lists what sources[].type may be, how each sender is verified, what makes
two deliveries one, what is asked of the platform afterwards, and what the reading
of its format rests on. config.example.yaml has a line of each to copy.`,
		Example: "  leadgate sources",
		RunE: func(*cobra.Command, []string) error {
			t := newTable()
			t.AppendHeader(table.Row{"type", "takes", "verified by", "counted once by", "asked for afterwards", "known from"})
			var columns []table.ColumnConfig
			for number := 2; number <= 5; number++ {
				columns = append(columns, table.ColumnConfig{Number: number, WidthMax: 34, WidthMaxEnforcer: text.WrapSoft})
			}
			t.SetColumnConfigs(columns)
			for _, typ := range sources.Types() {
				row := make(table.Row, 0, 6)
				for _, cell := range typ.Row() {
					row = append(row, strings.ReplaceAll(cell, "`", ""))
				}
				t.AppendRow(row)
			}
			_, err := fmt.Fprintln(a.stdout, t.Render())
			return err
		},
	}
}
