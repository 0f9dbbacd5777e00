package edge

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// A browser that posted a form shows our answer as a page: this one. It loads
// nothing, and runs only the one script whose digest its policy names.
const backScript = `document.getElementById("back").addEventListener("click",function(e){e.preventDefault();history.back()})`

// The page, to be filled in by fmt: title, text, list of fields, link back,
// status and code. Everything is escaped by then; html/template would do that,
// and have the program a third larger, see schema.fill.
const page = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="robots" content="noindex"><title>%[1]s</title>
<style>
:root{color-scheme:light dark;--text:#1d2330;--soft:#5b6475;--back:#f4f6fa;--card:#fff;--line:#e2e6ee;--mark:#c2410c;--act:#2451c8}
@media (prefers-color-scheme:dark){:root{--text:#e9ecf3;--soft:#a3abbb;--back:#12151c;--card:#1b202a;--line:#2c3341;--mark:#fb923c;--act:#7aa2ff}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.5rem;background:var(--back);color:var(--text);
font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{width:100%%;max-width:30rem;padding:2rem;background:var(--card);border:1px solid var(--line);border-top:4px solid var(--mark);border-radius:.75rem}
h1{margin:0 0 .5rem;font-size:1.35rem;line-height:1.3}
p{margin:0 0 1rem;color:var(--soft)}
dl{margin:0 0 1.25rem;padding:.25rem 1rem;border:1px solid var(--line);border-radius:.5rem}
dt{margin-top:.6rem;font-weight:600;overflow-wrap:anywhere}
dd{margin:0 0 .6rem;color:var(--soft);overflow-wrap:anywhere}
a{color:var(--act);font-weight:600}
small{display:block;margin-top:1.5rem;color:var(--soft);overflow-wrap:anywhere}
</style></head><body><main>
<h1>%[1]s</h1><p>%[2]s</p>
%[3]s<a id="back" href="%[4]s">Go back</a>
<small>%[5]s</small>
</main><script>` + backScript + `</script></body></html>
`

var pagePolicy = func() string {
	digest := sha256.Sum256([]byte(backScript))
	return "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-" +
		base64.StdEncoding.EncodeToString(digest[:]) + "'; base-uri 'none'; form-action 'none'"
}()

// pageText says the failure to a person who filled in a form.
func pageText(f *failure) (title, text string) {
	switch f.Status {
	case http.StatusUnprocessableEntity:
		return "Please check the form", "Something in it cannot be right:"
	case http.StatusRequestEntityTooLarge:
		return "That was too much", "The form is larger than can be taken here."
	case http.StatusTooManyRequests:
		return "One moment, please", "There were too many requests. Please try again in a while."
	case http.StatusServiceUnavailable, http.StatusInternalServerError, http.StatusRequestTimeout:
		return "That did not work", "The form could not be taken. Nothing was lost on your side: please go back and send it again."
	case http.StatusNotFound:
		return "Not found", "This form leads nowhere. Please tell the owner of the page."
	}
	return "The form could not be taken", "It was not sent in a way that can be read here. Please tell the owner of the page."
}

// sendPage writes the failure as a page. Without scripts its link leads to the
// page that the browser names as the one it came from.
func sendPage(c *fiber.Ctx, f *failure) {
	title, text := pageText(f)
	var fields strings.Builder
	if len(f.Fields) > 0 {
		fields.WriteString("<dl>")
		for _, name := range slices.Sorted(maps.Keys(f.Fields)) {
			fmt.Fprintf(&fields, "<dt>%s</dt><dd>%s</dd>", html.EscapeString(name), html.EscapeString(f.Fields[name]))
		}
		fields.WriteString("</dl>\n")
	}
	notes := fmt.Sprintf("%d %s", f.Status, f.Code)
	if id := c.GetRespHeader(requestIDName); id != "" {
		notes += " · " + id
	}
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	c.Set(fiber.HeaderContentSecurityPolicy, pagePolicy)
	_ = c.SendString(fmt.Sprintf(page, title, text, fields.String(), // into memory
		html.EscapeString(cameFrom(c)), html.EscapeString(notes)))
}

// cameFrom is the page that the browser names, if it is one.
func cameFrom(c *fiber.Ctx) string {
	u, err := url.Parse(c.Get(fiber.HeaderReferer))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return "/"
	}
	return u.String()
}
