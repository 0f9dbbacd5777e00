package limit

// Settle waits until nothing is asked of Redis any more.
func (l *Limiter) Settle() {
	if l.shared != nil {
		l.shared.running.Wait()
	}
}
