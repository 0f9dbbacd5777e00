package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

// private warns of files that other users of this machine can read or change
// although secrets stand in them. path is the configuration file's, "" for the
// default.
func (s *Settings) private(path string) []string {
	if path == "" {
		path = defaultConfigFile
	}
	var all []string
	secrets := s.secretTexts()
	literal := false
	for _, text := range secrets {
		file, named := strings.CutPrefix(text, "file:")
		switch {
		case named:
			all = append(all, readableByOthers("secret file "+file, file)...)
		case text != "" && !strings.HasPrefix(text, "env:"):
			literal = true
		}
	}
	if literal {
		all = append(all, readableByOthers("the configuration "+path+", in which secrets stand,", path)...)
	}
	for _, name := range []string{path, s.DataDir} {
		if reason := changeableByOthers(name); reason != "" {
			all = append(all, reason)
		}
	}
	return all
}

// secretTexts are all secrets as they were configured.
func (s *Settings) secretTexts() []string {
	var texts []string
	for _, url := range []Secret{s.Redis.URL, s.ClickHouse.URL} {
		if named := strings.HasPrefix(string(url), "file:"); named || strings.Contains(string(url), "@") { // else without a password
			texts = append(texts, string(url))
		}
	}
	for _, key := range s.API.Keys {
		texts = append(texts, string(key))
	}
	for _, source := range s.Sources {
		for _, secret := range source.Secrets {
			texts = append(texts, string(secret))
		}
		for _, credential := range source.Credentials {
			texts = append(texts, string(credential))
		}
	}
	return texts
}

// readableByOthers warns of a file that more than its owner and group can read.
func readableByOthers(what, path string) []string {
	info, err := os.Stat(path)
	if err != nil {
		return nil // who reads it says so
	}
	if info.Mode().Perm()&0o004 == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s can be read by every user of this machine (mode %04o): chmod o-rwx %s", what, info.Mode().Perm(), path)}
}

// changeableByOthers reports why somebody else could change a file or what is in
// a directory, or "". Root is not told of owners: it may look after the files of
// the gateway's user.
func changeableByOthers(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	if info.Mode().Perm()&0o002 != 0 {
		return fmt.Sprintf("%s can be changed by every user of this machine (mode %04o): chmod o-w %s", path, info.Mode().Perm(), path)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if self := os.Geteuid(); ok && self != 0 && owner.Uid != 0 && int(owner.Uid) != self {
		return fmt.Sprintf("%s belongs to another user (uid %d), who can change it: chown it to the user of the gateway", path, owner.Uid)
	}
	return ""
}
