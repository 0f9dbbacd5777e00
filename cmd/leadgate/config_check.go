package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/text/currency"

	"github.com/leadgate/leadgate/analytics/clickhouse/embedded"
	"github.com/leadgate/leadgate/analytics/report"
	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/ask"
	"github.com/leadgate/leadgate/sources"
	"github.com/leadgate/leadgate/sources/signature"
)

// Settings are a checked configuration: secrets resolved, sources built.
type Settings struct {
	Config
	RedisURL      string
	ClickHouseURL string
	Reader        embedded.Reader
	APIKeys       []string
	Intakes       map[string]*ingest.Intake
	Secrets       map[string][]string // by source
	Rules         []report.PriceRule
	Certificates  *ask.Certificates // of the senders that sign with one

	path string // of the configuration file; "" for the default
}

// Check returns the settings that config means, or all its Problems at once.
func (c Config) Check() (*Settings, error) {
	var problems Problems
	s := &Settings{
		Config: c, Intakes: map[string]*ingest.Intake{}, Secrets: map[string][]string{},
		Certificates: ask.NewCertificates(ask.Options{Allowed: signature.SNSAddress}),
	}
	c.checkHTTP(&problems)
	c.checkSizes(&problems)
	for i, key := range c.API.Keys {
		s.APIKeys = append(s.APIKeys, secretAt(fmt.Sprintf("api.keys[%d]", i), key, 16, &problems))
	}
	s.RedisURL = storeURL("redis.url", c.Redis.URL, checkRedisURL, &problems)
	s.ClickHouseURL = storeURL("clickhouse.url", c.ClickHouse.URL, checkClickHouseURL, &problems)
	if c.ClickHouse.Cluster != "" && c.ClickHouse.URL == "" {
		problems.add("clickhouse.cluster", "needs clickhouse.url: the embedded store is a single node (got %s)", c.ClickHouse.Cluster)
	}
	s.Reader = c.ClickHouse.checkReader(&problems)
	if c.Limits.Shared && c.Redis.URL == "" {
		problems.add("limits.shared", "needs redis.url: the embedded Redis is not shared (got true)")
	}
	for i, rule := range c.Costs.Rules {
		s.Rules = append(s.Rules, rule.check(fmt.Sprintf("costs.rules[%d]", i), &problems))
	}
	if len(c.Sources) == 0 {
		problems.add("sources", "at least one is needed, or nothing can be delivered (got none)")
	}
	for i, source := range c.Sources {
		source.check(fmt.Sprintf("sources[%d]", i), s, &problems)
	}
	s.checkBodyMemory(&problems)
	if len(problems) > 0 {
		return nil, problems
	}
	return s, nil
}

func (c Config) checkHTTP(problems *Problems) {
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		problems.add("listen", "not host:port (got %s)", c.Listen)
	}
	u, err := url.Parse(c.PublicURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.HasSuffix(c.PublicURL, "/") {
		problems.add("public_url", "not an http or https URL without a trailing slash (got %s)", c.PublicURL)
	}
	if _, _, err := net.SplitHostPort(c.AdminListen); err != nil && c.AdminListen != "" {
		problems.add("admin_listen", "not host:port such as 127.0.0.1:8081, nor empty for none (got %s)", c.AdminListen)
	}
	if c.DebugListen != "" && !loopback(c.DebugListen) {
		problems.add("debug_listen", "not host:port of this machine alone, as in 127.0.0.1:6060: profiles are not for the world (got %s)", c.DebugListen)
	}
	if c.DataDir == "" {
		problems.add("data_dir", "a directory is needed (got nothing)")
	}
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, c.Log.Level) {
		problems.add("log.level", "not one of debug, info, warn, error (got %s)", c.Log.Level)
	}
	if c.Log.Format != "text" && c.Log.Format != "json" {
		problems.add("log.format", "not one of text, json (got %s)", c.Log.Format)
	}
	for i, proxy := range c.HTTP.TrustedProxies {
		_, errAddr := netip.ParseAddr(proxy)
		if _, errPrefix := netip.ParsePrefix(proxy); errAddr != nil && errPrefix != nil {
			problems.add(fmt.Sprintf("http.trusted_proxies[%d]", i), "not an address or network such as 10.0.0.0/8 (got %s)", proxy)
		}
	}
	c.Limits.check(problems)
}

func (c Config) checkSizes(problems *Problems) {
	positive := func(path string, d Duration) {
		if d <= 0 {
			problems.add(path, "must be more than 0 (got %v)", d)
		}
	}
	positive("http.read_timeout", c.HTTP.ReadTimeout)
	positive("http.write_timeout", c.HTTP.WriteTimeout)
	positive("http.idle_timeout", c.HTTP.IdleTimeout)
	positive("http.request_timeout", c.HTTP.RequestTimeout)
	positive("drain.flush_interval", c.Drain.FlushInterval)
	positive("drain.decode_timeout", c.Drain.DecodeTimeout)
	if every := c.Drain.ReconcileInterval; every != 0 && every < Duration(time.Minute) {
		problems.add("drain.reconcile_interval", "must be 0 (never) or at least 1m (got %v)", every)
	}
	positive("dedupe.person_window", c.Dedupe.PersonWindow)
	positive("dedupe.event_ttl", c.Dedupe.EventTTL)
	if c.Deliveries.RawRetention < Duration(day) {
		problems.add("deliveries.raw_retention", "must be at least 1d (got %v)", c.Deliveries.RawRetention)
	}
	if c.HTTP.MaxBody < 1<<10 || c.HTTP.MaxBody > 1<<30 {
		problems.add("http.max_body", "must be between 1KiB and 1GiB (got %v)", c.HTTP.MaxBody)
	}
	if c.Journal.SegmentBytes < 1<<20 {
		problems.add("journal.segment_bytes", "must be at least 1MiB (got %v)", c.Journal.SegmentBytes)
	}
	if c.Journal.MaxBytes < 2*c.Journal.SegmentBytes {
		problems.add("journal.max_bytes", "must hold at least two segments of %v (got %v)", c.Journal.SegmentBytes, c.Journal.MaxBytes)
	}
	if c.Drain.BatchRows < 1 || c.Drain.BatchRows > 1_000_000 {
		problems.add("drain.batch_rows", "must be between 1 and 1000000 (got %d)", c.Drain.BatchRows)
	}
}

func secretAt(path string, secret Secret, least int, problems *Problems) string {
	text, err := resolveSecret(secret)
	switch {
	case err != nil:
		problems.add(path, "%v", err)
	case len(text) < least:
		problems.add(path, "must have at least %d characters (got %d)", least, len(text))
	}
	return text
}

// storeURL is a store's URL, which check reads; without one it is embedded.
func storeURL(path string, secret Secret, check func(text string) error, problems *Problems) string {
	if secret == "" {
		return ""
	}
	text := secretAt(path, secret, 1, problems)
	if text == "" {
		return ""
	}
	if err := check(text); err != nil {
		problems.add(path, "%v", err)
	}
	return text
}

func checkRedisURL(text string) error {
	_, _, err := redisOptions(text)
	return err
}

func checkClickHouseURL(text string) error {
	if u, err := url.Parse(text); err != nil || u.Scheme != "clickhouse" {
		return errors.New("not a URL of the form clickhouse://…")
	}
	return nil
}

func (r RuleConfig) check(path string, problems *Problems) report.PriceRule {
	rule := report.PriceRule{
		Name: r.Name, Workspace: r.Workspace, Channel: r.Channel, Source: r.Source, Medium: r.Medium,
		Campaign: r.Campaign, Per: r.Per, Currency: r.Currency,
	}
	if rule.Workspace == "" {
		rule.Workspace = "default"
	}
	if rule.Name == "" {
		rule.Name = path
	}
	if !slices.Contains([]string{"click", "lead", "sale"}, r.Per) {
		problems.add(path+".per", "not one of click, lead, sale (got %s)", r.Per)
	}
	var err error
	if rule.Price, err = ingest.ParseMicros(r.Price); err != nil || rule.Price < 0 {
		problems.add(path+".price", "not a decimal amount such as 100.00 (got %s)", r.Price)
	}
	checkCurrency(path+".currency", r.Currency, problems)
	rule.From = checkDay(path+".from", r.From, problems)
	rule.To = checkDay(path+".to", r.To, problems)
	return rule
}

func checkDay(path, text string, problems *Problems) time.Time {
	if text == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		problems.add(path, "not a date such as 2026-01-31 (got %s)", text)
	}
	return t
}

func checkCurrency(path, code string, problems *Problems) {
	if unit, err := currency.ParseISO(code); err != nil || unit.String() != code {
		problems.add(path, "not an ISO 4217 currency code such as EUR (got %s)", code)
	}
}

var namePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

func (c SourceConfig) check(path string, s *Settings, problems *Problems) {
	before := len(*problems)
	if !namePattern.MatchString(c.Name) {
		problems.add(path+".name", "must be lower-case letters, digits, - and _, at most 63 (got %s)", c.Name)
	}
	if _, taken := s.Intakes[c.Name]; taken {
		problems.add(path+".name", "is taken by an earlier source (got %s)", c.Name)
	}
	if !namePattern.MatchString(c.Workspace) {
		problems.add(path+".workspace", "must be lower-case letters, digits, - and _, at most 63 (got %s)", c.Workspace)
	}
	if !phonenumbers.GetSupportedRegions()[c.DefaultRegion] {
		problems.add(path+".default_region", "not an ISO 3166 region such as US (got %s)", c.DefaultRegion)
	}
	location, err := time.LoadLocation(c.Timezone)
	if err != nil || c.Timezone == "Local" {
		problems.add(path+".timezone", "not an IANA time zone such as Europe/Berlin (got %s)", c.Timezone)
	}
	checkCurrency(path+".currency", c.Currency, problems)
	secrets := make([]string, 0, len(c.Secrets))
	for i, secret := range c.Secrets {
		secrets = append(secrets, secretAt(fmt.Sprintf("%s.secrets[%d]", path, i), secret, 1, problems))
	}
	credentials := make(map[string]string, len(c.Credentials))
	for name, secret := range c.Credentials {
		credentials[name] = secretAt(path+".credentials."+name, secret, 1, problems)
	}
	if len(*problems) > before {
		return
	}
	intake, err := sources.New(ingest.SourceConfig{
		Name: c.Name, Type: c.Type, Workspace: c.Workspace, Secrets: secrets, Credentials: credentials, DefaultRegion: c.DefaultRegion,
		Location: location, Currency: c.Currency, AllowedHosts: c.AllowedHosts, Options: datesAsText(c.Options),
		Certificates: s.Certificates,
	})
	if err != nil {
		problems.add(fmt.Sprintf("%s (%s)", path, c.Name), "%v", err)
		return
	}
	s.Intakes[c.Name] = intake
	s.Secrets[c.Name] = secrets
}

// datesAsText gives back their text to dates that YAML has taken for times.
func datesAsText(options map[string]any) map[string]any {
	return asText(options).(map[string]any)
}

func asText(value any) any {
	switch value := value.(type) {
	case time.Time:
		if value.Equal(value.Truncate(24 * time.Hour)) {
			return value.Format(time.DateOnly)
		}
		return value.Format(time.RFC3339Nano)
	case map[string]any:
		texts := make(map[string]any, len(value))
		for key, element := range value {
			texts[key] = asText(element)
		}
		return texts
	case []any:
		texts := make([]any, len(value))
		for i, element := range value {
			texts[i] = asText(element)
		}
		return texts
	}
	return value
}
