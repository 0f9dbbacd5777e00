package main

import (
	"fmt"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

// Config is the whole configuration, as config.example.yaml documents it.
// It is the only struct with YAML tags; the rooms take Options of their own.
type Config struct {
	Listen    string `yaml:"listen"`
	PublicURL string `yaml:"public_url"`
	DataDir   string `yaml:"data_dir"`
	// AdminListen serves metrics and verbose readiness; empty: nobody does.
	AdminListen string `yaml:"admin_listen"`
	// MetricsPublic serves metrics on Listen, too.
	MetricsPublic bool `yaml:"metrics_public"`
	// DebugListen serves profiles; empty: nobody does.
	DebugListen string           `yaml:"debug_listen"`
	Log         LogConfig        `yaml:"log"`
	HTTP        HTTPConfig       `yaml:"http"`
	API         APIConfig        `yaml:"api"`
	Limits      LimitsConfig     `yaml:"limits"`
	Journal     JournalConfig    `yaml:"journal"`
	Disk        DiskConfig       `yaml:"disk"`
	Drain       DrainConfig      `yaml:"drain"`
	Dedupe      DedupeConfig     `yaml:"dedupe"`
	Redis       RedisConfig      `yaml:"redis"`
	ClickHouse  ClickHouseConfig `yaml:"clickhouse"`
	Deliveries  DeliveriesConfig `yaml:"deliveries"`
	Costs       CostsConfig      `yaml:"costs"`
	Sources     []SourceConfig   `yaml:"sources"`
}

// LogConfig says what is logged to standard error and how.
type LogConfig struct {
	Level  string `yaml:"level"`
	Format string `yaml:"format"`
}

// HTTPConfig bounds what a client may do to the HTTP edge.
type HTTPConfig struct {
	MaxBody        Bytes    `yaml:"max_body"`
	ReadTimeout    Duration `yaml:"read_timeout"`
	WriteTimeout   Duration `yaml:"write_timeout"`
	IdleTimeout    Duration `yaml:"idle_timeout"`
	RequestTimeout Duration `yaml:"request_timeout"`
	TrustedProxies []string `yaml:"trusted_proxies"`
	// BodyMemory is 0 for what suits the machine; see Settings.bodyMemory.
	BodyMemory            Bytes `yaml:"body_memory"`
	ConnectionsPerAddress int   `yaml:"connections_per_address"`
}

// APIConfig holds the bearer keys of /api/v1.
type APIConfig struct {
	Keys []Secret `yaml:"keys"`
}

// LimitsConfig bounds the rates of deliveries, of the events that they mean, and
// of their bytes.
type LimitsConfig struct {
	Shared           bool   `yaml:"shared"`
	PerSource        string `yaml:"per_source"`
	PerAddress       string `yaml:"per_address"`
	EventsPerSource  string `yaml:"events_per_source"`
	EventsPerAddress string `yaml:"events_per_address"`
	BytesPerSource   string `yaml:"bytes_per_source"`
	BytesPerAddress  string `yaml:"bytes_per_address"`
}

// JournalConfig bounds the journal on disk.
type JournalConfig struct {
	MaxBytes     Bytes    `yaml:"max_bytes"`
	SegmentBytes Bytes    `yaml:"segment_bytes"`
	Retention    Duration `yaml:"retention"`
}

// DiskConfig says what of the disk is not for the journal.
type DiskConfig struct {
	// Reserve is 0 for none.
	Reserve Bytes `yaml:"reserve"`
}

// DrainConfig says how deliveries travel from the journal to ClickHouse.
type DrainConfig struct {
	BatchRows     int      `yaml:"batch_rows"`
	FlushInterval Duration `yaml:"flush_interval"`
	StopTimeout   Duration `yaml:"stop_timeout"`
	DecodeTimeout Duration `yaml:"decode_timeout"`
	// ReconcileInterval is 0 for never.
	ReconcileInterval Duration `yaml:"reconcile_interval"`
}

// DedupeConfig says what counts once and for how long it is remembered.
type DedupeConfig struct {
	PersonWindow Duration `yaml:"person_window"`
	EventTTL     Duration `yaml:"event_ttl"`
}

// RedisConfig names the Redis server or cluster; empty means the embedded one.
type RedisConfig struct {
	URL Secret `yaml:"url"`
}

// ClickHouseConfig names the ClickHouse server; empty means the embedded one.
type ClickHouseConfig struct {
	URL     Secret `yaml:"url"`
	Cluster string `yaml:"cluster"`
	Migrate bool   `yaml:"migrate"`
	// Reader of the embedded engine.
	Reader ReaderConfig `yaml:"reader"`
}

// DeliveriesConfig says how long raw deliveries can be shown and replayed.
type DeliveriesConfig struct {
	RawRetention Duration `yaml:"raw_retention"`
	// RawMaxBytes is 0 for no bound.
	RawMaxBytes Bytes `yaml:"raw_max_bytes"`
}

// CostsConfig prices channels that have no cost export.
type CostsConfig struct {
	Rules []RuleConfig `yaml:"rules"`
}

// RuleConfig is one price rule; empty matchers match everything.
type RuleConfig struct {
	Name      string `yaml:"name"`
	Workspace string `yaml:"workspace"`
	Channel   string `yaml:"channel"`
	Source    string `yaml:"source"`
	Medium    string `yaml:"medium"`
	Campaign  string `yaml:"campaign"`
	Per       string `yaml:"per"`
	Price     string `yaml:"price"`
	Currency  string `yaml:"currency"`
	From      string `yaml:"from"`
	To        string `yaml:"to"`
}

// SourceConfig is one intake.
type SourceConfig struct {
	Name          string            `yaml:"name"`
	Type          string            `yaml:"type"`
	Workspace     string            `yaml:"workspace"`
	Secrets       []Secret          `yaml:"secrets"`
	Credentials   map[string]Secret `yaml:"credentials"`
	DefaultRegion string            `yaml:"default_region"`
	Timezone      string            `yaml:"timezone"`
	Currency      string            `yaml:"currency"`
	AllowedHosts  []string          `yaml:"allowed_hosts"`
	MaxBody       Bytes             `yaml:"max_body"`
	Options       map[string]any    `yaml:"options"`
}

// DefaultConfig returns what holds where the configuration is silent.
func DefaultConfig() Config {
	return Config{
		Listen: "127.0.0.1:8080", AdminListen: defaultAdminListen,
		PublicURL: "http://127.0.0.1:8080",
		DataDir:   "./data",
		Log:       LogConfig{Level: "info", Format: "text"},
		HTTP: HTTPConfig{
			MaxBody:        1 << 20,
			ReadTimeout:    Duration(10 * time.Second),
			WriteTimeout:   Duration(10 * time.Second),
			IdleTimeout:    Duration(60 * time.Second),
			RequestTimeout: Duration(10 * time.Second),
			TrustedProxies: []string{},

			ConnectionsPerAddress: 256,
		},
		API:    APIConfig{Keys: []Secret{}},
		Limits: LimitsConfig{PerSource: "2000/s", PerAddress: "50/s"},
		Journal: JournalConfig{
			MaxBytes: 10 << 30, SegmentBytes: 64 << 20, Retention: Duration(72 * time.Hour),
		},
		Disk: DiskConfig{Reserve: 2 << 30},
		Drain: DrainConfig{
			BatchRows:     50_000,
			FlushInterval: Duration(200 * time.Millisecond),
			StopTimeout:   Duration(10 * time.Second),
			DecodeTimeout: Duration(10 * time.Second), ReconcileInterval: Duration(time.Hour),
		},
		Dedupe:     DedupeConfig{PersonWindow: Duration(30 * day), EventTTL: Duration(90 * day)},
		Deliveries: DeliveriesConfig{RawRetention: Duration(30 * day)},
		Costs:      CostsConfig{Rules: []RuleConfig{}},
		Sources: []SourceConfig{
			defaultSource("landing", "form"),
			defaultSource("clicks", "click"),
		},
	}
}

const day = 24 * time.Hour

// defaultSource returns a source with what holds where its block is silent.
func defaultSource(name, kind string) SourceConfig {
	return SourceConfig{
		Name: name, Type: kind, Workspace: "default", Secrets: []Secret{}, Credentials: map[string]Secret{},
		DefaultRegion: "US", Timezone: "UTC", Currency: "USD",
		AllowedHosts: []string{}, Options: map[string]any{},
	}
}

// UnmarshalYAML fills a block over the defaults of a source.
func (s *SourceConfig) UnmarshalYAML(node *yaml.Node) error {
	type plain SourceConfig // without this method
	*s = defaultSource("", "")
	return decodeKnown(node, (*plain)(s))
}

// Secret is text that never prints. Besides a literal it may be "env:NAME" or
// "file:PATH"; see resolveSecret.
type Secret string

func (Secret) String() string   { return "[secret]" }
func (Secret) GoString() string { return "[secret]" }

// MarshalText keeps secrets out of anything that encodes a Config.
func (s Secret) MarshalText() ([]byte, error) {
	if s == "" {
		return nil, nil
	}
	return []byte(s.String()), nil
}

// Duration reads "200ms", "90s", "30d".
type Duration time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := model.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("not a duration such as 200ms, 10s or 30d (got %s)", text)
	}
	*d = Duration(parsed)
	return nil
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (d *Duration) UnmarshalYAML(node *yaml.Node) error { return d.UnmarshalText([]byte(node.Value)) }

func (d Duration) String() string { return model.Duration(d).String() }

// Bytes reads "65536", "1MiB", "10GiB".
type Bytes int64

// UnmarshalText implements encoding.TextUnmarshaler.
func (b *Bytes) UnmarshalText(text []byte) error {
	n, err := humanize.ParseBytes(string(text))
	if err != nil || n > 1<<62 {
		return fmt.Errorf("not a size such as 65536, 1MiB or 10GiB (got %s)", text)
	}
	*b = Bytes(n)
	return nil
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (b *Bytes) UnmarshalYAML(node *yaml.Node) error { return b.UnmarshalText([]byte(node.Value)) }

func (b Bytes) String() string { return humanize.IBytes(uint64(b)) }
