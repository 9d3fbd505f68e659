package web

import (
	"net/http"
	"strings"
	"testing"
)

func TestUnknownPath(t *testing.T) {
	s := start(t, Config{})
	s.as(t, "operator").get("/nothing").wants(t, http.StatusNotFound, "<h1>There is nothing here</h1>", "olga")
	s.as(t, "").get("/nothing").wants(t, http.StatusNotFound, "There is nothing here")
	s.as(t, "").do(http.MethodPut, "/", nil).wants(t, http.StatusMethodNotAllowed)
	b := s.as(t, "")
	b.head.Set("Accept-Language", "fr-CH, fr;q=0.9, en;q=0.8")
	b.get("/nothing").wants(t, http.StatusNotFound, `<html lang="fr">`, "Il n’y a rien ici")
}

// Addresses may have tokens in them, and are in no log, whatever they lead to.
func TestAddressesAreNotLogged(t *testing.T) {
	_, s := live(t, Config{})
	b := s.as(t, "")
	for _, path := range []string{"/c/s3cret", "/d/s3cret", "/nothing?s3cret", "/login?to=/d/s3cret", "/assets/s3cret", "/account?s3cret=1"} {
		b.get(path)
		b.post("", path, "s3cret", "s3cret")
	}
	if log := s.log.String(); !strings.Contains(log, "GET /login") || strings.Contains(log, "s3cret") {
		t.Errorf("the log has\n%s", log)
	}
}

func TestAssets(t *testing.T) {
	s := start(t, Config{})
	b := s.as(t, "")
	page := b.get("/nothing")
	at := page.body[strings.Index(page.body, "/assets/style."):]
	at = at[:strings.Index(at, `"`)]
	b.head.Set("Accept-Encoding", "gzip")
	got := b.get(at)
	got.wants(t, http.StatusOK)
	for name, want := range map[string]string{
		"Content-Type": "text/css; charset=utf-8", "Content-Encoding": "gzip", "Cache-Control": "public, max-age=31536000, immutable",
	} {
		if got := got.Header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	b.head.Set("Accept-Encoding", "br, gzip;q=0")
	if got := b.get(at); got.Header.Get("Content-Encoding") != "" || !strings.Contains(got.body, ".card") {
		t.Errorf("without gzip: got %q, %.40q", got.Header.Get("Content-Encoding"), got.body)
	}
	b.get("/assets/style.css").wants(t, http.StatusNotFound)
}
