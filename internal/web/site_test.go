package web

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/access"
)

// noon is the time of all pages in tests.
var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// A site is a Server behind a real listener.
type site struct {
	url string
	log *safeBuffer
}

// safeBuffer is a log that is read while it is written.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

// String returns what was written so far.
func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// start serves pages until the test ends. What the Config leaves out it gets.
func start(t *testing.T, c Config) *site {
	t.Helper()
	log := &safeBuffer{}
	c.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if c.Now == nil {
		c.Now = func() time.Time { return noon }
	}
	if c.Key == nil {
		c.Key = bytes.Repeat([]byte{7}, 32)
	}
	if c.Sessions == nil && c.Desk == nil {
		c.Sessions = asPersons{}
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return &site{url: "http://" + l.Addr().String(), log: log}
}

// asPersons has a session for each of persons(): its secret is the name.
type asPersons struct{}

// Recognise implements Sessions.
func (asPersons) Recognise(_ context.Context, secret string, _ access.Client) (access.Person, string, error) {
	p, ok := persons()[secret]
	if !ok {
		return p, "", access.ErrNoSession
	}
	return p, "session-of-" + secret, nil
}

// persons are one of each role, by name.
func persons() map[string]access.Person {
	return map[string]access.Person{
		"owner":    {Kind: access.KindMailbox, ID: 7, Box: 7, Name: "ann@example.org", Role: access.Owner, Domains: []string{"example.org"}},
		"helpdesk": {Kind: access.KindAdmin, ID: 2, Name: "hanna", Role: access.Helpdesk, Domains: []string{"example.org"}},
		"admin":    {Kind: access.KindAdmin, ID: 3, Name: "adam", Role: access.Admin, Domains: []string{"example.org"}},
		"operator": {Kind: access.KindAdmin, ID: 1, Name: "olga", Role: access.Operator},
	}
}

// A browser is somebody before a site: it keeps cookies, and follows no redirect by
// itself.
type browser struct {
	t    *testing.T
	site *site
	http *http.Client
	jar  map[string]string
	head http.Header // sent with all requests
}

// as returns the browser of one of persons(); "" is somebody without a session.
func (s *site) as(t *testing.T, name string) *browser {
	b := &browser{t: t, site: s, jar: map[string]string{}, head: http.Header{}, http: &http.Client{
		Timeout:       20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if name != "" {
		b.jar[sessionCookie] = name
	}
	return b
}

// A shown is an answer, read.
type shown struct {
	*http.Response
	body string
}

func (b *browser) do(method, path string, body io.Reader) shown {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.site.url+path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, values := range b.head {
		r.Header[name] = values
	}
	for name, value := range b.jar {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	resp, err := b.http.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range resp.Cookies() {
		if b.jar[c.Name] = c.Value; c.MaxAge < 0 {
			delete(b.jar, c.Name)
		}
	}
	return shown{resp, string(text)}
}

// get asks for a page.
func (b *browser) get(path string) shown {
	b.t.Helper()
	return b.do(http.MethodGet, path, nil)
}

// post sends a form: name, value, name, value. The token is that of the page "from".
func (b *browser) post(from, path string, pairs ...string) shown {
	b.t.Helper()
	form := url.Values{}
	if from != "" {
		form.Set("csrf", b.token(from))
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return b.do(http.MethodPost, path, strings.NewReader(form.Encode()))
}

var tokenField = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

// token is what the forms of a page have in them.
func (b *browser) token(path string) string {
	b.t.Helper()
	page := b.get(path)
	m := tokenField.FindStringSubmatch(page.body)
	if m == nil {
		b.t.Fatalf("%s (%s) has no token in it:\n%s", path, page.Status, page.body)
	}
	return m[1]
}

// wants fails where the status is another, or the text is not in the page.
func (p shown) wants(t *testing.T, status int, texts ...string) {
	t.Helper()
	if p.StatusCode != status {
		t.Errorf("%s %s: got %s, want %d\n%s", p.Request.Method, p.Request.URL.Path, p.Status, status, p.body)
		return
	}
	for _, text := range texts {
		if !strings.Contains(p.body, text) {
			t.Errorf("%s %s: %q is not in\n%s", p.Request.Method, p.Request.URL.Path, text, p.body)
		}
	}
}

// quiet is a log that nobody reads.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
