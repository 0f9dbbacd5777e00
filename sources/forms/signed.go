package forms

import (
	"fmt"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
)

// signedOptions checks the configuration of a type that needs secrets and has no
// option but fields, and returns the mapping.
func signedOptions(config ingest.SourceConfig) (*fields.Mapping, error) {
	var options struct {
		Fields map[string]string `json:"fields"`
	}
	if err := config.RequireSecrets(); err != nil {
		return nil, err
	}
	if err := config.DecodeOptions(&options); err != nil {
		return nil, err
	}
	return fields.NewMapping(options.Fields)
}

// stampedOptions is signedOptions for a type whose sender signs the time as well
// and advises how old it may be.
func stampedOptions(config ingest.SourceConfig, advised time.Duration) (*fields.Mapping, time.Duration, error) {
	var options struct {
		Fields    map[string]string `json:"fields"`
		Tolerance string            `json:"tolerance"`
	}
	if err := config.RequireSecrets(); err != nil {
		return nil, 0, err
	}
	if err := config.DecodeOptions(&options); err != nil {
		return nil, 0, err
	}
	tolerance, err := window(options.Tolerance, advised)
	if err != nil {
		return nil, 0, err
	}
	mapping, err := fields.NewMapping(options.Fields)
	return mapping, tolerance, err
}

// window is how far a signed timestamp may lie from the time of receipt, on
// either side: the option tolerance if it is set, else what the sender advises.
func window(option string, advised time.Duration) (time.Duration, error) {
	if option == "" {
		return advised, nil
	}
	tolerance, err := time.ParseDuration(option)
	if err != nil || tolerance <= 0 {
		return 0, fmt.Errorf("options.tolerance: not a duration above zero, as in 5m (got %q)", option)
	}
	return tolerance, nil
}
