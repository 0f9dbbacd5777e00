package edge

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/leadgate/leadgate/ingest"
)

// allowOrigin lets a script of an allowed page read the answer, errors too.
// Any other page's plain form post is still a delivery: whether to take it is
// the source's own decision, for its Verify sees the Origin.
// https://fetch.spec.whatwg.org/#http-cors-protocol
func (e *Edge) allowOrigin(c *fiber.Ctx, intake *ingest.Intake) {
	set(&c.Response().Header, fiber.HeaderVary, fiber.HeaderOrigin)
	origin := c.Get(fiber.HeaderOrigin)
	if origin == "" || !e.originAllowed(origin, intake.Config.AllowedHosts) {
		return
	}
	c.Set(fiber.HeaderAccessControlAllowOrigin, origin)
	// navigator.sendBeacon always asks for it. Nothing here reads a cookie.
	c.Set(fiber.HeaderAccessControlAllowCredentials, "true")
	c.Set(fiber.HeaderAccessControlExposeHeaders, "X-Request-Id, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset")
}

// originAllowed matches an origin with the hosts that a form may stand on, or
// with our own host where none is named. A host with a port matches that port
// only.
func (e *Edge) originAllowed(origin string, hosts []string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Path != "" || u.User != nil {
		return false
	}
	if len(hosts) == 0 {
		hosts = []string{e.public.Host}
	}
	for _, host := range hosts {
		if strings.EqualFold(host, u.Host) || strings.EqualFold(host, u.Hostname()) {
			return true
		}
	}
	return false
}

// asked answers OPTIONS: a sender's handshake, if the source knows one
// (CloudEvents), else a browser's question.
func (e *Edge) asked(c *fiber.Ctx, intake *ingest.Intake, from client) error {
	if intake.Challenge == nil || c.Get(fiber.HeaderAccessControlRequestMethod) != "" {
		return e.options(c, intake)
	}
	d, err := e.deliveryFrom(c, intake.Config.Name, from, e.o.Now())
	if err != nil {
		return err
	}
	if answer, ok := intake.Challenge(d); ok {
		return send(c, d.ID, answer)
	}
	return e.options(c, intake)
}

// options answers a preflight, or a plain question for the methods.
func (e *Edge) options(c *fiber.Ctx, intake *ingest.Intake) error {
	methods := strings.Join(methodsOf(intake), ", ")
	c.Set(fiber.HeaderAllow, methods)
	if c.Get(fiber.HeaderAccessControlRequestMethod) == "" {
		return c.SendStatus(http.StatusNoContent)
	}
	if c.GetRespHeader(fiber.HeaderAccessControlAllowOrigin) == "" {
		return errOrigin
	}
	c.Set(fiber.HeaderAccessControlAllowMethods, methods)
	c.Set(fiber.HeaderAccessControlAllowHeaders, "Accept, Content-Type, Content-Encoding, X-Request-Id, X-Requested-With")
	c.Set(fiber.HeaderAccessControlMaxAge, "600")
	return c.SendStatus(http.StatusNoContent)
}
