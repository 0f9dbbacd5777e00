package main

import "fmt"

// warnings are what a good configuration should perhaps not be. `config check`
// prints them, and serve logs them.
func (s *Settings) warnings() []string {
	var all []string
	if s.AdminListen != "" && !loopback(s.AdminListen) {
		all = append(all, fmt.Sprintf("admin_listen: others than this machine can read metrics and the state of the gateway, source names included, "+
			"without a key: let only monitoring reach that port (got %s)", s.AdminListen))
	}
	if s.MetricsPublic {
		all = append(all, "metrics_public: everybody who can send leads can read the metrics, source names included: ask admin_listen for them instead")
	}
	if warning := s.exposed(); warning != "" {
		all = append(all, warning)
	}
	if risky := s.readerWarning(); risky != "" {
		all = append(all, risky)
	}
	return append(all, s.private(s.path)...)
}
