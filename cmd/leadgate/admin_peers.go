package main

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"sync"
)

// peers is a listener that bounds how many connections are open. For one more, it
// closes the oldest of those that are not being answered: connections that say
// nothing keep nobody away for longer than it takes to accept.
type peers struct {
	net.Listener
	most int

	mu   sync.Mutex
	open list.List // of *peer, the oldest in front
}

// peer is a connection of peers.
type peer struct {
	net.Conn
	of        *peers
	place     *list.Element // nil when closed; guarded by of.mu
	answering bool          // guarded by of.mu
}

type peerKey struct{}

// Accept implements net.Listener.
func (l *peers) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	p := &peer{Conn: conn, of: l}
	l.mu.Lock()
	p.place = l.open.PushBack(p)
	var surplus *peer
	if l.open.Len() > l.most {
		surplus = l.oldest()
	}
	l.mu.Unlock()
	if surplus != nil {
		_ = surplus.Close() // may be p: then its server finds it closed
	}
	return p, nil
}

// oldest returns the oldest connection that is not being answered. Callers hold mu.
func (l *peers) oldest() *peer {
	for e := l.open.Front(); e != nil; e = e.Next() {
		if p := e.Value.(*peer); !p.answering {
			return p
		}
	}
	return nil
}

// Close implements net.Conn.
func (p *peer) Close() error {
	p.of.mu.Lock()
	if p.place != nil {
		p.of.open.Remove(p.place)
		p.place = nil
	}
	p.of.mu.Unlock()
	return p.Conn.Close()
}

// withPeer is an http.Server's ConnContext.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, peerKey{}, c)
}

// answering marks the connection of a request while next answers it.
func answering(next http.Handler) http.Handler {
	mark := func(p *peer, now bool) {
		p.of.mu.Lock()
		defer p.of.mu.Unlock()
		p.answering = now
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p, ok := r.Context().Value(peerKey{}).(*peer); ok {
			mark(p, true)
			defer mark(p, false)
		}
		next.ServeHTTP(w, r)
	})
}
