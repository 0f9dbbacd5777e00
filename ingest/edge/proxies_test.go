package edge_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/edge"
)

// proxyHost is the name that the examples of the README are for.
const proxyHost = "leads.example.com"

// proxyKind is a program that stands in front of an Edge, with the configuration
// that the README gives.
type proxyKind struct {
	name, language string // of the program, and of its block in the README
	// config is the program's whole configuration and args how it is started.
	config func(example, dir, port string) string
	args   func(dir string) []string
	// replace says what becomes of the example's text, all of which is there.
	replace func(dir, port, upstream string) map[string]string
}

var proxyKinds = []proxyKind{{
	name: "nginx", language: "nginx",
	replace: func(dir, port, upstream string) map[string]string {
		return map[string]string{
			"listen 443 ssl": "listen 127.0.0.1:" + port + " ssl", "127.0.0.1:8080": upstream,
			"/etc/ssl/" + proxyHost + ".crt": dir + "/both.pem", "/etc/ssl/" + proxyHost + ".key": dir + "/both.pem",
		}
	},
	config: func(example, dir, _ string) string {
		user := ""
		if os.Getuid() == 0 {
			user = "user root;\n"
		}
		var paths strings.Builder
		for _, name := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
			fmt.Fprintf(&paths, "%s_temp_path %s/%s;\n", name, dir, name)
		}
		return user + "daemon off;\npid " + dir + "/pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n" + paths.String() + example + "}\n"
	},
	args: func(dir string) []string { return []string{"-e", "stderr", "-p", dir, "-c", dir + "/config"} },
}, {
	name: "caddy", language: "caddy",
	replace: func(_, _, upstream string) map[string]string {
		return map[string]string{"127.0.0.1:8080": upstream}
	},
	config: func(example, dir, port string) string {
		return "{\nadmin off\nlocal_certs\nskip_install_trust\nauto_https disable_redirects\ndefault_bind 127.0.0.1\nhttps_port " + port +
			"\nstorage file_system " + dir + "/storage\n}\n" + example
	},
	args: func(dir string) []string {
		return []string{"run", "--adapter", "caddyfile", "--config", dir + "/config"}
	},
}, {
	name: "haproxy", language: "haproxy",
	replace: func(dir, port, upstream string) map[string]string {
		return map[string]string{
			"bind :443 ssl": "bind 127.0.0.1:" + port + " ssl", "127.0.0.1:8080": upstream, "/etc/ssl/" + proxyHost + ".pem": dir + "/both.pem",
		}
	},
	config: func(example, _, _ string) string {
		return "global\n    maxconn 1000\ndefaults\n    timeout connect 5s\n    timeout client 30s\n    timeout server 30s\n" + example
	},
	args: func(dir string) []string { return []string{"-db", "-f", dir + "/config"} },
}}

// proxied is a proxy that runs in front of an Edge.
type proxied struct {
	*server
	front string // the address that clients connect to
}

// behind starts a proxy in front of an edge that trusts 127.0.0.1, from where the
// proxy connects. Clients come from other addresses of 127.0.0.0/8.
func (k proxyKind) behind(t *testing.T, change func(*edge.Options, *ingest.Intake, *journal)) *proxied {
	t.Helper()
	binary, environment := k.program(t)
	s := start(t, func(o *edge.Options, in *ingest.Intake, j *journal) {
		o.TrustedProxies, o.PublicURL = []string{"127.0.0.1"}, "http://other.example"
		if change != nil {
			change(o, in, j)
		}
	})
	dir, port := t.TempDir(), freePort(t)
	certificate(t, dir+"/both.pem")
	text := example(t, k.language)
	for from, to := range k.replace(dir, port, s.addr) {
		if !strings.Contains(text, from) {
			t.Fatalf("the example for %s does not contain %q", k.name, from)
		}
		text = strings.ReplaceAll(text, from, to)
	}
	if err := os.WriteFile(dir+"/config", []byte(k.config(text, dir, port)), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary, k.args(dir)...)
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	cmd.Env = append(cmd.Env, environment...)
	said := &lockedBuffer{}
	cmd.Stdout, cmd.Stderr = said, said
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // nginx ends its workers
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		<-ended // t.Context has ended
		if t.Failed() {
			t.Logf("%s said:\n%s", k.name, said)
		}
	})
	p := &proxied{server: s, front: "127.0.0.1:" + port}
	p.await(t, ended, said)
	return p
}

// await returns when the proxy answers for the edge.
func (p *proxied) await(t *testing.T, ended <-chan struct{}, said *lockedBuffer) {
	t.Helper()
	client := p.from(t, "127.0.0.5")
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); {
		res, err := client.Get("https://" + proxyHost + "/healthz")
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK && res.Header.Get("X-Request-Id") != "" {
				return
			}
		}
		select {
		case <-tick.C:
		case <-ended:
			t.Fatalf("the proxy ended:\n%s", said)
		}
	}
	t.Fatalf("the proxy does not answer:\n%s", said)
}

// from returns a client whose connections come from an address and go to the
// proxy, whatever host they ask for.
func (p *proxied) from(t testing.TB, address string) *http.Client {
	t.Helper()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	client := &http.Client{
		Timeout: 30 * time.Second,
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return dialer.DialContext(ctx, "tcp", p.front)
			},
			TLSClientConfig:    &tls.Config{InsecureSkipVerify: true},
			ForceAttemptHTTP2:  true,
			DisableCompression: true,
		},
	}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// program returns the path of the proxy's program, and what its environment needs.
// In CI a missing one fails the test.
func (k proxyKind) program(t *testing.T) (path string, environment []string) {
	t.Helper()
	root, err := filepath.Abs("../../bin/proxies")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"/usr/sbin/", "/usr/bin/"} {
		if _, err := os.Stat(root + dir + k.name); err == nil {
			libraries, _ := filepath.Glob(root + "/usr/lib/*-linux-gnu")
			return root + dir + k.name, []string{"LD_LIBRARY_PATH=" + strings.Join(libraries, ":")}
		}
	}
	for _, name := range []string{k.name, "/usr/sbin/" + k.name} {
		if path, err = exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is missing: make proxies", k.name)
	}
	t.Skipf("%s is missing: make proxies", k.name)
	return "", nil
}

// example returns the one block of a language in the README.
func example(t *testing.T, language string) string {
	t.Helper()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllSubmatch(text, -1)
	if len(blocks) != 1 {
		t.Fatalf("ingest/README.md has %d blocks of %s, want 1", len(blocks), language)
	}
	return string(blocks[0][1])
}

func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	_, port, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// certificate writes a certificate and its key into one file.
func certificate(t *testing.T, path string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: proxyHost}, DNSNames: []string{proxyHost},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	var both bytes.Buffer
	_ = pem.Encode(&both, &pem.Block{Type: "CERTIFICATE", Bytes: der}) // into memory
	_ = pem.Encode(&both, &pem.Block{Type: "PRIVATE KEY", Bytes: private})
	if err := os.WriteFile(path, both.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}
