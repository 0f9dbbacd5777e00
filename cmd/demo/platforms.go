package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// platforms stands in for the platforms that are asked for leads after they, or
// nobody, announced them: each has its recorded lead, and gives it to who has the
// token.
type platforms struct {
	url   string
	mux   *http.ServeMux
	serve *http.Server
}

// startPlatforms serves on this machine alone.
func startPlatforms(ctx context.Context, root string) (*platforms, error) {
	p := &platforms{mux: http.NewServeMux()}
	for _, k := range kinds {
		if k.lead == "" {
			continue
		}
		d, err := k.recorded(root, k.lead)
		if err != nil {
			return nil, err
		}
		if err := p.add(k.typ, d.Body); err != nil {
			return nil, k.errorf("%w", err)
		}
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p.url = "http://" + listener.Addr().String()
	p.serve = &http.Server{Handler: p.mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = p.serve.Serve(listener) }()
	return p, nil
}

func (p *platforms) stop() { _ = p.serve.Close() }

// add gives a platform its lead, at the addresses that its API has.
func (p *platforms) add(typ string, lead json.RawMessage) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(lead, &fields); err != nil {
		return err
	}
	switch typ {
	case "meta":
		p.answer("GET /meta/v24.0/{id}", fields["id"], lead)
		p.answer("GET /meta/v24.0/me", nil, map[string]string{"id": "108877665544332"})
	case "hubspot":
		p.answer("GET /hubspot/crm/v3/objects/contacts/{id}", fields["id"], lead)
		p.answer("GET /hubspot/account-info/v3/details", nil, map[string]int{"portalId": 700100})
	case "linkedin": // the recorded one is the response and its form beside each other
		var response map[string]json.RawMessage
		if err := json.Unmarshal(fields["response"], &response); err != nil {
			return err
		}
		response["form"] = fields["form"]
		p.answer("GET /linkedin/rest/leadFormResponses/{id}", response["id"], response)
	case "yandex-direct":
		p.answer("POST /yandex-direct/json/v501/leads", nil, map[string]any{"result": map[string]any{"Leads": []any{lead}}})
	default:
		return errors.New("nobody stands in for its platform")
	}
	return nil
}

// answer gives the content to requests for that id, a JSON text, or for any.
func (p *platforms) answer(pattern string, id json.RawMessage, content any) {
	p.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.Header.Get("Authorization") != "Bearer "+catalogueSecret:
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"message":"the token is not valid"}`)
		case id != nil && string(id) != `"`+r.PathValue("id")+`"`:
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"message":"there is no such lead"}`)
		default:
			_ = json.NewEncoder(w).Encode(content)
		}
	})
}
