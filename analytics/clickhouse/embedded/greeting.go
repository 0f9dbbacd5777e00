package embedded

import (
	"bufio"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// porter admits to the native protocol whom the engine would not refuse.
type porter struct {
	user, password string
	metadata       string // the engine's directory of databases
}

const (
	greetTimeout = 10 * time.Second
	greetBytes   = 16 << 10
)

// admit reads the client's greeting, and answers it if it is to be refused.
func (p porter) admit(client *net.TCPConn) ([]byte, bool) {
	_ = client.SetDeadline(time.Now().Add(greetTimeout))
	greeting, err := readGreeting(client)
	if err != nil {
		return nil, false // not a client of ours
	}
	if refused := p.check(greeting); refused != nil {
		_, _ = client.Write(refused)
		return nil, false
	}
	_ = client.SetDeadline(time.Time{})
	return greeting.raw, true
}

// greeting is the first packet of a client,
// https://clickhouse.com/docs/native-protocol/client#hello.
type greeting struct {
	raw                      []byte
	database, user, password string
}

// readGreeting reads a whole greeting and not a byte more: a client is silent
// after it until it is answered.
func readGreeting(from io.Reader) (greeting, error) {
	var g greeting
	recorded := &recorder{from: bufio.NewReader(io.LimitReader(from, greetBytes))}
	kind, err := binary.ReadUvarint(recorded)
	if err != nil || kind != 0 {
		return g, errors.New("not a greeting")
	}
	var client string
	var number uint64
	for _, field := range []any{&client, &number, &number, &number, &g.database, &g.user, &g.password} {
		switch field := field.(type) {
		case *string:
			*field, err = recorded.text()
		case *uint64:
			*field, err = binary.ReadUvarint(recorded)
		}
		if err != nil {
			return g, fmt.Errorf("greeting: %w", err)
		}
	}
	if recorded.from.Buffered() > 0 {
		return g, errors.New("greeting: more than one packet")
	}
	g.raw = recorded.read
	return g, nil
}

// recorder keeps what is read through it.
type recorder struct {
	from *bufio.Reader
	read []byte
}

func (r *recorder) ReadByte() (byte, error) {
	b, err := r.from.ReadByte()
	if err == nil {
		r.read = append(r.read, b)
	}
	return b, err
}

func (r *recorder) text() (string, error) {
	size, err := binary.ReadUvarint(r)
	if err != nil || size > greetBytes {
		return "", errors.New("text too long")
	}
	text := make([]byte, size)
	if _, err := io.ReadFull(r.from, text); err != nil {
		return "", err
	}
	r.read = append(r.read, text...)
	return string(text), nil
}

// Codes of https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp.
const (
	codeUnknownDatabase      = 81
	codeAuthenticationFailed = 516
)

// check returns the packet that refuses the client, or nil.
func (p porter) check(g greeting) []byte {
	user := subtle.ConstantTimeCompare([]byte(g.user), []byte(p.user))
	password := subtle.ConstantTimeCompare([]byte(g.password), []byte(p.password))
	if user&password != 1 || p.password == "" {
		return refusal(codeAuthenticationFailed, "AUTHENTICATION_FAILED", "Authentication failed: password is incorrect, or there is no user with such name")
	}
	switch g.database {
	case "", "default", "system", "information_schema", "INFORMATION_SCHEMA":
		return nil
	}
	if _, err := os.Stat(filepath.Join(p.metadata, fileName(g.database)+".sql")); err != nil {
		return refusal(codeUnknownDatabase, "UNKNOWN_DATABASE", "Database "+g.database+" does not exist")
	}
	return nil
}

// fileName is how the engine names a database's file.
func fileName(database string) string {
	var b strings.Builder
	for _, c := range []byte(database) {
		if c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// refusal is the exception packet,
// https://clickhouse.com/docs/native-protocol/server#exception.
func refusal(code int32, name, message string) []byte {
	packet := []byte{2}
	packet = binary.LittleEndian.AppendUint32(packet, uint32(code))
	for _, text := range []string{"DB::Exception", fmt.Sprintf("DB::Exception: %s. (%s)", message, name), ""} {
		packet = append(binary.AppendUvarint(packet, uint64(len(text))), text...)
	}
	return append(packet, 0) // no nested exception
}
