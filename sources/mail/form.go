package mail

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"strings"

	"github.com/leadgate/leadgate/ingest"
)

// Bounds of a mail that is posted as a form. A mail's headers may each be a
// field of it.
const (
	maxFormPairs = 5000
	maxFormParts = 2000
	maxFormName  = 200
)

// postedForm is a mail as a provider posts it in a form: the bytes of the
// fields that we know, and the files.
type postedForm struct {
	values map[string]string
	files  []attachment
	names  guesser // of the files
	unread []byte  // what is read of parts that mean nothing to us
}

// readForm reads the fields named in known. Where a name comes several times
// the last one stands: the others are headers of the mail, written by whoever
// sent it. Errors: ErrMediaType, ErrMalformed, ErrTooLarge.
func readForm(d *ingest.Delivery, known map[string]bool) (*postedForm, error) {
	media, params, err := mime.ParseMediaType(d.Header.Get("Content-Type"))
	f := &postedForm{values: make(map[string]string, len(known))}
	switch {
	case err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter):
		return nil, fmt.Errorf("%w: no valid Content-Type", ingest.ErrMediaType)
	case media == "application/x-www-form-urlencoded":
		return f, f.readPairs(string(d.Body), known)
	case media == "multipart/form-data":
		return f, f.readParts(d.Body, params["boundary"], known)
	}
	return nil, fmt.Errorf("%w: a form is needed", ingest.ErrMediaType)
}

func (f *postedForm) readPairs(body string, known map[string]bool) error {
	for n := 0; body != ""; n++ {
		if n == maxFormPairs {
			return fmt.Errorf("%w: a form of more than %d fields", ingest.ErrTooLarge, maxFormPairs)
		}
		var pair string
		pair, body, _ = strings.Cut(body, "&")
		name, value, _ := strings.Cut(pair, "=")
		if len(name) > maxFormName {
			continue
		}
		name, err := url.QueryUnescape(name)
		if err != nil || !known[name] {
			continue
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return fmt.Errorf("%w: broken percent-encoding in the form", ingest.ErrMalformed)
		}
		f.values[name] = value
	}
	return nil
}

func (f *postedForm) readParts(body []byte, boundary string, known map[string]bool) error {
	if boundary == "" || !bytes.Contains(body, []byte("--"+boundary+"--")) {
		return fmt.Errorf("%w: multipart without its boundary, or cut off", ingest.ErrMalformed)
	}
	reader := multipart.NewReader(bytes.NewReader(body), boundary)
	for n := 0; ; n++ {
		part, err := reader.NextRawPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: broken multipart form", ingest.ErrMalformed)
		}
		if n == maxFormParts {
			return fmt.Errorf("%w: a form of more than %d parts", ingest.ErrTooLarge, maxFormParts)
		}
		if err := f.readPart(part, known); err != nil {
			return fmt.Errorf("%w: broken multipart form", ingest.ErrMalformed)
		}
	}
}

func (f *postedForm) readPart(part *multipart.Part, known map[string]bool) error {
	if name := part.FileName(); name != "" && len(f.files) < maxAttachments {
		a := attachment{name: f.names.header(name), media: strings.ToLower(part.Header.Get("Content-Type"))}
		if !a.isMail() && !a.isXML() {
			n, err := f.skip(part)
			a.size = n
			f.files = append(f.files, a)
			return err
		}
		content, err := io.ReadAll(part)
		a.content, a.size = content, int64(len(content))
		f.files = append(f.files, a)
		return err
	}
	name := part.FormName()
	if !known[name] {
		_, err := f.skip(part)
		return err
	}
	value, err := io.ReadAll(part)
	f.values[name] = string(value)
	return err
}

// skip reads a part to its end, and returns its size. There may be thousands of
// parts, so that they share the memory for it.
func (f *postedForm) skip(part io.Reader) (size int64, err error) {
	if f.unread == nil {
		f.unread = make([]byte, 4<<10)
	}
	for err == nil {
		var n int
		n, err = part.Read(f.unread)
		size += int64(n)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return size, err
}

func names(list string) map[string]bool {
	set := make(map[string]bool)
	for name := range strings.FieldsSeq(list) {
		set[name] = true
	}
	return set
}
