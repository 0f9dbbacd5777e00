package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/leadgate/leadgate/analytics/clickhouse"
	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/redact"
)

func (a *app) showCommand(example string) *cobra.Command {
	var raw, force bool
	cmd := &cobra.Command{
		Use: "show ID", Short: "Show one delivery with its raw request, personal data included",
		Long: `Show prints what became of a delivery, and its request but for credentials. What
could steer a terminal is replaced; --raw writes the request alone, each byte as it
came, in the form that leadgate inspect reads.`,
		Example: "  " + example + "\n  " + example + " --raw > captured.http", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if raw && !force && isTerminal(a.rawStdout) {
				return usageError{errors.New("--raw writes what was sent as it is, which may steer this terminal: send it to a file or a program, or add --force")}
			}
			return a.withStore(cmd.Context(), func(s *Settings, conn *clickhouse.Conn) error {
				stored, request, err := conn.Delivery(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				expired := fmt.Sprintf("the raw request is not kept any more (deliveries.raw_retention %v)", s.Deliveries.RawRetention)
				switch {
				case !raw:
					return a.printDelivery(stored, request, expired)
				case request == nil:
					return errors.New(expired)
				}
				_, err = a.rawStdout.Write(capture(request, stored.ReceivedAt))
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&raw, "raw", false, "the request's bytes as they came, not to a terminal")
	cmd.Flags().BoolVar(&force, "force", false, "with --raw: to a terminal, too")
	return cmd
}

// printDelivery prints a delivery for a person, as the request it was.
func (a *app) printDelivery(stored clickhouse.StoredDelivery, request *ingest.Delivery, expired string) error {
	var out strings.Builder
	fmt.Fprintf(&out, "delivery  %s\nsource    %s\nreceived  %s\nverdict   %s\nevents    %d\n", redact.Line(stored.ID), redact.Line(stored.Source),
		stored.ReceivedAt.UTC().Format(time.RFC3339Nano), redact.Line(string(stored.Verdict)), stored.Events)
	if stored.Reason != "" {
		fmt.Fprintf(&out, "reason    %s\n", redact.Line(stored.Reason))
	}
	if request == nil {
		fmt.Fprintf(&out, "\n%s\n", expired)
	} else {
		fmt.Fprintf(&out, "from      %s\n\n%s %s\n", redact.Line(request.RemoteAddr), redact.Line(request.Method), redact.Line(request.URL))
		for _, key := range slices.Sorted(maps.Keys(request.Header)) {
			for _, value := range request.Header[key] {
				fmt.Fprintf(&out, "%s: %s\n", redact.Line(key), redact.Line(value))
			}
		}
		fmt.Fprintf(&out, "\n%s\n", redact.Text(string(request.Body)))
	}
	_, err := fmt.Fprint(a.stdout, out.String())
	return err
}

// capture is a request in the form that ingest.ParseCapture reads.
func capture(request *ingest.Delivery, receivedAt time.Time) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s %s HTTP/1.1\r\nDate: %s\r\n", request.Method, request.URL, receivedAt.UTC().Format(http.TimeFormat))
	for _, key := range slices.Sorted(maps.Keys(request.Header)) {
		for _, value := range request.Header[key] {
			if key != "Date" {
				fmt.Fprintf(&out, "%s: %s\r\n", key, value)
			}
		}
	}
	out.WriteString("\r\n")
	out.Write(request.Body)
	return out.Bytes()
}
