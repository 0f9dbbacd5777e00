package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// control is how commands on the same machine reach the running gateway: it
// says so in a file of its data directory that only its user can read. The key
// is good for as long as the gateway runs.
type control struct {
	URL string `json:"url"`
	// AdminURL is where metrics and verbose readiness are; "" if nowhere.
	AdminURL string `json:"admin_url,omitempty"`
	Key      string `json:"key"`
	PID      int    `json:"pid"`
}

func (s *Settings) controlPath() string { return filepath.Join(s.DataDir, "control.json") }

// publish writes the file, in place of one that a killed gateway left behind.
func (c control) publish(path string) error {
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".control-") // mode 0600
	if err != nil {
		return fmt.Errorf("control file: %w", err)
	}
	_, err = file.Write(text)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name())
		return fmt.Errorf("control file: %w", err)
	}
	return nil
}

// openControl makes the key and the file that tells it. It comes before the
// edge, which must know the key.
func (g *gateway) openControl() error {
	g.control = control{URL: localURL(g.listener.Addr().String()), AdminURL: g.adminURL(), Key: rand.Text(), PID: os.Getpid()}
	path := g.settings.controlPath()
	if err := g.control.publish(path); err != nil {
		return fmt.Errorf("data_dir: %w", err)
	}
	g.onClose(func() error {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("control file: %w", err)
		}
		return nil
	})
	return nil
}

// errNoGateway says that no gateway runs on the data directory.
var errNoGateway = errors.New("no gateway runs on this data_dir")

// reachGateway returns how to reach the gateway that runs on the data
// directory. Errors: errNoGateway.
func (s *Settings) reachGateway() (control, error) {
	var c control
	text, err := os.ReadFile(s.controlPath())
	if errors.Is(err, fs.ErrNotExist) {
		return c, errNoGateway
	}
	if err != nil {
		return c, fmt.Errorf("control file: %w (run this as the user of the gateway)", err)
	}
	if err := json.Unmarshal(text, &c); err != nil || c.URL == "" {
		return c, errNoGateway // of a crash: files are replaced whole
	}
	return c, nil
}

// busyError asks to try again later.
type busyError struct {
	after  time.Duration
	reason string
}

func (e *busyError) Error() string { return e.reason }

// post calls the gateway's API. Errors: errNoGateway if the gateway is gone,
// *busyError, or what it refuses.
func (c control) post(ctx context.Context, path string, request, answer any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+c.Key)
	response, err := http.DefaultClient.Do(req)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return errNoGateway
	} else if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, 16<<20))
	if err != nil {
		return err
	}
	switch response.StatusCode {
	case http.StatusOK:
		return json.Unmarshal(text, answer)
	case http.StatusUnauthorized, http.StatusNotFound: // another process on its port
		return errNoGateway
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		seconds, err := strconv.Atoi(response.Header.Get("Retry-After"))
		if err != nil || seconds < 1 {
			seconds = 1
		}
		return &busyError{min(time.Duration(seconds)*time.Second, maxRetryAfter), refusal(response.StatusCode, text).Error()}
	}
	return refusal(response.StatusCode, text)
}
