package relay

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"gatepost/internal/mtasts"
)

// website serves handler at every name, with a certificate for some.
func website(t *testing.T, handler http.HandlerFunc, names ...string) (*Web, *httptest.Server) {
	t.Helper()
	root := (*issuer)(nil).issue(t, time.Now().Add(time.Hour))
	s := httptest.NewUnstartedServer(handler)
	s.TLS = root.issue(t, time.Now().Add(time.Hour), names...).server(root)
	s.Config.ErrorLog = nil
	s.StartTLS()
	t.Cleanup(s.Close)
	all := map[string][]string{}
	for _, name := range append(names, "mta-sts.foreign.example") {
		all[name] = []string{"127.0.0.1"}
	}
	port := s.Listener.Addr().(*net.TCPAddr).Port
	return &Web{Resolver: zone{addr: all}, Roots: root.pool(), Port: port, Private: true, Now: time.Now}, s
}

func TestFetch(t *testing.T) {
	const policy = "version: STSv1\nmode: none\nmax_age: 0\n"
	names := []string{"good", "page", "away", "gone", "long", "untyped", "cut"}
	for i := range names {
		names[i] = "mta-sts." + names[i] + ".example"
	}
	w, _ := website(t, func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := strings.Cut(r.Host, ":")
		if r.Method != "GET" || r.URL.Path != "/.well-known/mta-sts.txt" {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		switch host {
		case "mta-sts.page.example":
			w.Header().Set("Content-Type", "text/html")
		case "mta-sts.away.example":
			http.Redirect(w, r, "https://mta-sts.good.example/.well-known/mta-sts.txt", http.StatusFound)
			return
		case "mta-sts.gone.example":
			w.WriteHeader(http.StatusNotFound)
		case "mta-sts.long.example":
			io.WriteString(w, strings.Repeat("x", 10*mtasts.MaxSize))
		case "mta-sts.untyped.example":
			w.Header()["Content-Type"] = nil
		case "mta-sts.cut.example":
			w.Header().Set("Content-Length", "1000")
		}
		io.WriteString(w, policy)
	}, names...)
	for domain, c := range map[string]struct {
		want string // part of the error
		is   error
	}{
		"good.example": {}, "page.example": {"not as text/plain", mtasts.ErrInvalid}, "untyped.example": {"not as text/plain", mtasts.ErrInvalid},
		"away.example": {`answers "302`, nil}, "gone.example": {`answers "404`, nil}, "cut.example": {"unexpected EOF", nil},
		"foreign.example": {"certificate is valid for", mtasts.ErrCertificate}, "nowhere.example": {"no such name", nil},
	} {
		text, err := w.Fetch(t.Context(), domain)
		switch {
		case c.want == "" && (err != nil || string(text) != policy):
			t.Errorf("%s: %q, %v", domain, text, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || c.is != nil && !errors.Is(err, c.is)):
			t.Errorf("%s: %v, want %s", domain, err, c.want)
		}
	}
	if text, err := w.Fetch(t.Context(), "long.example"); err != nil || len(text) != mtasts.MaxSize+1 {
		t.Errorf("%d octets, %v", len(text), err)
	}
	w.Private = false
	if text, err := w.Fetch(t.Context(), "good.example"); err == nil || !strings.Contains(err.Error(), "not global") {
		t.Errorf("from a private address: %q, %v", text, err)
	}
	w.Private, w.Roots = true, (*issuer)(nil).issue(t, time.Now()).pool()
	if _, err := w.Fetch(t.Context(), "good.example"); !errors.Is(err, mtasts.ErrCertificate) {
		t.Error(err)
	}
}

// However many names a certificate has, what is said of it is short.
func TestFetchErrorBounded(t *testing.T) {
	var names []string
	for i := range 90 {
		names = append(names, strings.Repeat("x", 60)+fmt.Sprint(i)+".example")
	}
	w, _ := website(t, func(http.ResponseWriter, *http.Request) {}, names...)
	if _, err := w.Fetch(t.Context(), "foreign.example"); !errors.Is(err, mtasts.ErrCertificate) || len(err.Error()) > 500 {
		t.Error(err)
	}
}

func TestPost(t *testing.T) {
	var got string
	w, _ := website(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got = fmt.Sprint(r.Method, " ", r.URL, " ", r.Header.Get("Content-Type"), " ", string(b))
		if r.URL.Path == "/no" {
			w.WriteHeader(http.StatusForbidden)
		}
	}, "a.example")
	if err := w.Post(t.Context(), "https://a.example/tls?x", []byte("report")); err != nil || got != "POST /tls?x application/tlsrpt+gzip report" {
		t.Errorf("%q, %v", got, err)
	}
	if err := w.Post(t.Context(), "https://a.example/no", nil); err == nil || !strings.Contains(err.Error(), "403") {
		t.Error(err)
	}
	w.Private, got = false, ""
	if err := w.Post(t.Context(), "https://a.example/tls", []byte("report")); err == nil || !strings.Contains(err.Error(), "not global") || got != "" {
		t.Errorf("%q, %v", got, err)
	}
}

// What has not changed is not sent again, and what is too long, or not there, is an error.
func TestGet(t *testing.T) {
	w, _ := website(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/pack":
			w.Header().Set("ETag", `"7"`)
			w.Header().Set("Last-Modified", "Thu, 26 Nov 2026 00:00:00 GMT")
			if r.Header.Get("If-None-Match") == `"7"` && r.Header.Get("If-Modified-Since") != "" {
				w.WriteHeader(http.StatusNotModified)
				return
			}
			io.WriteString(w, "word 1 text a")
		case "/away":
			http.Redirect(w, r, "/pack", http.StatusFound)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}, "packs.example")
	body, etag, modified, fresh, err := w.Get(t.Context(), "https://packs.example/pack", "", "", 20)
	if err != nil || string(body) != "word 1 text a" || etag != `"7"` || !fresh {
		t.Errorf("got %q, %s, %s, %t, %v", body, etag, modified, fresh, err)
	}
	if body, _, _, fresh, err := w.Get(t.Context(), "https://packs.example/pack", etag, modified, 20); err != nil || fresh || body != nil {
		t.Errorf("again: got %q, %t, %v", body, fresh, err)
	}
	for url, want := range map[string]string{
		"https://packs.example/pack?": "longer than 5 octets", "https://packs.example/none": `answers "404`, "https://packs.example/away": `answers "302`,
		"http://packs.example/pack": "not an https address", "https://other.example/": "no such name",
	} {
		if _, _, _, _, err := w.Get(t.Context(), url, "", "", 5); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", url, err, want)
		}
	}
}
