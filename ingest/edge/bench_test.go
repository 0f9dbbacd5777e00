package edge_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"go.uber.org/goleak"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/edge"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// fasthttp's own: one date clock for ever, and a pool's cleaner that
		// sleeps up to 10 s before it sees the end of its server.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		// The limiter's memory, until it is collected.
		goleak.IgnoreAnyFunction("github.com/ulule/limiter/v3/drivers/store/memory.(*cleaner).Run"),
	)
}

type nowhere struct{}

func (nowhere) Append(context.Context, []byte) error { return nil }

// post sends the same request again and again, from parallel connections.
func post(b *testing.B, addr string, body string) {
	request := fmt.Sprintf("POST /in/landing HTTP/1.1\r\nHost: leads.example.com\r\nContent-Type: application/json\r\n"+
		"User-Agent: bench/1\r\nAccept: */*\r\nX-Signature: t=1,v1=abcdef\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			b.Error(err)
			return
		}
		defer func() { _ = c.Close() }()
		r := bufio.NewReader(c)
		for pb.Next() {
			if _, err := io.WriteString(c, request); err != nil {
				b.Error(err)
				return
			}
			res, err := http.ReadResponse(r, nil)
			if err != nil || res.StatusCode != http.StatusOK {
				b.Error(res, err)
				return
			}
			if _, err := io.Copy(io.Discard, res.Body); err != nil {
				b.Error(err)
				return
			}
			_ = res.Body.Close()
		}
	})
}

var benchSizes = map[string]string{"1KiB": strings.Repeat("x", 1<<10), "64KiB": strings.Repeat("x", 64<<10)}

// BenchmarkIntake is the whole way of a delivery but for the disk. The client
// in the same process is part of both figures; the empty handler below is what
// to compare with.
func BenchmarkIntake(b *testing.B) {
	for size, body := range benchSizes {
		b.Run(size, func(b *testing.B) {
			intake := &ingest.Intake{Config: ingest.SourceConfig{Name: "landing"}, Source: sender{}}
			e, err := edge.New(edge.Options{
				PublicURL: publicURL,
				Acceptor:  ingest.NewAcceptor(map[string]*ingest.Intake{"landing": intake}, nowhere{}),
			})
			if err != nil {
				b.Fatal(err)
			}
			ln, err := edge.Listen(b.Context(), "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			ctx, stop := context.WithCancel(context.Background())
			done := make(chan error)
			go func() { done <- e.RunOn(ctx, ln) }()
			post(b, ln.Addr().String(), body)
			stop()
			if err := <-done; err != nil {
				b.Error(err)
			}
		})
	}
}

// BenchmarkEmptyHandler is fiber alone.
func BenchmarkEmptyHandler(b *testing.B) {
	for size, body := range benchSizes {
		b.Run(size, func(b *testing.B) {
			app := fiber.New(fiber.Config{DisableStartupMessage: true})
			app.Post("/in/:source", func(c *fiber.Ctx) error { return c.SendString("ok") })
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			done := make(chan error)
			go func() { done <- app.Listener(ln) }()
			post(b, ln.Addr().String(), body)
			if err := errors.Join(app.Shutdown(), <-done); err != nil {
				b.Error(err)
			}
		})
	}
}
