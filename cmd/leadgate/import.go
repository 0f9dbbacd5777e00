package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/leadgate/leadgate/ingest/redact"
	"github.com/leadgate/leadgate/sources/costs"
)

// importKind is one thing that files can hold.
type importKind struct {
	use, short, example string
	types               []string // of sources that take it
	perRequest          int      // records in one delivery; 0: the file as it is
}

var costsHelp = `The file goes as it is, in one delivery, to a source of type cost, whose
options.format says what it is: ` + strings.Join(costs.Formats(), ", ") + `.

Importing a day again replaces that day of that account and level (account,
campaign, adgroup, ad or keyword): what the file leaves out is counted no more.
--replace rows replaces only the rows that the file has, as when a day comes in
several files; that is the rule for pages of an API's answer and for the format
json, which --replace day changes.`

var importKinds = []importKind{
	{"costs", "advertising costs: what the platform exports or its API answers, whole or not at all",
		"leadgate import costs january.csv --source google-costs", []string{"cost"}, 0},
	{"clicks", "clicks: JSON objects (array or one a line), or CSV with a header",
		"leadgate import clicks clicks.ndjson --source clicks", []string{"click"}, 500},
	{"leads", "leads: JSON objects (array or one a line), or CSV with a header",
		"leadgate import leads fair.csv --source landing", []string{"form", "json"}, 1},
	{"statuses", "what became of leads: JSON objects (array or one a line), or CSV with a header",
		"leadgate import statuses crm.csv --source crm", []string{"status"}, 500},
}

func (a *app) importCommand() *cobra.Command {
	cmd := group("import", "Send a file through the gateway's own door")
	cmd.Long = `Import sends a file to the running gateway as deliveries, with the durability,
deduplication and checks that all deliveries get. Sending a file again counts
nothing twice.

Costs may be in these formats: ` + strings.Join(costs.Formats(), ", ") + `
(options.format of the source).`
	for _, kind := range importKinds {
		var source, url, replace string
		child := &cobra.Command{
			Use: kind.use + " FILE", Short: "Import " + kind.short, Example: "  " + kind.example, Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				return a.importFile(cmd.Context(), kind, importArgs{args[0], source, url, replace})
			},
		}
		child.Flags().StringVar(&source, "source", "", "name of the source that takes it (required)")
		child.Flags().StringVar(&url, "url", "", "the gateway's address (default from listen)")
		if kind.perRequest == 0 {
			child.Long = costsHelp
			child.Flags().StringVar(&replace, "replace", "", "day or rows: what is replaced (default by the format)")
		}
		cmd.AddCommand(child)
	}
	return cmd
}

// importArgs are what the command line says.
type importArgs struct{ path, source, url, replace string }

func (a *app) importFile(ctx context.Context, kind importKind, args importArgs) error {
	path, source, url := args.path, args.source, args.url
	switch {
	case source == "":
		return usageError{errors.New("--source is needed: the name of the source that takes the file")}
	case args.replace != "" && args.replace != "day" && args.replace != "rows":
		return usageError{fmt.Errorf("--replace: must be day or rows (got %q)", args.replace)}
	}
	settings, err := a.settings()
	if err != nil {
		return err
	}
	intake, ok := settings.Intakes[source]
	if !ok {
		return usageError{fmt.Errorf("no source is named %q in the configuration", source)}
	}
	if !slices.Contains(kind.types, intake.Config.Type) {
		return usageError{fmt.Errorf("%s go to a source of type %s; %s is of type %s",
			kind.use, strings.Join(kind.types, " or "), source, intake.Config.Type)}
	}
	if url == "" {
		url = localURL(settings.Listen)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	door := &door{url: url + "/in/" + source}
	if secrets := settings.Secrets[source]; len(secrets) > 0 {
		door.token = secrets[0]
	}
	if kind.perRequest == 0 {
		if args.replace != "" {
			door.url += "?replace=" + args.replace
		}
		if err := a.sendWhole(ctx, door, fileType(path, text), text); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		_, err := fmt.Fprintf(a.stdout, "%s is accepted\n", path)
		return err
	}
	records, err := readRecords(text)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return a.sendRecords(ctx, door, path, records, kind.perRequest)
}

// fileType is the media type of a file, by its name, else by how it begins.
func fileType(path string, text []byte) string {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".json", ".ndjson", ".jsonl":
		return "application/json"
	case ".tsv", ".tab":
		return "text/tab-separated-values"
	case ".csv":
		return "text/csv"
	}
	if start := bytes.TrimLeft(text, "\ufeff \t\r\n"); len(start) > 0 && (start[0] == '{' || start[0] == '[') {
		return "application/json"
	}
	return "text/csv"
}

func (a *app) sendWhole(ctx context.Context, door *door, contentType string, text []byte) error {
	bar := a.progress(int64(len(text)), progressbar.OptionShowBytes(true))
	err := door.post(ctx, contentType, text, bar)
	_ = bar.Finish()
	return err
}

func (a *app) sendRecords(ctx context.Context, door *door, path string, records []importRecord, perRequest int) error {
	bar := a.progress(int64(len(records)), progressbar.OptionShowCount())
	sent := 0
	for chunk := range slices.Chunk(records, perRequest) {
		body := []byte(chunk[0].text)
		if perRequest > 1 {
			texts := make([]json.RawMessage, len(chunk))
			for i, record := range chunk {
				texts[i] = record.text
			}
			var err error
			if body, err = json.Marshal(texts); err != nil {
				return err
			}
		}
		if err := door.post(ctx, "application/json", body, nil); err != nil {
			_ = bar.Exit()
			return fmt.Errorf("%s, records from line %d on: %w\n%d records before them are accepted; mend the file and import it again, nothing is counted twice",
				path, chunk[0].line, err, sent)
		}
		sent += len(chunk)
		_ = bar.Add(len(chunk))
	}
	_ = bar.Finish()
	_, err := fmt.Fprintf(a.stdout, "%d records of %s are accepted\n", sent, path)
	return err
}

// progress is a bar on a terminal, and nothing elsewhere.
func (a *app) progress(total int64, options ...progressbar.Option) *progressbar.ProgressBar {
	file, ok := a.rawStderr.(*os.File)
	var out io.Writer = file
	if !ok || !term.IsTerminal(int(file.Fd())) {
		out = io.Discard
	}
	// Its spinner, for an unknown total, would turn in a goroutine that reads what
	// we write.
	options = append([]progressbar.Option{progressbar.OptionSetWriter(out), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetDescription("importing"), progressbar.OptionSetSpinnerChangeInterval(0)}, options...)
	return progressbar.NewOptions64(total, options...)
}

// localURL is how to reach a listener from its own machine.
func localURL(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil || host == "" || net.ParseIP(host).IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// door posts deliveries to one source of the running gateway.
type door struct {
	url, token string
}

// post sends one delivery, waiting and trying again where the gateway asks
// for it. progress, if any, is told the bytes that were sent.
func (d *door) post(ctx context.Context, contentType string, body []byte, progress *progressbar.ProgressBar) error {
	for {
		wait, err := d.postOnce(ctx, contentType, body, progress)
		if wait == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

const maxRetryAfter = time.Minute

func (d *door) postOnce(ctx context.Context, contentType string, body []byte, progress *progressbar.ProgressBar) (time.Duration, error) {
	var content io.Reader = bytes.NewReader(body)
	if progress != nil {
		progress.Reset()
		content = io.TeeReader(content, progress)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url, content)
	if err != nil {
		return 0, err
	}
	req.ContentLength = int64(len(body))
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Accept", "application/json")
	if d.token != "" {
		req.Header.Set("Authorization", "Bearer "+d.token)
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, fmt.Errorf("%w (is the gateway running? start it with `leadgate serve`)", err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return 0, err
	}
	switch answer.StatusCode {
	case http.StatusOK:
		return 0, nil
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		seconds, err := strconv.Atoi(answer.Header.Get("Retry-After"))
		if err != nil || seconds < 1 {
			seconds = 1
		}
		return min(time.Duration(seconds)*time.Second, maxRetryAfter), nil
	}
	return 0, refusal(answer.StatusCode, text)
}

// refusal turns the gateway's error body into text, a line for each field.
func refusal(status int, body []byte) error {
	var answer struct {
		Error struct {
			Message string            `json:"message"`
			Fields  map[string]string `json:"fields"`
		} `json:"error"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Error.Message == "" {
		return fmt.Errorf("the gateway answered %d", status)
	}
	lines := make([]string, 0, len(answer.Error.Fields))
	for field, reason := range answer.Error.Fields {
		lines = append(lines, "  "+redact.Line(field)+": "+redact.Line(reason))
	}
	slices.SortFunc(lines, naturalOrder)
	return errors.New(strings.Join(append([]string{redact.Line(answer.Error.Message)}, lines...), "\n"))
}

// naturalOrder puts "line 9" before "line 10".
func naturalOrder(a, b string) int {
	if byLength := len(firstNumber(a)) - len(firstNumber(b)); byLength != 0 && firstNumber(a) != "" && firstNumber(b) != "" {
		return byLength
	}
	return strings.Compare(a, b)
}

func firstNumber(s string) string {
	start := strings.IndexAny(s, "0123456789")
	if start < 0 {
		return ""
	}
	return s[start : start+len(s[start:])-len(strings.TrimLeft(s[start:], "0123456789"))]
}
