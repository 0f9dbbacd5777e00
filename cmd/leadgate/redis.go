package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

var (
	errRedisURL  = errors.New("not a URL of the form redis://[user:password@]host:6379/0; the hosts of a cluster are separated by commas")
	errRedisUser = errors.New("user and password cannot be read: write / ? # @ and % in them as %2F %3F %23 %40 and %25")
)

// redisOptions reads a redis.url: how to reach one server or, if cluster is not
// nil, a cluster. Several hosts are one, and so is a single one with the option
// cluster=true. Errors show neither hosts, users nor passwords.
func redisOptions(text string) (server *redis.Options, cluster *redis.ClusterOptions, err error) {
	if strings.HasPrefix(text, "unix:") {
		server, err = redis.ParseURL(text)
		return server, nil, readable(err)
	}
	scheme, rest, _ := strings.Cut(text, "://")
	end := strings.IndexAny(rest+"/", "/?#")
	authority, tail := rest[:end], rest[end:]
	at := strings.LastIndex(authority, "@") + 1
	user, hosts := authority[:at], strings.Split(authority[at:], ",")
	switch {
	case scheme != "redis" && scheme != "rediss":
		return nil, nil, errRedisURL
	case strings.Contains(tail, "@"):
		return nil, nil, errRedisUser
	}
	if _, err := url.Parse(scheme + "://" + user + "host"); err != nil {
		return nil, nil, errRedisUser
	}
	many := len(hosts) > 1
	for i, host := range hosts {
		var ok bool
		if hosts[i], ok = withPort(host); many && !ok {
			return nil, nil, fmt.Errorf("host %d of %d is not host:port", i+1, len(hosts))
		}
	}
	u, err := url.Parse(scheme + "://" + user + hosts[0] + tail)
	if err != nil {
		return nil, nil, errRedisURL
	}
	options := u.Query()
	if wanted := options.Get("cluster"); options.Has("cluster") {
		said, err := strconv.ParseBool(wanted)
		if err != nil {
			return nil, nil, fmt.Errorf("the option cluster is neither true nor false (got %s)", wanted)
		}
		if many && !said {
			return nil, nil, fmt.Errorf("several hosts are a cluster, and only a cluster has several (got cluster=%s)", wanted)
		}
		many = said
		options.Del("cluster")
		u.RawQuery = options.Encode()
	}
	if !many {
		server, err = redis.ParseURL(u.String())
		return server, nil, readable(err)
	}
	if database := strings.Trim(u.Path, "/"); database != "" && database != "0" {
		return nil, nil, fmt.Errorf("a cluster has the database 0 only (got %s)", database)
	}
	if cluster, err = redis.ParseClusterURL(u.String()); err != nil {
		return nil, nil, readable(err)
	}
	cluster.Addrs = append(hosts, cluster.Addrs[1:]...)
	if cluster.TLSConfig != nil { // each node has a name of its own
		cluster.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	// While a slot moves to another master, each of the two knows a part of what
	// is remembered: who followed from one to the other would take what is known
	// for new. Without redirects, what is asked fails until the slot has moved.
	cluster.MaxRedirects = -1
	// A dead master says nothing of who has taken its place.
	cluster.ClusterStateReloadInterval = 5 * time.Second
	return nil, cluster, nil
}

// withPort adds Redis's own port where there is none, and tells whether that
// makes a host and a port.
func withPort(text string) (string, bool) {
	if _, _, err := net.SplitHostPort(text); err != nil {
		text += ":6379"
	}
	host, port, err := net.SplitHostPort(text)
	n, wrong := strconv.ParseUint(port, 10, 16)
	return text, err == nil && host != "" && wrong == nil && n > 0
}

// readable is an error of go-redis's reading of a URL, without the URL.
func readable(err error) error {
	if err == nil {
		return nil
	}
	text, ours := strings.CutPrefix(err.Error(), "redis: ")
	if parse := (*url.Error)(nil); !ours || errors.As(err, &parse) {
		return errRedisURL
	}
	return errors.New(text)
}

// redisClient returns a client of the Redis that redis.url names. It does not
// connect.
func redisClient(text string) (redis.UniversalClient, error) {
	server, cluster, err := redisOptions(text)
	switch {
	case err != nil:
		return nil, fmt.Errorf("redis.url: %w", err)
	case cluster != nil:
		return redis.NewClusterClient(cluster), nil
	}
	return redis.NewClient(server), nil
}
