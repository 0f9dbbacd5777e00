package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Files with secrets that others can read, and files and directories that they
// can change, are warned of, without the secrets.
func TestConfig_PrivateFiles(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		source       string
		config, file fs.FileMode
		dir          fs.FileMode
		want         []string
	}{
		"all private":                {"[literal-secret, 'file:FILE']", 0o600, 0o600, 0o700, nil},
		"group may read":             {"[literal-secret, 'file:FILE']", 0o640, 0o640, 0o750, nil},
		"configuration, no literals": {"['env:PATH', 'file:FILE']", 0o644, 0o600, 0o700, nil},
		"configuration":              {"[literal-secret]", 0o644, 0o600, 0o700, []string{"in which secrets stand"}},
		"secret file":                {"['file:FILE']", 0o600, 0o644, 0o700, []string{"secret file"}},
		"changeable configuration":   {"['env:PATH']", 0o602, 0o600, 0o700, []string{"can be changed"}},
		"changeable directory":       {"['env:PATH']", 0o600, 0o600, 0o777, []string{"can be changed"}},
		"all":                        {"[literal-secret, 'file:FILE']", 0o666, 0o666, 0o777, []string{"secret file", "in which", "config.yaml can be", "data can be"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			config, file, data := filepath.Join(dir, "config.yaml"), filepath.Join(dir, "secret"), filepath.Join(dir, "data")
			text := fmt.Sprintf("data_dir: %s\nsources: [{name: a, type: typeform, secrets: %s}]\n", data, strings.ReplaceAll(c.source, "FILE", file))
			for path, content := range map[string]string{config: text, file: "from-a-file"} {
				if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Mkdir(data, 0o700); err != nil {
				t.Fatal(err)
			}
			for path, mode := range map[string]fs.FileMode{config: c.config, file: c.file, data: c.dir} {
				if err := os.Chmod(path, mode); err != nil {
					t.Fatal(err)
				}
			}
			var out, warned strings.Builder
			if code := run(t.Context(), []string{"config", "check", "--config", config}, os.Environ(), nil, &out, &warned); code != 0 {
				t.Fatalf("exit code %d: %s", code, &warned)
			}
			if got := strings.Count(warned.String(), "warning: "); got != len(c.want) {
				t.Errorf("%d warnings, want %d:\n%s", got, len(c.want), &warned)
			}
			for _, want := range c.want {
				if !strings.Contains(warned.String(), want) {
					t.Errorf("no %q in\n%s", want, &warned)
				}
			}
			for _, secret := range []string{"literal-secret", "from-a-file"} {
				if strings.Contains(warned.String(), secret) {
					t.Errorf("the warning holds a secret:\n%s", &warned)
				}
			}
		})
	}
}

// A secret in the wrong place of the configuration is refused and not repeated.
func TestConfig_MisplacedSecretsAreNotRepeated(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"sources: [{name: a, type: typeform, secrets: hunter2}]", "sources: [{name: a, type: typeform, secrets: {hunter2: 1}}]",
		"sources: [{name: a, type: typeform, secrets: [[hunter2]]}]", "sources: [{name: a, type: meta, credentials: hunter2}]",
		"sources: [{name: a, type: meta, secrets: |\n  hunter2`x\n}]", "api: {keys: hunter2}", "api: hunter2", "clickhouse: hunter2",
		"redis: {url: [hunter2]}", "redis: {url: 'redis://u:hunter2@ho%zz'}", "clickhouse: {url: 'clickhouse://u:hunter2@h:port/db'}",
		"clickhouse: {url: 'clickhouse://h:9000/db?password=hunter2&nope=1'}", "api: {keys: [hunter2]}",
		"sources: [{name: a, type: standard-webhooks, secrets: [hunter2]}]", "sources: [{name: a, type: sendgrid, secrets: [hunter2-----BEGIN]}]",
	} {
		config := filepath.Join(t.TempDir(), "config.yaml")
		if err := os.WriteFile(config, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		var out, said strings.Builder
		code := run(t.Context(), []string{"config", "check", "--config", config}, os.Environ(), nil, &out, &said)
		if strings.Contains(out.String()+said.String(), "hunter2") {
			t.Errorf("%s\nis repeated: %s%s", text, &out, &said)
		}
		if code == 0 && !strings.Contains(text, "sendgrid") && !strings.Contains(text, "nope") { // a password, and a setting of the engine's
			t.Errorf("%s\nis good: %s", text, &out)
		}
	}
}

// Whatever umask it is started with, nobody else can read a file that the
// gateway or the engine writes; and a link that stands where a file is written
// whole is replaced, not followed.
func TestIntegration_FilesArePrivateWithoutUmask(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	data, victim := filepath.Join(dir, "data"), filepath.Join(dir, "victim")
	if err := os.WriteFile(victim, []byte("untouched"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(data, "clickhouse"), 0o777); err != nil {
		t.Fatal(err)
	}
	written := []string{"control.json", "clickhouse/runtime.json", "clickhouse/engine.xml", "clickhouse/users.xml"}
	for _, name := range written {
		if err := os.Symlink(victim, filepath.Join(data, name)); err != nil {
			t.Fatal(err)
		}
	}
	starter := filepath.Join(dir, "start.sh")
	if err := os.WriteFile(starter, fmt.Appendf(nil, "umask 0\nulimit -c $(ulimit -H -c)\nexec %s \"$@\"\n", os.Args[0]), 0o600); err != nil {
		t.Fatal(err)
	}
	p := prepareServe(t, dir, "sources: [{name: landing, type: form}, {name: survey, type: typeform, secrets: [a-secret]}]\n")
	p.starter = []string{"/bin/sh", starter}
	p.start()
	p.post(200, "/in/landing", `{"email":"kim@example.com"}`, jsonHeader)
	p.counted()
	files := 0
	err := filepath.WalkDir(data, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == data || path == filepath.Join(data, "clickhouse") { // ours, above
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return nil //nolint:nilerr // ClickHouse has merged it away
		}
		files++
		if info.Mode()&fs.ModeSymlink == 0 && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v", path, info.Mode())
		}
		return nil
	})
	if err != nil || files < 50 {
		t.Errorf("%d files were looked at, %v", files, err)
	}
	for _, name := range written {
		if info, err := os.Lstat(filepath.Join(data, name)); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			t.Errorf("%s is a link still", name)
		}
	}
	if text, err := os.ReadFile(victim); err != nil || string(text) != "untouched" {
		t.Errorf("what a link led to was written: %q, %v", text, err)
	}
	p.engineDumpsNoCore()
	p.stop()
}

// engineDumpsNoCore holds that the memory of an engine that dies, in which
// persons are, is not written to a file.
func (p *process) engineDumpsNoCore() {
	p.t.Helper()
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		p.t.Fatal(err)
	}
	parent := fmt.Sprintf("\nPPid:\t%d\n", p.cmd.Process.Pid)
	engines := 0
	for _, dir := range processes {
		status, err := os.ReadFile(filepath.Join(dir, "status"))
		if err != nil || !strings.Contains(string(status), parent) {
			continue // another's, or gone
		}
		limits, err := os.ReadFile(filepath.Join(dir, "limits"))
		if err != nil {
			continue
		}
		engines++
		for line := range strings.Lines(string(limits)) {
			if fields := strings.Fields(line); strings.HasPrefix(line, "Max core file size") && fields[4] != "0" {
				p.t.Errorf("%s: %s", dir, line)
			}
		}
	}
	if engines == 0 {
		p.t.Error("no engine was found below the gateway")
	}
}
