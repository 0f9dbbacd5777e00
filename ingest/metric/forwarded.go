package metric

func (s *Set) makeForwarded() {
	s.forwarded = counter("leadgate_edge_untrusted_forwarded_total",
		"Requests with X-Forwarded-* or Forwarded from a peer that http.trusted_proxies does not name: all that come through it count as one client.")
}

// UntrustedForwarded counts a request that was forwarded by a peer that is not
// trusted.
func (s *Set) UntrustedForwarded() {
	if s != nil {
		s.forwarded.Inc()
	}
}
