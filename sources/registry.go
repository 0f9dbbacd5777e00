// Package sources lists the types of intake that Leadgate has, and makes an
// intake of a source's configuration.
//
// Its law: a type is one line here and one file in a room below; nothing
// registers itself.
package sources

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/calls"
	"github.com/leadgate/leadgate/sources/intake"
)

// Type is a kind of source that can be configured.
type Type struct {
	// Name is what sources[].type says.
	Name string
	// New checks the configuration and makes the source.
	New func(ingest.SourceConfig) (ingest.Source, error)
	// Kind is what its deliveries mean.
	Kind ingest.Kind
	// FirstParty deliveries are decoded at the door (see ingest.Intake).
	FirstParty bool
	// Methods that the door takes; POST if empty.
	Methods []string
	// Below is set where the sender posts to addresses below the source's own
	// (see ingest.Intake).
	Below bool
	// MaxBody is the type's own limit in bytes; 0 is the door's.
	MaxBody int64
	// About says in a few words what it takes; Verified how its sender
	// proves who it is; Counted what makes two deliveries one event; Fetched
	// what is asked of the platform afterwards, "" for nothing.
	About, Verified, Counted, Fetched string
	// Confidence says how far the wire format is known.
	Confidence Confidence
}

// Confidence says what a type's reading of its sender's wire format rests on.
type Confidence string

// The confidences.
const (
	Ours       Confidence = "ours"        // we are the ones who say what it is
	Proved     Confidence = "proved"      // a vector that its sender published is a test
	Documented Confidence = "documented"  // its sender's own pages say so
	ThirdParty Confidence = "third-party" // seen in other people's code and guides only
)

// types is the registry, in the order in which people read it.
var types = slices.Concat(firstParty, formTypes, callTypes, adTypes, mailTypes, webhookTypes)

// Types returns every type, in the order of the registry.
func Types() []Type { return slices.Clone(types) }

// Lookup returns the type of that name.
func Lookup(name string) (Type, bool) {
	i := slices.IndexFunc(types, func(t Type) bool { return t.Name == name })
	if i < 0 {
		return Type{}, false
	}
	return types[i], true
}

// New makes the intake of one configured source. The error of an unknown type
// lists the known ones; other errors are the type's own and name the option.
func New(config ingest.SourceConfig) (*ingest.Intake, error) {
	t, ok := Lookup(config.Type)
	if !ok {
		names := make([]string, len(types))
		for i, t := range types {
			names[i] = t.Name
		}
		return nil, fmt.Errorf("type: unknown (known: %s) (got %q)", strings.Join(names, ", "), config.Type)
	}
	if config.Location == nil {
		config.Location = time.UTC
	}
	options := intake.Options{FirstParty: t.FirstParty, Methods: t.Methods, Below: t.Below}
	var recordings *calls.Recordings
	if slices.ContainsFunc(callTypes, func(c Type) bool { return c.Name == t.Name }) {
		var err error
		if recordings, err = calls.TakeRecordings(&config); err != nil {
			return nil, err
		}
	}
	source, err := t.New(config)
	if err != nil {
		return nil, err
	}
	if recordings != nil {
		options.Refer = recordings.Refer
		in := intake.Wrap(source, config, options)
		in.Fetcher = recordings
		return in, nil
	}
	if _, asks := source.(ingest.Fetcher); !asks {
		if err := config.CheckCredentials(); err != nil {
			return nil, err
		}
	}
	return intake.Wrap(source, config, options), nil
}

// Row is a type's row in a table of all: what it is called, takes, verifies and
// counts by, what is asked for afterwards, and what its reading rests on.
func (t Type) Row() []string {
	fetched := t.Fetched
	if fetched == "" {
		fetched = "–"
	}
	return []string{"`" + t.Name + "`", t.About, t.Verified, t.Counted, fetched, string(t.Confidence)}
}
