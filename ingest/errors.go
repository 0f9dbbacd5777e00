package ingest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// What can be wrong with a delivery or with taking it in. Wrap them with what
// was being done; the edge turns them into statuses in one place.
var (
	ErrUnknownSource = errors.New("unknown source")
	ErrMethod        = errors.New("method not allowed")
	ErrUnverified    = errors.New("not verified")
	ErrReplayed      = errors.New("replayed")
	ErrUnavailable   = errors.New("unavailable") // what verifying needs, just now
	ErrMalformed     = errors.New("malformed")
	ErrMediaType     = errors.New("unsupported media type")
	ErrTooLarge      = errors.New("too large")
	ErrNotKept       = errors.New("not kept") // by the journal, for whatever reason
	ErrFull          = errors.New("disk budget spent")
	ErrClosed        = errors.New("closed")
)

// IgnoredError is returned by Decode for a delivery that is genuine but of a
// kind that Leadgate does not count.
type IgnoredError struct{ Reason string }

func (e *IgnoredError) Error() string { return "ignored: " + e.Reason }

// Ignored returns an IgnoredError.
func Ignored(format string, args ...any) error {
	return &IgnoredError{Reason: fmt.Sprintf(format, args...)}
}

// InvalidError names every field that cannot be valid and why. Reasons must
// not repeat the value: they are shown, logged and stored.
type InvalidError struct{ Fields map[string]string }

func (e *InvalidError) Error() string {
	parts := make([]string, 0, len(e.Fields))
	for field, reason := range e.Fields {
		parts = append(parts, field+": "+reason)
	}
	slices.Sort(parts)
	return "invalid fields: " + strings.Join(parts, "; ")
}

// Add notes that a field is invalid. The first reason stands.
func (e *InvalidError) Add(field, format string, args ...any) {
	if e.Fields == nil {
		e.Fields = make(map[string]string)
	}
	if _, ok := e.Fields[field]; !ok {
		e.Fields[field] = fmt.Sprintf(format, args...)
	}
}

// Err returns e, or nil when no field was added.
func (e *InvalidError) Err() error {
	if len(e.Fields) == 0 {
		return nil
	}
	return e
}

// RejectedError is returned by a sink that will never take a batch as it is,
// however often it is tried: some row in it is not acceptable.
type RejectedError struct{ Err error }

func (e *RejectedError) Error() string { return "rejected: " + e.Err.Error() }
func (e *RejectedError) Unwrap() error { return e.Err }
