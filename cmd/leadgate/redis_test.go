package main

import (
	"slices"
	"strings"
	"testing"
)

func TestRedisOptions_OneServer(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"redis://h":                             "h:6379",
		"redis://":                              "localhost:6379",
		"redis://user:pass@h:1234/3":            "h:1234",
		"rediss://:p%2Fw@h/0?dial_timeout=3s":   "h:6379",
		"redis://[::1]:7000/0?cluster=false":    "[::1]:7000",
		"unix:///run/redis/redis.sock?db=1":     "/run/redis/redis.sock",
		"unix:/run/redis.sock":                  "/run/redis.sock",
		"redis://user:a@b,c@h:1/0?client_name=": "h:1",
	} {
		server, cluster, err := redisOptions(text)
		if err != nil || cluster != nil || server.Addr != want {
			t.Errorf("%s: %+v, %v, %v; want %s", text, server, cluster, err, want)
		}
	}
}

func TestRedisOptions_Cluster(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"redis://a:1,b:2,c:3":                    {"a:1", "b:2", "c:3"},
		"redis://user:p%2C%40w@a,b:2,[::1]:3/0":  {"a:6379", "b:2", "[::1]:3"},
		"redis://user:p,w@a,b/":                  {"a:6379", "b:6379"},
		"redis://seed:7000?cluster=true":         {"seed:7000"},
		"rediss://user:pw@seed/0?cluster=1":      {"seed:6379"},
		"redis://a,b?cluster=true&pool_size=3":   {"a:6379", "b:6379"},
		"redis://a:1?cluster=true&addr=b:2":      {"a:1", "b:2"},
		"rediss://user:pw@a:1,b:2?read_timeout=": {"a:1", "b:2"},
	} {
		server, cluster, err := redisOptions(text)
		if err != nil || server != nil || !slices.Equal(cluster.Addrs, want) {
			t.Errorf("%s: %+v, %+v, %v; want %q", text, server, cluster, err, want)
			continue
		}
		if secure := strings.HasPrefix(text, "rediss"); secure != (cluster.TLSConfig != nil) || secure && cluster.TLSConfig.ServerName != "" {
			t.Errorf("%s: TLS %+v", text, cluster.TLSConfig)
		}
	}
	if _, cluster, err := redisOptions("redis://user:p%2C%40w@a,b"); err != nil || cluster.Username != "user" || cluster.Password != "p,@w" {
		t.Errorf("%+v, %v", cluster, err)
	}
}

func TestRedisOptions_Refused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"http://user:hidden@h":                    "not a URL of the form redis://[user:password@]host:6379/0",
		"hidden":                                  "not a URL of the form",
		"redis://user:hidden@h:port":              "not a URL of the form",
		"redis://user:hidden,b":                   "host 1 of 2 is not host:port",
		"redis://user:hidden@a:1,,b:2":            "host 2 of 3 is not host:port",
		"redis://user:hidden@a:1,b:99999":         "host 2 of 2 is not host:port",
		"redis://user:hidden@a,b:2:3":             "host 2 of 2 is not host:port",
		"redis://user:hid/den@a,b":                "user and password cannot be read: write / ? # @ and % in them as %2F",
		"redis://user:hid?den=@a":                 "user and password cannot be read",
		"redis://user:hid%zz@a":                   "user and password cannot be read",
		"redis://user:hidden@a,b/3":               "a cluster has the database 0 only (got 3)",
		"redis://user:hidden@a/x":                 "invalid database number",
		"redis://user:hidden@a?cluster=perhaps":   "the option cluster is neither true nor false (got perhaps)",
		"redis://user:hidden@a,b/0?cluster=false": "several hosts are a cluster, and only a cluster has several (got cluster=false)",
		"redis://user:hidden@a,b?colour=red":      "unexpected option: colour",
		"unix:///run/redis.sock?cluster=true":     "unexpected option: cluster",
	} {
		config := DefaultConfig()
		config.Redis.URL = Secret(text)
		_, err := config.Check()
		if err == nil || !strings.Contains(err.Error(), "redis.url: "+want) || strings.Contains(err.Error(), "hid") {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
