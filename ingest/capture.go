package ingest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"strings"
	"time"
)

// ParseCapture reads a raw HTTP request as it was captured: request line,
// header, an empty line, body. Lines of the head may end in LF alone; the body
// is everything behind the empty line, whatever Content-Length says. The URL is
// that of the request line if it is whole there, else https on the request's
// Host, in the sender's own encoding. ReceivedAt is its Date, which is then no
// header any more, and zero without one. Errors: ErrMalformed (wrapped).
func ParseCapture(text []byte) (*Delivery, error) {
	head, body, found := bytes.Cut(text, []byte("\n\n"))
	if crlf, rest, ok := bytes.Cut(text, []byte("\r\n\r\n")); ok && (!found || len(crlf) < len(head)) {
		head, body = crlf, rest
	}
	request, err := http.ReadRequest(bufio.NewReader(io.MultiReader(bytes.NewReader(head), strings.NewReader("\n\n"))))
	if err != nil {
		return nil, fmt.Errorf("%w: not a raw HTTP request (a request line such as POST /in/x HTTP/1.1, the header, an empty line, the body)", ErrMalformed)
	}
	d := &Delivery{
		Method: request.Method, URL: "https://" + request.Host + request.RequestURI,
		Header: textproto.MIMEHeader(request.Header), Body: body,
	}
	if request.URL.IsAbs() {
		d.URL = request.RequestURI
	}
	date := request.Header.Get("Date")
	if date == "" {
		return d, nil
	}
	at, err := http.ParseTime(date)
	if err != nil {
		return nil, fmt.Errorf("%w: the Date is not a time such as %s", ErrMalformed, time.RFC1123)
	}
	d.ReceivedAt = at.UTC()
	d.Header.Del("Date")
	return d, nil
}
