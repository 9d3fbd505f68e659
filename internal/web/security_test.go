package web

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/captcha"
	"gatepost/internal/mail"
)

// Every answer has what tells a browser to be careful, those of failures too.
func TestHeaders(t *testing.T) {
	_, s := live(t, Config{URL: "https://mail.example.org"})
	b := s.as(t, "")
	for _, path := range []string{"/", "/login", "/nothing", "/assets/nothing", "/metrics", "/account", "/.well-known/gatepost"} {
		got := b.get(path)
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
				"form-action 'self'; frame-src 'self'; frame-ancestors 'none'; base-uri 'none'; media-src 'self'",
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin", "Strict-Transport-Security": "max-age=31536000", "Cache-Control": "no-store",
		} {
			if got := got.Header.Get(name); got != want {
				t.Errorf("%s: %s: got %q, want %q", path, name, got, want)
			}
		}
	}
}

// A form does something only if one of our pages sends it, in the same session.
func TestForms(t *testing.T) {
	h, s := live(t, Config{})
	b, other := s.as(t, ""), s.as(t, "")
	b.login("olga")
	other.login("adam")
	host := strings.TrimPrefix(s.url, "http://")
	for name, tt := range map[string]struct {
		token string
		head  map[string]string
		want  int
	}{
		"as the page sends it":     {b.token("/account"), map[string]string{"Sec-Fetch-Site": "same-origin"}, http.StatusSeeOther},
		"from an old browser":      {b.token("/account"), map[string]string{"Origin": "http://" + host}, http.StatusSeeOther},
		"no token":                 {"", nil, http.StatusForbidden},
		"another session's token":  {other.token("/account"), nil, http.StatusForbidden},
		"the visitor's token":      {s.as(t, "").token("/login"), nil, http.StatusForbidden},
		"from another site":        {b.token("/account"), map[string]string{"Sec-Fetch-Site": "cross-site"}, http.StatusForbidden},
		"from another host of us":  {b.token("/account"), map[string]string{"Sec-Fetch-Site": "same-site"}, http.StatusForbidden},
		"from another origin":      {b.token("/account"), map[string]string{"Origin": "http://evil.example"}, http.StatusForbidden},
		"from a sandboxed frame":   {b.token("/account"), map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "null"}, http.StatusForbidden},
		"from who does not tell":   {b.token("/account"), map[string]string{"Origin": "null"}, http.StatusSeeOther},
		"the same without a token": {"", map[string]string{"Origin": "null"}, http.StatusForbidden},
		"the token of the session": {b.jar[sessionCookie], nil, http.StatusForbidden},
	} {
		h.SetLanguage(t.Context(), persons()["operator"], "")
		b.head = http.Header{}
		for name, value := range tt.head {
			b.head.Set(name, value)
		}
		b.post("", "/account/language", "csrf", tt.token, "language", "fr").wants(t, tt.want)
		if changed := h.language["olga"] == "fr"; changed != (tt.want == http.StatusSeeOther) {
			t.Errorf("%s: changed is %v", name, changed)
		}
	}
	b.head = http.Header{}
	b.do(http.MethodPut, "/account/language", nil).wants(t, http.StatusMethodNotAllowed)
	b.get("/account/language").wants(t, http.StatusMethodNotAllowed)
	b.do(http.MethodPost, "/account/language?csrf="+url.QueryEscape(b.token("/account"))+"&language=fr", nil).wants(t, http.StatusForbidden)
}

// The log-in form, too, is ours only.
func TestLoginForm(t *testing.T) {
	_, s := live(t, Config{})
	b := s.as(t, "")
	b.post("", "/login", "name", "olga", "password", "secret of olga").wants(t, http.StatusForbidden)
	token := b.token("/login")
	s.as(t, "").post("", "/login", "csrf", token, "name", "olga", "password", "secret of olga").wants(t, http.StatusForbidden)
	b.head.Set("Sec-Fetch-Site", "cross-site")
	b.post("", "/login", "csrf", token, "name", "olga", "password", "secret of olga").wants(t, http.StatusForbidden, "did not come from this site")
	b.head = http.Header{"Origin": {"null"}} // a browser that keeps to itself what page it is
	b.post("", "/login", "csrf", token, "name", "olga", "password", "secret of olga").wants(t, http.StatusSeeOther)
}

func TestTooLarge(t *testing.T) {
	_, s := live(t, Config{})
	b := s.as(t, "")
	b.login("olga")
	big := "csrf=" + b.token("/account") + "&language=fr&x=" + strings.Repeat("x", maxBody)
	b.do(http.MethodPost, "/account/language", strings.NewReader(big)).wants(t, http.StatusRequestEntityTooLarge, "That was too much")
	b.do(http.MethodPost, "/account/language", io.MultiReader(strings.NewReader(big))).wants(t, http.StatusRequestEntityTooLarge) // without a length
	b.head.Set("X-Long", strings.Repeat("x", 2*maxHeader))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/account", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = b.head
	if resp, err := b.http.Do(r); err == nil { // or the connection is cut before it is read
		resp.Body.Close()
		if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("a long header: got %s", resp.Status)
		}
	}
}

func TestHead(t *testing.T) {
	_, s := live(t, Config{})
	b := s.as(t, "")
	b.login("olga")
	got := b.do(http.MethodHead, "/account", nil)
	if got.StatusCode != http.StatusOK || got.body != "" || got.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("got %s, %q, %v", got.Status, got.body, got.Header)
	}
}

// Every route of log-ins, accounts and settings, by every role, with the status that it
// answers: who may not is shown to the log-in page, or told so. A route that is added
// without its line here fails the test; package app's looks at those of all groups.
func TestRoutesByRole(t *testing.T) {
	const (
		ok    = http.StatusOK
		see   = http.StatusSeeOther
		form  = http.StatusUnprocessableEntity
		bad   = http.StatusBadRequest
		no    = http.StatusForbidden
		none  = http.StatusNotFound
		login = http.StatusSeeOther
	)
	type row struct{ nobody, owner, helpdesk, admin, operator int }
	same := func(n int) row { return row{n, n, n, n, n} }
	mine := func(n int) row { return row{login, n, n, n, n} }
	want := map[string]row{
		"GET /{$}":                   {login, see, see, see, see},
		"GET /metrics":               same(none),
		"GET /healthz":               same(none),
		"GET /readyz":                same(none),
		"GET /.well-known/gatepost":  same(ok),
		"GET /assets/":               same(none),
		"GET /login":                 {ok, see, see, see, see},
		"POST /login":                same(form),
		"GET /login/code":            same(see),
		"POST /login/code":           same(see),
		"POST /logout":               mine(see),
		"GET /account":               mine(ok),
		"POST /account/language":     mine(see),
		"GET /account/password":      mine(ok),
		"POST /account/password":     mine(form),
		"POST /account/close":        mine(see),
		"POST /account/close-others": mine(see),
		"GET /account/factor":        mine(ok),
		"POST /account/factor":       mine(form),
		"POST /account/factor/codes": mine(form),
		"POST /account/factor/end":   mine(form),
		"GET /bans":                  {login, no, no, no, ok},
		"POST /bans/lift":            {login, no, no, no, see},
		"POST /bans/end":             {login, no, no, no, see},
		"GET /ban":                   same(ok),
		"POST /ban":                  same(see),
		"GET /settings":              mine(ok),
		"POST /settings":             {login, bad, no, none, none},
		"POST /settings/lock":        {login, bad, no, no, none},
		"GET /headers":               mine(ok),
		"POST /headers":              mine(form),
	}
	h, s := live(t, Config{Bans: noBans{}, Banned: noBans{}, Captcha: captcha.New(captcha.Config{}), Hosts: oneHost})
	server, err := New(Config{Desk: h.desk, Accounts: h, Settings: &fakeSettings{}, Bans: noBans{}, Banned: noBans{}, Captcha: captcha.New(captcha.Config{}), Hosts: oneHost, Key: make([]byte, 32), Now: h.clock})
	if err != nil {
		t.Fatal(err)
	}
	browsers := map[string]*browser{}
	as := func(name string) *browser {
		b := s.as(t, "")
		if name != "" {
			b.login(name)
		}
		return b
	}
	for _, name := range []string{"", "ann@example.org", "hanna", "adam", "olga"} {
		browsers[name] = as(name)
	}
	for _, r := range server.routes() {
		row, known := want[r.pattern]
		if !known {
			t.Errorf("the route %q is in no row of this test", r.pattern)
			continue
		}
		for name, status := range map[string]int{"": row.nobody, "ann@example.org": row.owner, "hanna": row.helpdesk, "adam": row.admin, "olga": row.operator} {
			b := browsers[name]
			if r.pattern == "POST /logout" {
				b = as(name)
			}
			method, path, _ := strings.Cut(r.pattern, " ")
			path = strings.TrimSuffix(path, "{$}")
			got := shown{}
			if method == http.MethodGet {
				got = b.get(path)
			} else {
				page := "/account"
				if name == "" {
					page = "/login"
				}
				got = b.post(page, path)
			}
			if got.StatusCode != status {
				t.Errorf("%s by %q: got %s, want %d", r.pattern, name, got.Status, status)
			}
			if status == login && name == "" && r.action != access.Public && !strings.HasPrefix(got.Header.Get("Location"), "/login") {
				t.Errorf("%s by nobody: led to %q", r.pattern, got.Header.Get("Location"))
			}
		}
	}
}

// A route that nobody thought about does not start.
func TestRouteNeedsAction(t *testing.T) {
	for name, r := range map[string]route{
		"no action":      {pattern: "GET /x", handle: func(http.ResponseWriter, *http.Request) error { return nil }},
		"unknown action": {pattern: "GET /x", action: "held.burn", handle: func(http.ResponseWriter, *http.Request) error { return nil }},
		"no handler":     {pattern: "GET /x", action: access.Public},
		"no method":      {pattern: "/x", action: access.Public, handle: func(http.ResponseWriter, *http.Request) error { return nil }},
		"another method": {pattern: "PUT /x", action: access.Public, handle: func(http.ResponseWriter, *http.Request) error { return nil }},
	} {
		if _, err := (&Server{paths: map[string]bool{}}).router([]route{r}); err == nil {
			t.Errorf("%s: it starts", name)
		}
	}
}

// failing is a store of sessions that is broken, or away.
type failing struct{ panics, away bool }

func (f failing) Recognise(context.Context, string, access.Client) (access.Person, string, error) {
	if f.panics {
		panic(errOops)
	}
	if f.away {
		return access.Person{}, "", fmt.Errorf("sessions: %w", mail.ErrAway)
	}
	return access.Person{}, "", errOops
}

// What goes wrong inside is in the log under the number that the page shows, and not on
// the page.
func TestFailure(t *testing.T) {
	for name, sessions := range map[string]Sessions{"an error": failing{}, "a panic": failing{panics: true}} {
		t.Run(name, func(t *testing.T) {
			s := start(t, Config{Sessions: sessions})
			got := s.as(t, "operator").get("/")
			got.wants(t, http.StatusInternalServerError, "Something went wrong")
			id := find(t, `Number of this request: (\w+)`, got.body)
			if strings.Contains(got.body, "oops:") || !strings.Contains(s.log.String(), "oops") || !strings.Contains(s.log.String(), id) {
				t.Errorf("the page is\n%s\nthe log is\n%s", got.body, s.log.String())
			}
		})
	}
}

// A database that is gone is nothing to report: the page says when to come back, and each of them leaves
// no line.
func TestFailureOfTheDatabase(t *testing.T) {
	s := start(t, Config{Sessions: failing{away: true}})
	got := s.as(t, "operator").get("/")
	got.wants(t, http.StatusServiceUnavailable, "Not possible just now", "Nothing is lost")
	if got.Header.Get("Retry-After") != "30" || strings.Contains(s.log.String(), "ERROR") {
		t.Errorf("Retry-After %q, log %s", got.Header.Get("Retry-After"), s.log.String())
	}
}

// /metrics is for those who are named, and for nobody who comes through a proxy.
func TestHealth(t *testing.T) {
	shows := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "numbers") })
	local := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	s := start(t, Config{Health: shows, Metrics: local})
	b := s.as(t, "")
	for _, path := range []string{"/metrics", "/healthz", "/readyz"} {
		b.get(path).wants(t, http.StatusOK, "numbers")
	}
	for _, name := range []string{"X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"} {
		b.head = http.Header{}
		b.head.Set(name, "127.0.0.1")
		b.get("/metrics").wants(t, http.StatusNotFound)
	}
	start(t, Config{Health: shows}).as(t, "").get("/metrics").wants(t, http.StatusNotFound)
}

func TestClient(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for name, tt := range map[string]struct {
		peer string
		hops []string
		want string
	}{
		"no proxy":                  {"192.0.2.1:5000", nil, "192.0.2.1"},
		"not believed":              {"192.0.2.1:5000", []string{"198.51.100.1"}, "192.0.2.1"},
		"a proxy":                   {"10.0.0.1:5000", []string{"198.51.100.1"}, "198.51.100.1"},
		"a lie before the proxy's":  {"10.0.0.1:5000", []string{"127.0.0.1, 198.51.100.1"}, "198.51.100.1"},
		"two proxies":               {"10.0.0.1:5000", []string{"198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
		"in two fields":             {"10.0.0.1:5000", []string{"198.51.100.1", "10.0.0.2"}, "198.51.100.1"},
		"a lie through two":         {"10.0.0.1:5000", []string{"10.0.0.9, 198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
		"a proxy that says nothing": {"10.0.0.1:5000", nil, "10.0.0.1"},
		"nonsense":                  {"10.0.0.1:5000", []string{"unknown"}, "10.0.0.1"},
		"nonsense before":           {"10.0.0.1:5000", []string{"x, 10.0.0.2"}, "10.0.0.2"},
		"IPv4 in IPv6":              {"[::ffff:10.0.0.1]:5000", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		"IPv4 by NAT64":             {"[64:ff9b::a00:1]:5000", []string{"64:ff9b::c633:6401"}, "198.51.100.1"},
		"IPv6":                      {"[fd00::1]:5000", []string{"2001:db8::1"}, "2001:db8::1"},
		"only proxies":              {"10.0.0.1:5000", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
	} {
		r := &http.Request{RemoteAddr: tt.peer, Header: http.Header{"X-Forwarded-For": tt.hops}}
		if got := (&Server{Config: Config{Proxies: proxies}}).client(r); got.String() != tt.want {
			t.Errorf("%s: got %v, want %s", name, got, tt.want)
		}
	}
}

// pipes is a listener whose connections are in memory, so that time can be virtual.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.done); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// Who sends slowly, or nothing, is cut off.
func TestSlowClients(t *testing.T) {
	for name, tt := range map[string]struct {
		says  string
		after time.Duration
	}{
		"nothing":       {"", headTime},
		"half a header": {"GET / HTTP/1.1\r\nHost: x\r\n", headTime},
		"half a body":   {"POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\ncsrf=", readTime},
		"idle":          {"GET /.well-known/gatepost HTTP/1.1\r\nHost: x\r\n\r\n", idleTime},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, err := New(Config{Key: make([]byte, 32), Now: time.Now, Log: quiet()})
				if err != nil {
					t.Fatal(err)
				}
				l := &pipes{make(chan net.Conn), make(chan struct{})}
				ctx, cancel := context.WithCancel(t.Context())
				served := make(chan error, 1)
				go func() { served <- server.Serve(ctx, l) }()
				ours, theirs := net.Pipe()
				l.conns <- theirs
				begun := time.Now()
				fmt.Fprint(ours, tt.says)
				io.Copy(io.Discard, bufio.NewReader(ours)) // until it is cut
				if took := time.Since(begun); took < tt.after-time.Second || took > tt.after+2*time.Second {
					t.Errorf("cut after %v, want %v", took, tt.after)
				}
				cancel()
				if err := <-served; err != nil {
					t.Error(err)
				}
			})
		})
	}
}
