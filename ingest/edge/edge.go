package edge

import (
	"context"
	"crypto/sha256"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// Edge is the HTTP server. Make one with New, and either Run it or Serve and
// Shutdown it, once.
type Edge struct {
	o       Options
	app     *fiber.App
	public  *url.URL
	path    string // of the public URL, in front of a request's target
	base    string // the public URL up to there
	proxies []netip.Prefix
	keys    [][sha256.Size]byte
	apiSlot chan struct{}
	// inflating has a slot for each processor that decompresses at once.
	inflating chan struct{}
	bodies    *bodies
	// decoding has a slot for each large body that is verified and decoded at once.
	decoding chan struct{}
	crowd    *crowd

	forwarders, prefaces forwarders // who forwards without being trusted; who speaks the PROXY protocol

	captured string // the URL that the one request of Once has, if not the door's

	// requests ends when those in flight have had their time.
	requests context.Context
	cut      context.CancelFunc
	deadline deadline
	refusing atomic.Bool // the journal did not keep the latest delivery

	mu       sync.Mutex
	doors    []*door
	stopping atomic.Bool
}

const (
	headerRoom     = 16 << 10
	defaultMaxBody = 1 << 20
	// largestUnread is how much of a body that nobody wanted is read, so that its
	// connection can be used again.
	largestUnread = 64 << 10
	// idleWorker is how long the stack of a connection that is gone stays.
	idleWorker    = 2 * time.Second
	requestIDName = "X-Request-Id"
)

// New checks the options and returns an Edge that serves nothing yet.
func New(o Options) (*Edge, error) {
	if o.Acceptor == nil {
		return nil, errors.New("edge: an acceptor is needed")
	}
	e := &Edge{o: o.withDefaults()}
	var urlErr, proxyErr error
	e.public, urlErr = parsePublicURL(o.PublicURL)
	e.proxies, proxyErr = parseProxies(o.TrustedProxies)
	if err := errors.Join(urlErr, proxyErr); err != nil {
		return nil, err
	}
	for _, key := range o.APIKeys {
		e.keys = append(e.keys, sha256.Sum256([]byte(key)))
	}
	if o.ControlKey != "" {
		e.keys = append(e.keys, sha256.Sum256([]byte(o.ControlKey)))
	}
	e.apiSlot = make(chan struct{}, e.o.APIConcurrency)
	half := max(1, runtime.GOMAXPROCS(0)/2) // of the processors
	e.inflating, e.decoding = make(chan struct{}, half), make(chan struct{}, half)
	e.bodies = newBodies(e.o.BodyMemory, max(e.o.LargestBody, e.maxBody("")))
	e.crowd = &crowd{
		limit: e.o.ConnectionsPerAddress, trusted: e.trusted, metrics: e.o.Metrics, log: e.o.Log, open: make(map[netip.Addr]int),
	}
	e.requests, e.cut = context.WithCancel(context.Background())
	e.deadline = deadline{parent: e.requests, limit: e.o.RequestTimeout}
	e.path = strings.TrimRight(e.public.EscapedPath(), "/")
	e.base = e.public.Scheme + "://" + e.public.Host + e.path
	e.app = fiber.New(fiber.Config{
		CaseSensitive: true, StrictRouting: true,
		DisableStartupMessage: true,
		// Else a multipart body would be parsed, spilled into temporary files
		// and rebuilt with other bytes than were signed.
		DisablePreParseMultipartForm: true,
		BodyLimit:                    int(e.maxBody("")),
		// Else the server allocates what a sender declares, before it is there.
		StreamRequestBody: true,
		ReadBufferSize:    headerRoom,
		ReadTimeout:       e.o.ReadTimeout, WriteTimeout: e.o.WriteTimeout, IdleTimeout: e.o.IdleTimeout,
		// Nothing here asks fiber who the client is (see proxy.go); should
		// something ever do, it is told nothing that can be forged.
		EnableTrustedProxyCheck: true,
		ErrorHandler:            func(c *fiber.Ctx, err error) error { e.fail(c, err); return nil },
	})
	e.routes()
	e.guard()
	return e, nil
}

func (e *Edge) routes() {
	e.app.All("/in/:source", e.intake)
	e.app.All("/in/:source/*", e.below)
	e.app.Get("/healthz", func(c *fiber.Ctx) error { return sendJSON(c, http.StatusOK, `{"status":"ok"}`) })
	e.app.Get("/readyz", e.ready)
	if e.o.MetricsPage != nil {
		e.app.Get("/metrics", e.mount(e.o.MetricsPage))
	}
	if e.o.API != nil {
		e.app.All("/api/v1/*", e.authorize, e.mount(e.o.API))
	}
}

// guard puts our own functions around fiber's: they see every request first,
// those too that fiber would answer by itself, and outlive its panics.
func (e *Edge) guard() {
	server, next := e.app.Server(), e.app.Handler()
	methods := make(map[string]bool)
	for _, method := range fiber.DefaultMethods {
		methods[method] = true
	}
	server.CloseOnShutdown = true
	server.SecureErrorLogMessage = true // else an error quotes what was sent
	server.MaxIdleWorkerDuration = idleWorker
	server.Handler = func(rc *fasthttp.RequestCtx) {
		defer e.rescue(rc)
		e.begin(rc)
		if e.refuseFraming(rc) {
			return
		}
		declared := rc.Request.Header.ContentLength()
		if c, ok := rc.Conn().(*conn); ok {
			c.unread = declared < 0 || declared > tinyBody
			defer func() {
				c.linger.Store(c.unread)
				if c.unread && (declared < 0 && !rc.IsGet() || declared > largestUnread) {
					rc.SetConnectionClose() // so much is not read, or nobody knows how much
				}
			}()
		}
		if methods[string(rc.Method())] {
			next(rc)
		} else {
			e.failRaw(rc, fiber.ErrMethodNotAllowed)
		}
	}
	inner := server.ErrorHandler
	server.ErrorHandler = func(rc *fasthttp.RequestCtx, err error) {
		defer e.rescue(rc)
		e.begin(rc)
		if c, ok := rc.Conn().(*conn); ok && unread(err) {
			c.linger.Store(true)
		}
		e.notePreface(rc)
		inner(rc, err)
	}
	server.HeaderReceived = func(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
		checkFraming(h, func() int64 { return e.maxBody(e.sourceOf(string(h.RequestURI()))) })
		return fasthttp.RequestConfig{}
	}
}

// unread tells whether a request was refused while its sender may still be
// sending.
func unread(err error) bool {
	var slow net.Error
	return !errors.As(err, &slow) || !slow.Timeout()
}

// rescue turns a panic into a 500. The panic's value is not logged unless it
// is the runtime's own: it may hold what was sent.
func (e *Edge) rescue(rc *fasthttp.RequestCtx) {
	value := recover()
	if value == nil {
		return
	}
	id := string(rc.Response.Header.Peek(requestIDName))
	rc.Response.Reset()
	setCommon(rc, id)
	e.o.Metrics.Panicked()
	e.o.Log.Error("a handler panicked", "request", id, "panic", panicText(value), "stack", stack())
	e.failRaw(rc, errPanic)
}

// begin gives the answer what every answer has.
func (e *Edge) begin(rc *fasthttp.RequestCtx) {
	id := string(rc.Request.Header.Peek(requestIDName))
	if !saneID(id) {
		id, _ = e.o.IDs.New(e.o.Now()) // without randomness requests go unnamed; deliveries are refused
	}
	setCommon(rc, id)
}

func setCommon(rc *fasthttp.RequestCtx, id string) {
	h := &rc.Response.Header
	if id != "" {
		set(h, requestIDName, id)
	}
	set(h, "X-Content-Type-Options", "nosniff")
	set(h, "Cache-Control", "no-store")
}

// set is Set for a name in canonical form, which need not be looked through.
func set(h *fasthttp.ResponseHeader, name, value string) { h.SetCanonical([]byte(name), []byte(value)) }

// saneID tells whether a client's request id can go into answers and logs.
func saneID(id string) bool {
	if id == "" || len(id) > 128 {
		return false
	}
	return strings.IndexFunc(id, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && !strings.ContainsRune("._-", r)
	}) < 0
}

func (e *Edge) maxBody(source string) int64 {
	if e.o.MaxBody != nil {
		if n := e.o.MaxBody(source); n > 0 {
			return n
		}
	}
	return defaultMaxBody
}

// sourceOf returns the source that a request's target names, "" if it names
// none.
func (e *Edge) sourceOf(target string) string {
	path, _, _ := strings.Cut(originForm(target), "?")
	path, ok := strings.CutPrefix(path, "/in/")
	source, _, below := strings.Cut(path, "/")
	if !ok || below && !e.takesBelow(source) {
		return ""
	}
	return source
}

// takesBelow tells whether a source's sender adds paths to its address.
func (e *Edge) takesBelow(source string) bool {
	intake, err := e.o.Acceptor.Intake(source)
	return err == nil && intake.Below
}

func (e *Edge) ready(c *fiber.Ctx) error {
	if e.Ready() != nil {
		return errNotReady
	}
	return sendJSON(c, http.StatusOK, `{"status":"ready"}`)
}

// Ready says why a lead cannot be taken and kept, nil if it can. Whoever asks
// /readyz is not told why: the reason names sizes, paths and addresses.
func (e *Edge) Ready() error {
	if e.stopping.Load() {
		return errStopping
	}
	return e.o.Ready()
}

func sendJSON(c *fiber.Ctx, status int, body string) error {
	c.Response().Header.SetContentType(fiber.MIMEApplicationJSON)
	return c.Status(status).SendString(body)
}
