package limit

// Settle waits until nothing is asked of Redis any more.
func (l *Limiter) Settle() { l.shared.running.Wait() }
