package edge

import (
	"errors"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/leadgate/leadgate/ingest"
)

const accepted = "accepted"

// intake is the door of a source.
func (e *Edge) intake(c *fiber.Ctx) error {
	source := strings.Clone(c.Params("source"))
	if err := e.take(c, source); err != nil {
		e.fail(c, err)
	}
	return nil
}

// below is the door of a source whose sender adds paths to its address; for all
// others there is nothing.
func (e *Edge) below(c *fiber.Ctx) error {
	if !e.takesBelow(c.Params("source")) {
		return fiber.ErrNotFound
	}
	return e.intake(c)
}

func (e *Edge) take(c *fiber.Ctx, source string) error {
	from := e.clientOf(c)
	intake, unknown := e.o.Acceptor.Intake(source)
	if unknown == nil {
		e.allowOrigin(c, intake)
	}
	now, standing := e.o.Now(), Result{}
	defer func() { e.tellLimit(c, standing, now) }()
	if err := e.arrive(from, source, &standing); err != nil {
		return err
	}
	if unknown != nil {
		return unknown
	}
	if c.Method() == http.MethodOptions {
		return e.asked(c, intake, from)
	}
	d, err := e.deliveryFrom(c, source, from, now)
	if err != nil {
		return err
	}
	memory := e.memory(c, from, source)
	defer memory.release()
	if err := e.fillBody(c, d, intake, &memory); err != nil {
		return err
	}
	accept := e.o.Acceptor.AcceptIf
	if len(d.Body) > smallBody {
		accept = e.acceptLarge
	}
	id := d.ID
	answer, err := accept(e.deadline.context(), d, e.admission(from, &standing))
	e.noteKeeping(err)
	if err != nil {
		if errors.Is(err, ingest.ErrMethod) {
			c.Set(fiber.HeaderAllow, strings.Join(methodsOf(intake), ", "))
		}
		return err
	}
	e.o.Metrics.Answered(source, accepted)
	return send(c, id, answer)
}

// methodsOf returns the methods that an intake's door takes.
func methodsOf(intake *ingest.Intake) []string {
	methods := []string{http.MethodPost}
	for _, method := range intake.Methods {
		if method != http.MethodPost {
			methods = append(methods, method)
		}
	}
	return append(methods, http.MethodOptions)
}

// noteKeeping logs when the journal begins to refuse and when it has ceased.
func (e *Edge) noteKeeping(err error) {
	switch refused := errors.Is(err, ingest.ErrNotKept); {
	case refused && !e.refusing.Swap(true):
		e.o.Log.Error("deliveries are refused with 503: the journal does not keep them", "err", err)
	case err == nil && e.refusing.Load() && e.refusing.Swap(false):
		e.o.Log.Info("deliveries are kept again")
	}
}

// send writes what an accepted delivery is answered.
func send(c *fiber.Ctx, id string, answer ingest.Answer) error {
	if answer.Status == 0 && answer.Location == "" && answer.Body == nil && answer.Header == nil {
		return sendJSON(c, http.StatusOK, `{"id":"`+id+`","status":"`+accepted+`"}`)
	}
	status := answer.Status
	if status == 0 {
		status = http.StatusOK
	}
	for name, value := range answer.Header {
		c.Set(name, value)
	}
	if answer.Location != "" {
		if answer.Status == 0 {
			status = http.StatusSeeOther
		}
		c.Set(fiber.HeaderLocation, answer.Location)
	}
	switch {
	case answer.ContentType != "":
		c.Set(fiber.HeaderContentType, answer.ContentType)
	case len(answer.Body) > 0:
		c.Set(fiber.HeaderContentType, fiber.MIMETextPlainCharsetUTF8)
	}
	return c.Status(status).Send(answer.Body)
}
