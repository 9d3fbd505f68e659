package web

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"image/png"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/password"
)

func TestLanguage(t *testing.T) {
	_, s := live(t, Config{Language: "fr"})
	b := s.as(t, "")
	b.get("/login").wants(t, http.StatusOK, `<html lang="fr">`, "Se connecter")
	b.head.Set("Accept-Language", "en")
	b.get("/login").wants(t, http.StatusOK, `<html lang="en">`)
	b.login("olga")
	b.post("/account", "/account/language", "language", "fr").wants(t, http.StatusSeeOther)
	b.get("/account").wants(t, http.StatusOK, `<html lang="fr">`, "La langue est enregistrée.", `<option value="fr" lang="fr" selected>`)
	b.post("/account", "/account/language", "language", "").wants(t, http.StatusSeeOther)
	b.get("/account").wants(t, http.StatusOK, `<html lang="en">`)
	b.post("/account", "/account/language", "language", "tlh").wants(t, http.StatusBadRequest)
}

// A new password ends all other sessions, and gives this one another secret.
func TestPassword(t *testing.T) {
	leaked := filepath.Join(t.TempDir(), "leaked")
	if err := os.WriteFile(leaked, fmt.Appendf(nil, "%x:7\n", sha1.Sum([]byte("two small boats"))), 0o600); err != nil {
		t.Fatal(err)
	}
	h, s := live(t, Config{Passwords: password.Rules{Leaked: leaked}})
	b, other := s.as(t, ""), s.as(t, "")
	b.login("olga")
	other.login("olga")
	stolen := s.as(t, "")
	stolen.jar[sessionCookie] = b.jar[sessionCookie]
	long := strings.Repeat("a", maxCredential+1)
	for name, tt := range map[string]struct{ old, fresh, again, want string }{
		"wrong":     {"wrong", "correct horse", "correct horse", "This is not your current password."},
		"short":     {"secret of olga", "horse", "horse", "This is too short."},
		"common":    {"secret of olga", "Password2026", "Password2026", "one of the first that anybody would try"},
		"leaked":    {"secret of olga", "two small boats", "two small boats", "found in data that was stolen"},
		"different": {"secret of olga", "correct horse", "correct house", "The two are not the same."},
		"control":   {"secret of olga", "correct\x01horse", "correct\x01horse", "This can’t be a password"},
		"long":      {"secret of olga", long, long, "This can’t be a password"},
	} {
		b.t.Log(name)
		b.post("/account/password", "/account/password", "old", tt.old, "new", tt.fresh, "again", tt.again).wants(t, http.StatusUnprocessableEntity, tt.want, `aria-invalid="true"`)
	}
	other.get("/account").wants(t, http.StatusOK)
	b.post("/account/password", "/account/password", "old", "secret of olga", "new", "correct horse", "again", "correct horse").wants(t, http.StatusSeeOther)
	b.get("/account").wants(t, http.StatusOK, "The password is changed")
	if h.password["olga"] != "correct horse" {
		t.Errorf("the password is %q", h.password["olga"])
	}
	other.get("/account").wants(t, http.StatusSeeOther)
	stolen.get("/account").wants(t, http.StatusSeeOther)
	// By a command, say.
	h.SetPassword(t.Context(), persons()["operator"], "another one")
	b.get("/account").wants(t, http.StatusSeeOther)
}

// Sessions are listed, and closed.
func TestSessions(t *testing.T) {
	h, s := live(t, Config{})
	b, other, third := s.as(t, ""), s.as(t, ""), s.as(t, "")
	third.head.Set("User-Agent", `<script>alert("Phone")</script>`)
	for _, one := range []*browser{b, other, third} {
		h.later(time.Minute)
		one.login("olga")
	}
	page := b.get("/account")
	page.wants(t, http.StatusOK, "&lt;script&gt;alert", "20 Nov 2026, 12:03", "Close all other sessions")
	ids := regexp.MustCompile(`name="id" value="([0-9a-f]{64})"`).FindAllStringSubmatch(page.body, -1)
	if len(ids) != 2 {
		t.Fatalf("%d sessions can be closed, want 2", len(ids))
	}
	b.post("/account", "/account/close", "id", ids[0][1]).wants(t, http.StatusSeeOther) // the one seen last
	third.get("/account").wants(t, http.StatusSeeOther)
	other.get("/account").wants(t, http.StatusOK)
	stranger := s.as(t, "")
	stranger.login("adam")
	stranger.post("/account", "/account/close", "id", ids[1][1]).wants(t, http.StatusSeeOther)
	other.get("/account").wants(t, http.StatusOK)
	b.post("/account", "/account/close-others").wants(t, http.StatusSeeOther)
	b.get("/account").wants(t, http.StatusOK, "1 session is closed.")
	other.get("/account").wants(t, http.StatusSeeOther)
}

// appCode is what an app shows for a secret, made from RFC 6238 once more.
func appCode(t *testing.T, secret string, now time.Time) string {
	t.Helper()
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ReplaceAll(secret, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	h := hmac.New(sha1.New, key)
	binary.Write(h, binary.BigEndian, now.Unix()/30)
	sum := h.Sum(nil)
	n := binary.BigEndian.Uint32(sum[sum[19]&15:]) &^ (1 << 31)
	return fmt.Sprintf("%06d", n%1_000_000)
}

// A person sets up a second factor, logs in with it, and with a recovery code; no secret
// of it is in a log.
func TestFactorPages(t *testing.T) {
	h, s := live(t, Config{})
	b := s.as(t, "")
	b.login("olga")
	page := b.get("/account/factor")
	page.wants(t, http.StatusOK, "Set up a second factor")
	secret := find(t, `<code class="secret">([A-Z2-7 ]+)</code>`, page.body)
	picture, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(find(t, `src="data:image/png;base64,([^"]+)"`, page.body), "&#43;", "+"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := png.Decode(bytes.NewReader(picture)); err != nil {
		t.Errorf("the picture: %v", err)
	}
	if again := find(t, `<code class="secret">([A-Z2-7 ]+)</code>`, b.get("/account/factor").body); again != secret {
		t.Errorf("offered again: got %q, want %q", again, secret)
	}
	code := func() string { return appCode(t, secret, h.clock()) }
	b.post("/account/factor", "/account/factor", "code", code(), "password", "wrong").wants(t, http.StatusUnprocessableEntity, "This is not your current password.", secret)
	b.post("/account/factor", "/account/factor", "code", "123", "password", "secret of olga").wants(t, http.StatusUnprocessableEntity, "This code is wrong")
	shown := b.post("/account/factor", "/account/factor", "code", code(), "password", "secret of olga")
	shown.wants(t, http.StatusOK, "The second factor is on.")
	codes := regexp.MustCompile(`<code class="secret">([a-z2-7]{5}-[a-z2-7]{5})</code>`).FindAllStringSubmatch(shown.body, -1)
	if len(codes) != 10 {
		t.Fatalf("%d recovery codes", len(codes))
	}
	if page := b.get("/account/factor"); strings.Contains(page.body, codes[0][1]) || strings.Contains(page.body, secret) {
		t.Error("codes or secret are shown again")
	}
	h.later(time.Minute)
	for _, tt := range []struct{ name, code, left string }{
		{"a code", code(), "10 recovery codes"}, {"a recovery code", codes[4][1], "9 recovery codes"},
	} {
		again := s.as(t, "")
		got := again.post("/login", "/login", "name", "olga", "password", "secret of olga", "to", "/bans")
		if to := got.Header.Get("Location"); to != "/login/code?to=%2Fbans" {
			t.Fatalf("%s: led to %q", tt.name, to)
		}
		again.get("/account").wants(t, http.StatusSeeOther)
		again.post("/login/code", "/login/code", "code", "000000").wants(t, http.StatusUnprocessableEntity, "This code is wrong")
		got = again.post("/login/code?to=/bans", "/login/code", "code", tt.code, "to", "/bans")
		if to := got.Header.Get("Location"); to != "/bans" || len(again.jar) != 1 {
			t.Fatalf("%s: led to %q (%s), cookies %q", tt.name, to, got.Status, again.jar)
		}
		again.get("/account").wants(t, http.StatusOK, tt.left, "olga")
	}
	h.later(time.Minute)
	fresh := b.post("/account/factor", "/account/factor/codes", "code", code())
	fresh.wants(t, http.StatusOK, "Your recovery codes")
	h.later(time.Minute)
	b.post("/account/factor", "/account/factor/end", "code", codes[5][1]).wants(t, http.StatusUnprocessableEntity)
	b.post("/account/factor", "/account/factor/end", "code", code()).wants(t, http.StatusSeeOther)
	b.get("/account").wants(t, http.StatusOK, "The second factor is off.", "Set up a second factor")
	logs := s.log.String() + h.log.String()
	for _, text := range []string{secret, strings.ReplaceAll(secret, " ", ""), codes[0][1], codes[4][1], "secret of olga", b.jar[sessionCookie]} {
		if strings.Contains(logs, text) {
			t.Errorf("the log has %q in it", text)
		}
	}
}

// The second step without the first leads back to it.
func TestCodeNeedsPassword(t *testing.T) {
	_, s := live(t, Config{})
	b := s.as(t, "")
	b.jar[stepCookie] = strings.Repeat("A", 43)
	b.post("/login/code", "/login/code", "code", "123456").wants(t, http.StatusSeeOther)
	b.get("/login").wants(t, http.StatusOK, "Please log in once more.")
	b.login("olga")
	b.jar[stepCookie] = b.jar[sessionCookie] // a session that does not wait
	b.post("/account", "/login/code", "code", "123456").wants(t, http.StatusSeeOther)
}

func TestSettings(t *testing.T) {
	settings := &fakeSettings{}
	_, s := live(t, Config{Settings: settings})
	owner, admin, desk := s.as(t, ""), s.as(t, ""), s.as(t, "")
	owner.login("ann@example.org")
	admin.login("adam")
	desk.login("hanna")
	owner.get("/settings").wants(t, http.StatusOK, "ann@example.org", "The domain decides: it is held in quarantine", "6:00, 18:00 (UTC)", `name="level"`)
	owner.get("/settings?mailbox=zoe@example.net").wants(t, http.StatusOK, "ann@example.org") // the own one, whatever is asked for
	// Only what is open is changed; a box that is not shown changes nothing.
	owner.post("/settings", "/settings", "mailbox", "zoe@example.net", "language", "fr", "level", "3", "disposition", "tag").wants(t, http.StatusSeeOther)
	got := settings.set
	if got.Address != "ann@example.org" || got.Level != 3 || got.Disposition != "" || got.Language != "fr" || !got.Digest {
		t.Errorf("by the owner: got %+v", got)
	}
	for _, bad := range [][]string{{"level", "8"}, {"level", "x"}, {"level", "-1"}, {"level", "1", "language", "xx"}} {
		owner.post("/settings", "/settings", bad...).wants(t, http.StatusBadRequest)
	}
	admin.get("/settings").wants(t, http.StatusOK, "Which mailbox?")
	admin.get("/settings?mailbox=ann@example.org").wants(t, http.StatusOK, `name="level"`, "The domain decides")
	admin.post("/settings", "/settings", "mailbox", "ann@example.org", "level", "0", "disposition", "junk").wants(t, http.StatusSeeOther)
	if got := settings.set; got.Level != 0 || got.Disposition != "" || !got.Digest {
		t.Errorf("by the admin: got %+v", got)
	}
	settings.set.Open = []string{"disposition", "digest"}
	owner.get("/settings").wants(t, http.StatusOK, `name="disposition"`, `name="digest" checked`)
	owner.post("/settings", "/settings", "disposition", "junk", "level", "5").wants(t, http.StatusSeeOther)
	if got := settings.set; got.Level != 0 || got.Disposition != "junk" || got.Digest {
		t.Errorf("with other fields: got %+v", got)
	}
	owner.post("/settings", "/settings", "disposition", "burn").wants(t, http.StatusBadRequest)
	n := settings.n
	for _, address := range []string{"zoe@example.net", "nobody@example.org"} { // another domain's is as if it were not
		admin.get("/settings?mailbox="+address).wants(t, http.StatusNotFound, "There is no mailbox "+address)
		admin.post("/settings", "/settings", "mailbox", address, "level", "0").wants(t, http.StatusNotFound)
	}
	desk.get("/settings?mailbox=ann@example.org").wants(t, http.StatusOK, "ann@example.org", "disabled")
	desk.post("/settings", "/settings", "mailbox", "ann@example.org", "level", "0").wants(t, http.StatusForbidden)
	if settings.n != n {
		t.Error("something was changed that must not be")
	}
}

// knownRecovery knows of an address.
type knownRecovery struct{ Recoveries }

func (knownRecovery) Recovery(context.Context, int64) (access.Recovery, error) {
	return access.Recovery{Address: "ann@elsewhere.example", Since: noon}, nil
}

// Where links would lead nowhere none can be asked for.
func TestRecoveryWithoutURL(t *testing.T) {
	_, s := live(t, Config{Recoveries: knownRecovery{}})
	b := s.as(t, "")
	b.login("ann@example.org")
	if page := b.get("/account"); strings.Contains(page.body, "/account/recovery") {
		t.Error("it is offered")
	}
	b.get("/account/recovery").wants(t, http.StatusNotFound)
	b.post("/account", "/account/recovery", "address", "ann@elsewhere.example", "password", "secret of ann@example.org").wants(t, http.StatusNotFound)
}

// An owner whose password is kept elsewhere is told so, and is offered nothing that would do nothing.
func TestPasswordKeptElsewhere(t *testing.T) {
	h, s := live(t, Config{URL: "http://mail.example.org", Recoveries: knownRecovery{}})
	b := s.as(t, "")
	b.login("ann@example.org")
	b.get("/account").wants(t, http.StatusOK, `href="/account/password"`, `href="/account/recovery"`)
	h.mu.Lock()
	h.away["ann@example.org"] = true
	h.mu.Unlock()
	page := b.get("/account")
	page.wants(t, http.StatusOK, "kept in your organisation")
	for _, way := range []string{"/account/password", "/account/recovery"} {
		if strings.Contains(page.body, way) {
			t.Errorf("%s is offered", way)
		}
	}
	b.get("/account/recovery").wants(t, http.StatusNotFound)
	if at := b.get("/account/password").Header.Get("Location"); at != "/account" {
		t.Errorf("the form leads to %q", at)
	}
}
