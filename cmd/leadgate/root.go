package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/leadgate/leadgate/ingest/redact"
)

// app is what all commands share.
type app struct {
	environ        []string
	stdin          io.Reader
	stdout, stderr io.Writer // what could steer a terminal is replaced
	// What stdout and stderr write to: for exact bytes, and for progress bars.
	rawStdout, rawStderr io.Writer
	configPath           string
}

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "leadgate",
		Short: "Lead capture that loses nothing, and the cost of every lead",
		Long: `Leadgate takes leads from forms, calls, ad platforms and e-mail, keeps each on
disk before it answers, counts it once, and tells what a lead cost.`,
		Example: `  leadgate serve
  leadgate report cpl --from 2026-01-01 --to 2026-01-31 --by channel,campaign`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.PersistentFlags().StringVar(&a.configPath, "config", a.getenv("LEADGATE_CONFIG"),
		"configuration file (default config.yaml if present, else the defaults)")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w\nsee: %s --help", err, cmd.CommandPath())}
	})
	root.AddCommand(
		a.serveCommand(), a.configCommand(), a.migrateCommand(), a.doctorCommand(), a.clickhouseCommand(),
		a.versionCommand(), a.sqlCommand(), a.importCommand(), a.reportCommand(), a.inspectCommand(), a.sourcesCommand(),
		a.deliveriesCommand(), a.quarantineCommand(), a.journalCommand(), a.dedupeCommand(), a.reconcileCommand(),
		a.pendingCommand(), a.backfillCommand(),
	)
	asUsage(root)
	return root
}

// asUsage makes wrong arguments of every command usage errors.
func asUsage(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usageError{fmt.Errorf("%w\nsee: %s --help", err, cmd.CommandPath())}
			}
			return nil
		}
	}
	for _, child := range cmd.Commands() {
		asUsage(child)
	}
}

// group is a command that only holds others.
func group(use, short string, children ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(children...)
	return cmd
}

// jsonOut is standard output for JSON, which escapes what could steer a terminal.
func (a *app) jsonOut() io.Writer { return redact.NewJSONWriter(a.stdout) }

func (a *app) getenv(name string) string {
	// The last entry wins, as in os/exec.
	for _, entry := range slices.Backward(a.environ) {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

// settings loads and checks the configuration, naming all problems at once.
func (a *app) settings() (*Settings, error) {
	config, err := LoadConfig(a.configPath, a.environ)
	if err != nil {
		return nil, err
	}
	settings, err := config.Check()
	if err == nil {
		settings.path = a.configPath
	}
	return settings, err
}

func (a *app) logger(config LogConfig) *slog.Logger { return loggerTo(a.stderr, config) }

func loggerTo(out io.Writer, config LogConfig) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(config.Level)) // checked with the configuration
	options := &slog.HandlerOptions{Level: level}
	if config.Format == "json" {
		return slog.New(slog.NewJSONHandler(redact.NewJSONWriter(out), options))
	}
	return slog.New(slog.NewTextHandler(out, options))
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Example: "  leadgate version", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			revision := ""
			if info, ok := debug.ReadBuildInfo(); ok {
				for _, setting := range info.Settings {
					if setting.Key == "vcs.revision" {
						revision = " " + setting.Value
					}
				}
			}
			_, err := fmt.Fprintf(a.stdout, "leadgate %s%s %s %s/%s\n",
				version, revision, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}

func (a *app) configCommand() *cobra.Command {
	check := &cobra.Command{
		Use: "check", Short: "Check the configuration and list every problem", Args: cobra.NoArgs,
		Example: "  leadgate config check --config config.yaml",
		RunE: func(*cobra.Command, []string) error {
			var problems, more Problems
			config, err := LoadConfig(a.configPath, a.environ)
			if err != nil && !errors.As(err, &problems) {
				return err
			}
			// What could be read is checked too: all problems at once.
			settings, err := config.Check()
			if errors.As(err, &more) {
				problems = append(problems, more...)
			}
			if len(problems) > 0 {
				return problems
			}
			settings.path = a.configPath
			for _, warning := range settings.warnings() {
				fmt.Fprintln(a.stderr, "warning: "+warning)
			}
			_, err = fmt.Fprintf(a.stdout, "configuration is good: %d sources\n", len(config.Sources))
			return err
		},
	}
	return group("config", "Look at the configuration", check)
}
