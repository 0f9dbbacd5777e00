package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/leadgate/leadgate/ingest/journal"
)

func (a *app) journalCommand() *cobra.Command {
	verify := &cobra.Command{
		Use: "verify", Short: "Check every checksum; damage is told by segment and offset", Args: cobra.NoArgs,
		Long: `Verify reads the whole journal and changes nothing. Beside a running gateway the
last segment may show a record that is half written. It exits with 1 on damage.`,
		Example: "  leadgate journal verify",
		RunE: func(*cobra.Command, []string) error {
			return a.readJournal(func(segment uint64, records int, err error) {
				if err != nil {
					fmt.Fprintf(a.stdout, "segment %d: %d records whole, damaged: %v\n", segment, records, err)
					return
				}
				fmt.Fprintf(a.stdout, "segment %d: %d records, all whole\n", segment, records)
			})
		},
	}
	stat := &cobra.Command{
		Use: "stat", Short: "Show what the journal holds", Args: cobra.NoArgs,
		Example: "  leadgate journal stat",
		RunE: func(*cobra.Command, []string) error {
			settings, err := a.settings()
			if err != nil {
				return err
			}
			stat, err := journal.Inspect(filepath.Join(settings.DataDir, "journal"))
			if err != nil {
				return err
			}
			fmt.Fprintf(a.stdout, "segments     %d\nbytes        %v of at most %v\nuncommitted  %v\ncommitted    segment %d, offset %d\n",
				stat.Segments, Bytes(stat.Bytes), settings.Journal.MaxBytes, Bytes(stat.Uncommitted),
				stat.Committed.Segment, stat.Committed.Offset)
			return nil
		},
	}
	return group("journal", "Look at the journal", stat, verify)
}

func (a *app) readJournal(report func(segment uint64, records int, err error)) error {
	settings, err := a.settings()
	if err != nil {
		return err
	}
	return journal.Verify(filepath.Join(settings.DataDir, "journal"), report)
}
