package clickhouse

import (
	"context"
	"crypto/tls"
	"net"
	"time"
)

// dialer makes connections on which no write takes longer than the limit: the
// driver bounds the wait for answers, but not that for a server which takes nothing
// any more.
func dialer(dial func(context.Context) (*net.TCPConn, error), timeout, limit time.Duration, secure *tls.Config) func(context.Context, string) (net.Conn, error) {
	if dial != nil {
		return func(ctx context.Context, _ string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, timeout)
			defer cancel()
			conn, err := dial(ctx)
			if err != nil {
				return nil, err
			}
			return boundedConn{conn, limit}, nil
		}
	}
	return func(ctx context.Context, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			return nil, err
		}
		bounded := boundedConn{conn.(*net.TCPConn), limit}
		if secure == nil {
			return bounded, nil
		}
		config := secure.Clone()
		if config.ServerName == "" {
			config.ServerName, _, _ = net.SplitHostPort(address)
		}
		over := tls.Client(bounded, config)
		if err := over.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, err
		}
		return over, nil
	}
}

// boundedConn is still one of which the driver can tell that its server is gone.
type boundedConn struct {
	*net.TCPConn
	limit time.Duration
}

func (c boundedConn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.limit)); err != nil {
		return 0, err
	}
	return c.TCPConn.Write(p)
}
