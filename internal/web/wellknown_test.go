package web

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A node finds out whether the address of its links leads to it, and says what is wrong.
func TestReach(t *testing.T) {
	behind := func(h http.HandlerFunc) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s := &http.Server{Handler: h, ReadHeaderTimeout: time.Second}
		go s.Serve(l)
		t.Cleanup(func() { s.Close() })
		return "http://" + l.Addr().String()
	}
	other := start(t, Config{})
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for name, tt := range map[string]struct{ url, want string }{
		"nothing to find out":   {"", ""},
		"another node":          {other.url, "is answered by another server"},
		"another server":        {behind(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "welcome") }), "is answered by another server"},
		"a redirect":            {behind(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.url, http.StatusFound) }), "leads on to another address"},
		"nobody":                {"http://" + closed.Addr().String(), "can't be reached"},
		"no such name":          {"http://nothing.invalid", "has a name that the DNS does not know"},
		"http instead of https": {strings.Replace(other.url, "http:", "https:", 1), "can't be reached"},
	} {
		s, err := New(Config{URL: tt.url, Key: make([]byte, 32), Now: time.Now, Log: quiet()})
		if err != nil {
			t.Fatal(err)
		}
		err = s.Reach(t.Context())
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
	// The node itself.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{URL: "http://" + l.Addr().String(), Key: make([]byte, 32), Now: time.Now, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	go s.Serve(t.Context(), l)
	if err := s.Reach(t.Context()); err != nil {
		t.Errorf("the node itself: %v", err)
	}
}
