package rspamd

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"gatepost/internal/engine"
	"gatepost/internal/mail"
	"gatepost/test/peer"
)

const gtube = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"

func request(body string) engine.Request {
	return engine.Request{
		ID: "0123456789abcdefghij", Time: time.Unix(1_795_389_633, 0), Host: "mx.example.net",
		Client: mail.Client{Addr: netip.MustParseAddr("192.0.2.7"), Helo: "mail.example.org\x01", ESMTP: true, TLS: "TLS1.3 X"}, ClientName: "mail.example.org",
		Envelope: mail.Envelope{ReversePath: "ann@example.org", Recipients: []mail.Path{"bob@example.net", "cat@example.net"}},
		Message:  mail.NewMessage([]byte("From: Ann <ann@example.com>\r\nTo: bob@example.net\r\nSubject: lunch\r\n\r\n" + body + "\r\n")),
	}
}

func limited(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// TestRspamd asks Debian's Rspamd over both kinds of socket.
func TestRspamd(t *testing.T) {
	e, err := peer.StartRspamd()
	if errors.Is(err, peer.ErrMissing) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Stop)
	for _, address := range []string{e.Addr, e.Socket} {
		g, err := Grade(limited(t), address, "secret", request("peerspam"))
		if err != nil || g.Action != "add header" || g.Required != 15 || g.Score < 6.5 || text(g, "TEST_WORD") != "the word peerspam" {
			t.Errorf("%s: got %+v, %v", address, g, err)
		}
		if got, want := text(g, "FROM_NEQ_ENVFROM"), "ann@example.com, ann@example.org"; got != want {
			t.Errorf("%s: it saw the envelope as %q, want %q", address, got, want)
		}
		if g, err := Grade(limited(t), address, "secret", request(gtube)); err != nil || g.Action != "reject" {
			t.Errorf("%s: GTUBE: got %+v, %v", address, g, err)
		}
		if _, err := Probe(limited(t), address); err != nil {
			t.Error(err)
		}
	}
	e.Freeze()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if g, err := Grade(ctx, e.Addr, "", request(gtube)); err == nil {
		t.Errorf("frozen: got %+v and no error", g)
	}
	e.Thaw()
	e.Kill()
	if g, err := Grade(limited(t), e.Addr, "", request(gtube)); err == nil {
		t.Errorf("killed: got %+v and no error", g)
	}
}

func text(g engine.Grade, name string) string {
	for _, x := range g.Tests {
		if x.Name == name {
			return x.Text
		}
	}
	return "(no such test)"
}

// TestHeader: what Rspamd is told.
func TestHeader(t *testing.T) {
	var got http.Header
	var size int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, size = r.Header, r.ContentLength
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, `{"score":1,"action":"no action"}`)
	}))
	defer s.Close()
	r := request("x")
	if _, err := Grade(limited(t), s.Listener.Addr().String(), "secret", r); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"Ip": "192.0.2.7", "Helo": "mail.example.org_", "From": "ann@example.org", "Rcpt": "bob@example.net cat@example.net", "Queue-Id": r.ID,
		"Mta-Name": "mx.example.net", "Hostname": "mail.example.org", "Password": "secret", "User": "", "Tls-Version": "TLS1.3",
	} {
		if v := strings.Join(got[name], " "); v != want {
			t.Errorf("%s: got %q, want %q", name, v, want)
		}
	}
	if size != r.Message.Size() {
		t.Errorf("length %d, want %d", size, r.Message.Size())
	}
}

// TestNonsense: what is no opinion is an error, soon and in little memory.
func TestNonsense(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		says   string
		want   string
	}{
		"password":  {http.StatusForbidden, `{"error":"Unauthorized"}`, "403: Unauthorized"},
		"failure":   {http.StatusInternalServerError, `oh`, "500: oh"},
		"redirect":  {http.StatusFound, ``, "302"},
		"no JSON":   {http.StatusOK, `<html>`, "no JSON"},
		"no score":  {http.StatusOK, `{"action":"reject"}`, "without a score"},
		"no action": {http.StatusOK, `{"score":1}`, "without a score"},
		"empty":     {http.StatusOK, `{}`, "without a score"},
		"error":     {http.StatusOK, `{"error":"no memory","score":1,"action":"reject"}`, "no memory"},
		"huge":      {http.StatusOK, `{"score":1e300,"action":"reject"}`, "score of"},
		"long":      {http.StatusOK, `{"x":"` + strings.Repeat("x", maxAnswer), "more than"},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body) // what is unread at the close would reset the connection
			w.WriteHeader(c.status)
			io.WriteString(w, c.says)
		}))
		g, err := Grade(limited(t), s.Listener.Addr().String(), "", request("x"))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %+v, %v", name, g, err)
		}
		if _, err := Probe(limited(t), s.Listener.Addr().String()); err == nil {
			t.Errorf("%s: a good probe", name)
		}
		s.Close()
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"is_skipped":false,"score":12.0,"required_score":15.0,"action":"add header","symbols":{"MISSING_TO":{"score":2.0,"description":"To header is missing","options":["0"]}}}`))
	f.Add([]byte(`{"error":"x"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := parse(b)
		if err == nil && (g.Action == "" || g.Score > 1e6 || len(g.Tests) > engine.MaxTests) {
			t.Errorf("got %+v", g)
		}
		for _, x := range g.Tests {
			if strings.ContainsAny(x.Name+x.Text, "\r\n\x00") || len(x.Text) > maxText {
				t.Errorf("got %+v", x)
			}
		}
	})
}
