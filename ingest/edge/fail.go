package edge

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/leadgate/leadgate/ingest"
)

// failure is what a client is told of an error.
type failure struct {
	Status  int               `json:"-"`
	Code    string            `json:"code"`
	Message string            `json:"message"`
	Fields  map[string]string `json:"fields,omitempty"`
	// retry is when to try again, if that can help.
	retry time.Duration
}

func (f *failure) Error() string { return f.Code + ": " + f.Message }

var (
	errLimited = &failure{Status: http.StatusTooManyRequests, Code: "rate_limited",
		Message: "too many requests; try again after the time in Retry-After"}
	errOrigin = &failure{Status: http.StatusForbidden, Code: "origin_not_allowed",
		Message: "pages of this origin may not send here; add its host to the source's allowed_hosts"}
	errPanic = &failure{Status: http.StatusInternalServerError, Code: "internal",
		Message: "an error of ours; it has been noted"}
	errUnauthorized = &failure{Status: http.StatusUnauthorized, Code: "unauthorized",
		Message: "the API needs the header Authorization: Bearer KEY with one of the configured keys"}
	errNoKeys = &failure{Status: http.StatusUnauthorized, Code: "unauthorized",
		Message: "the API has no keys; add one to api.keys in the configuration and restart"}
	errBusy = &failure{Status: http.StatusServiceUnavailable, Code: "busy", retry: 5 * time.Second,
		Message: "too many API requests at once; try again later"}
	errNotReady = &failure{Status: http.StatusServiceUnavailable, Code: "not_ready", Message: "not ready", retry: 5 * time.Second}
	errStopping = errors.New("shutting down")
)

// failureOf maps every error to what the client gets: the one place that does.
func failureOf(err error) *failure {
	var own *failure
	var invalid *ingest.InvalidError
	var framework *fiber.Error
	is := func(target error) bool { return errors.Is(err, target) }
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &invalid):
		return &failure{Status: http.StatusUnprocessableEntity, Code: "invalid_fields",
			Message: "some fields are not valid", Fields: invalid.Fields}
	case is(ingest.ErrNotKept), is(ingest.ErrFull), is(ingest.ErrClosed):
		return notKept(err)
	case is(ingest.ErrUnverified):
		return &failure{Status: http.StatusUnauthorized, Code: "unverified",
			Message: "the sender could not be verified: check the secret, the signature and the time of sending"}
	case is(ingest.ErrReplayed):
		return &failure{Status: http.StatusConflict, Code: "replayed",
			Message: "a delivery with this token was taken in before"}
	case is(ingest.ErrUnavailable):
		return &failure{Status: http.StatusServiceUnavailable, Code: "unavailable", retry: 5 * time.Second,
			Message: "what is needed to take the delivery in cannot be had just now; please send it again"}
	case is(ingest.ErrUnknownSource):
		return &failure{Status: http.StatusNotFound, Code: "unknown_source",
			Message: "no source of this name is configured; names are case-sensitive and end without a slash"}
	case is(ingest.ErrMethod):
		return byStatus(http.StatusMethodNotAllowed)
	case is(ingest.ErrTooLarge):
		return byStatus(http.StatusRequestEntityTooLarge)
	case is(ingest.ErrMediaType):
		return &failure{Status: http.StatusUnsupportedMediaType, Code: "unsupported_media_type", Message: clip(err.Error())}
	case is(ingest.ErrMalformed):
		return &failure{Status: http.StatusBadRequest, Code: "malformed", Message: clip(err.Error())}
	case errors.As(err, &framework):
		return byStatus(framework.Code)
	}
	return byStatus(http.StatusInternalServerError)
}

func notKept(err error) *failure {
	f := &failure{Status: http.StatusServiceUnavailable, Code: "not_kept", retry: 5 * time.Second,
		Message: "the delivery could not be kept; please send it again"}
	if errors.Is(err, ingest.ErrFull) {
		f.Code, f.retry = "full", time.Minute
	}
	return f
}

// byStatus is what is said of a status that needs no more detail.
func byStatus(status int) *failure {
	f := &failure{Status: status}
	switch status {
	case http.StatusBadRequest:
		f.Code, f.Message = "malformed", "the request could not be read"
	case http.StatusNotFound:
		f.Code, f.Message = "not_found", "there is nothing here"
	case http.StatusMethodNotAllowed:
		f.Code, f.Message = "method_not_allowed", "this method is not allowed here"
	case http.StatusRequestTimeout:
		f.Code, f.Message = "timeout", "the request did not arrive in time"
	case http.StatusRequestEntityTooLarge:
		f.Code, f.Message = "too_large", "the body is larger than is allowed here"
	case http.StatusRequestHeaderFieldsTooLarge:
		f.Code, f.Message = "headers_too_large", fmt.Sprintf("the header is larger than %d bytes", headerRoom)
	case http.StatusBadGateway: // fiber's word for a broken connection
		f.Status, f.Code, f.Message = http.StatusBadRequest, "malformed", "the request could not be read"
	default:
		return errPanic
	}
	return f
}

// clip bounds a text that a source made about what it was sent.
func clip(text string) string {
	if runes := []rune(text); len(runes) > 500 {
		return string(runes[:500]) + "…"
	}
	return text
}

// fail answers with the failure that err is, as a page if a browser asked.
func (e *Edge) fail(c *fiber.Ctx, err error) {
	f := failureOf(err)
	var panicked *ingest.PanicError
	switch {
	case f != errPanic || errors.Is(err, errPanic):
	case errors.As(err, &panicked):
		e.o.Metrics.Panicked()
		e.o.Log.Error("a decoder panicked; its delivery is refused", "request", c.GetRespHeader(requestIDName), "err", panicked)
	case errors.Is(err, ingest.ErrHung):
		e.o.Log.Error("a decoder hangs; its delivery is refused", "request", c.GetRespHeader(requestIDName), "err", err)
	default:
		// Not the error's text: nobody vouches that it repeats nothing of what was sent.
		e.o.Log.Error("a request failed", "request", c.GetRespHeader(requestIDName), "type", fmt.Sprintf("%T", err))
	}
	if f.retry > 0 {
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(int(f.retry.Seconds())))
	}
	source := e.sourceOf(string(c.Request().Header.RequestURI()))
	if source != "" {
		e.o.Metrics.Answered(source, f.Code)
		if intake, unknown := e.o.Acceptor.Intake(source); unknown == nil && e.refuse(c, intake, f) {
			return
		}
	}
	c.Status(f.Status)
	if source != "" && c.Accepts(fiber.MIMEApplicationJSON, fiber.MIMETextHTML) == fiber.MIMETextHTML {
		sendPage(c, f)
		return
	}
	body, jsonErr := json.Marshal(map[string]*failure{"error": f})
	if jsonErr != nil {
		panic(jsonErr) // strings and a map of strings
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	_ = c.Send(body) // into memory
}

// refuse answers in the way that the sender of this source understands, and
// tells whether there is such a way.
func (e *Edge) refuse(c *fiber.Ctx, intake *ingest.Intake, f *failure) bool {
	// A request that was refused before its handler, or that panicked.
	if c.GetRespHeader(fiber.HeaderVary) == "" {
		e.allowOrigin(c, intake)
	}
	if intake.Refuse == nil {
		return false
	}
	answer, ok := intake.Refuse(ingest.Refusal{Status: f.Status, Code: f.Code, Message: f.Message})
	if !ok {
		return false
	}
	_ = send(c, "", answer) // into memory
	return true
}

// failRaw is fail for a request that fiber has not seen.
func (e *Edge) failRaw(rc *fasthttp.RequestCtx, err error) {
	c := e.app.AcquireCtx(rc)
	defer e.app.ReleaseCtx(c)
	e.fail(c, err)
}

func panicText(value any) string {
	if err, ok := value.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("a value of type %T", value)
}

func stack() string { return string(debug.Stack()) }
