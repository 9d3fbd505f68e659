package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestLogin(t *testing.T) {
	_, s := live(t, Config{})
	b := s.as(t, "")
	got := b.get("/account?x=1")
	got.wants(t, http.StatusSeeOther)
	if to := got.Header.Get("Location"); to != "/login?to=%2Faccount%3Fx%3D1" {
		t.Fatalf("without a session: led to %q", to)
	}
	b.get("/login?to=/account").wants(t, http.StatusOK, `<input type="hidden" name="to" value="/account">`)
	b.post("/login", "/login", "name", "olga", "password", "wrong").wants(t, http.StatusUnprocessableEntity, "The name or the password is wrong.", `value="olga"`)
	b.post("/login", "/login", "name", "nobody", "password", "wrong").wants(t, http.StatusUnprocessableEntity, "The name or the password is wrong.")
	if b.jar[sessionCookie] != "" {
		t.Error("there is a session without a log-in")
	}
	b.login("olga")
	if len(b.jar) != 1 || len(b.jar[sessionCookie]) != 43 {
		t.Errorf("cookies after the log-in: %q", b.jar)
	}
	b.get("/account").wants(t, http.StatusOK, "olga", "Operator", "this one")
	if to := b.get("/login?to=/bans").Header.Get("Location"); to != "/bans" {
		t.Errorf("the log-in page with a session: led to %q", to)
	}
	session := b.jar[sessionCookie]
	b.post("/account", "/logout").wants(t, http.StatusSeeOther)
	b.get("/login").wants(t, http.StatusOK, "You are logged out.")
	b.get("/login").wants(t, http.StatusOK, `aria-live="polite"></div>`) // said once
	b.jar[sessionCookie] = session
	b.get("/account").wants(t, http.StatusSeeOther)
}

// A log-in leads to no other site, wherever its address came from.
func TestLoginLeadsInside(t *testing.T) {
	for to, want := range map[string]string{
		"/quarantine?state=held": "/quarantine?state=held", "/": "/", "": "/", "//evil.example/": "/", `/\evil.example`: "/",
		"https://evil.example/": "/", "javascript:alert(1)": "/", "quarantine": "/", "/a\r\nX: y": "/", "/" + strings.Repeat("a", 2000): "/",
	} {
		if got := inside(to); got != want {
			t.Errorf("%.40q: got %q, want %q", to, got, want)
		}
	}
}

// Whatever cookies a stranger planted, the session has a secret that he does not know.
func TestSessionIsNotFixed(t *testing.T) {
	_, s := live(t, Config{})
	b := s.as(t, "")
	b.jar[sessionCookie], b.jar[visitorCookie] = strings.Repeat("A", 43), "planted"
	b.login("olga")
	if b.jar[sessionCookie] == strings.Repeat("A", 43) || b.jar[visitorCookie] != "" {
		t.Errorf("cookies after the log-in: %q", b.jar)
	}
	stranger := s.as(t, "")
	stranger.jar[sessionCookie] = strings.Repeat("A", 43)
	stranger.get("/account").wants(t, http.StatusSeeOther)
	// Logging in again ends the session that the browser had.
	old := s.as(t, "")
	old.jar[sessionCookie] = b.jar[sessionCookie]
	token := s.as(t, "").token("/login")
	b.jar[visitorCookie] = "x"
	b.post("", "/login", "csrf", token).wants(t, http.StatusForbidden)
	old.get("/account").wants(t, http.StatusOK)
	b.post("/account", "/login", "name", "adam", "password", "secret of adam").wants(t, http.StatusSeeOther)
	old.get("/account").wants(t, http.StatusSeeOther)
	b.get("/account").wants(t, http.StatusOK, "adam")
}

func TestCookies(t *testing.T) {
	for name, tt := range map[string]struct {
		url, name string
		secure    bool
	}{
		"over http":  {"http://mail.example.org", "gatepost", false},
		"over https": {"https://mail.example.org", "__Host-gatepost", true},
	} {
		_, s := live(t, Config{URL: tt.url})
		b := s.as(t, "")
		got := b.post("/login", "/login", "name", "olga", "password", "secret of olga")
		found := false
		for _, c := range got.Cookies() {
			if c.Name != tt.name {
				continue
			}
			found = true
			if c.Secure != tt.secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 0 || !c.Expires.IsZero() {
				t.Errorf("%s: got %+v", name, c)
			}
		}
		if !found {
			t.Errorf("%s: no cookie %s in %v", name, tt.name, got.Cookies())
		}
		if hsts := got.Header.Get("Strict-Transport-Security"); (hsts != "") != tt.secure {
			t.Errorf("%s: HSTS is %q", name, hsts)
		}
	}
}

// Too many failures are told with the time when it goes on, on the clock of the test.
func TestLoginIsThrottled(t *testing.T) {
	h, s := live(t, Config{})
	b := s.as(t, "")
	for i := range 5 {
		b.post("/login", "/login", "name", "olga", "password", fmt.Sprint("wrong", i)).wants(t, http.StatusUnprocessableEntity)
	}
	got := b.post("/login", "/login", "name", "olga", "password", "secret of olga")
	got.wants(t, http.StatusTooManyRequests, "Too many attempts", "You can try again in 1 minute.")
	if after := got.Header.Get("Retry-After"); after != "30" {
		t.Errorf("Retry-After: got %q", after)
	}
	admin := s.as(t, "")
	admin.post("/login", "/login", "name", "adam", "password", "secret of adam").wants(t, http.StatusSeeOther)
	h.later(30 * time.Second)
	b.login("olga")
}

// An operator sees who is blocked, and lifts it.
func TestBans(t *testing.T) {
	_, s := live(t, Config{})
	b, stranger := s.as(t, ""), s.as(t, "")
	b.login("olga")
	b.get("/bans").wants(t, http.StatusOK, "Nobody is blocked.")
	for i := range 5 {
		stranger.post("/login", "/login", "name", "ann@example.org", "password", fmt.Sprint("wrong", i))
	}
	page := b.get("/bans")
	page.wants(t, http.StatusOK, "ann@example.org · 127.0.0.0/24", "this account from this network", "20 Nov 2026, 12:00")
	id := find(t, `name="id" value="([^"]+)"`, page.body)
	b.post("/bans", "/bans/lift", "id", id).wants(t, http.StatusSeeOther)
	b.get("/bans").wants(t, http.StatusOK, "Nobody is blocked.", "The block is lifted.")
	b.post("/bans", "/bans/lift", "id", id).wants(t, http.StatusSeeOther)
	b.get("/bans").wants(t, http.StatusOK, "was over already")
	stranger.login("ann@example.org")
}

// What inside lets through leads to our own host, as a browser reads it (and browsers
// take a backslash for a slash, and leave out tabs and line ends).
func FuzzInside(f *testing.F) {
	for _, s := range []string{"/", "/quarantine?a=b", "//x", `/\x`, "/\t/x", "https://x", "/%2f/x", "/..//x"} {
		f.Add(s)
	}
	ours, err := url.Parse("https://mail.example.org/login")
	if err != nil {
		f.Fatal(err)
	}
	read := strings.NewReplacer(`\`, "/", "\t", "", "\r", "", "\n", "")
	f.Fuzz(func(t *testing.T, to string) {
		got := inside(to)
		there, err := ours.Parse(read.Replace(got))
		if err != nil || there.Host != ours.Host || there.Scheme != "https" || strings.HasPrefix(got, "//") {
			t.Errorf("%q leads to %v (%v)", to, there, err)
		}
	})
}

// The page of blocks shows no name that nobody has: it may be a password.
func TestBansShowNoUnknownNames(t *testing.T) {
	_, s := live(t, Config{})
	b, stranger := s.as(t, ""), s.as(t, "")
	b.login("olga")
	for _, name := range []string{"my-secret-password", "a\u202eb@example.org"} {
		for i := range 5 {
			stranger.post("/login", "/login", "name", name, "password", strings.Repeat("x", i+1))
		}
	}
	body := b.get("/bans").body
	if strings.Contains(body, "secret-password") || strings.Contains(body, "\u202e") || !strings.Contains(body, "a name that nobody has") {
		t.Errorf("got %s", body)
	}
}

// Who wants to stay logged in has a cookie that outlives the browser, and a session that is idle for weeks.
func TestStay(t *testing.T) {
	h, s := live(t, Config{})
	stays, goes := s.as(t, ""), s.as(t, "")
	got := stays.post("/login", "/login", "name", "olga", "password", "secret of olga", "stay", "on")
	goes.login("adam")
	kept := 0
	for _, c := range got.Cookies() {
		if c.Name == sessionCookie {
			kept = c.MaxAge
		}
	}
	if kept != 90*24*3600 {
		t.Errorf("the browser keeps it for %d s", kept)
	}
	h.later(29 * 24 * time.Hour)
	stays.get("/account").wants(t, http.StatusOK, "olga")
	goes.get("/account").wants(t, http.StatusSeeOther)
	h.later(30 * 24 * time.Hour)
	stays.get("/account").wants(t, http.StatusSeeOther)
}
