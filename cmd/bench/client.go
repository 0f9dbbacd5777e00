package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"strconv"
	"time"
)

// client is one kept-alive connection. It costs the machine as little as it can:
// what the generator uses is missing to what is measured.
type client struct {
	conn   net.Conn
	reader *bufio.Reader
	said   string // the begin of the last body that came with a refusal
}

// exchangeTime bounds one request.
const exchangeTime = 30 * time.Second

func dial(addr string) (*client, error) {
	conn, err := net.DialTimeout("tcp", addr, 5*time.Second) //nolint:noctx // it has its own limit
	if err != nil {
		return nil, err
	}
	return &client{conn: conn, reader: bufio.NewReaderSize(conn, 4<<10)}, nil
}

// exchange sends a whole request and reads a whole answer.
func (c *client) exchange(request []byte) (status int, err error) {
	if err := c.conn.SetDeadline(time.Now().Add(exchangeTime)); err != nil {
		return 0, err
	}
	if _, err := c.conn.Write(request); err != nil {
		return 0, err
	}
	line, err := c.reader.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return 0, fmt.Errorf("not an answer: %.40q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, err
	}
	length, chunked := -1, false
	for {
		if line, err = c.reader.ReadSlice('\n'); err != nil {
			return 0, err
		}
		if len(line) <= 2 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch value = bytes.TrimSpace(value); {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil {
				return 0, err
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = true
		}
	}
	switch {
	case chunked:
		body := httputil.NewChunkedReader(c.reader)
		if status/100 != 2 {
			text, _ := io.ReadAll(io.LimitReader(body, 200))
			c.said = string(text)
		}
		_, err = io.Copy(io.Discard, body)
		if err == nil {
			_, err = c.reader.ReadSlice('\n') // behind the last chunk
		}
	case length >= 0:
		if status/100 != 2 {
			text, _ := c.reader.Peek(min(length, 200))
			c.said = string(text)
		}
		_, err = c.reader.Discard(length)
	case status != 204 && status != 304:
		err = errors.New("an answer without a length")
	}
	return status, err
}

func (c *client) close() { _ = c.conn.Close() }
