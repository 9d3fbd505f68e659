package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/access"
	"gatepost/test/fresh"
)

// A house is who can log in, in tests: persons(), each with the password "secret of "
// and the name, on a clock that tests turn.
type house struct {
	mu       sync.Mutex
	now      time.Time
	password map[string]string // by name
	language map[string]string
	out      map[string]bool // suspended
	away     map[string]bool // passwords that are kept elsewhere
	desk     *access.Desk
	log      *safeBuffer
}

// live serves pages with log-ins until the test ends.
func live(t *testing.T, c Config) (*house, *site) {
	t.Helper()
	h := &house{now: noon, password: map[string]string{}, language: map[string]string{}, out: map[string]bool{}, away: map[string]bool{}, log: &safeBuffer{}}
	for _, p := range persons() {
		h.password[p.Name] = "secret of " + p.Name
	}
	db := fresh.Open(t)
	h.desk = access.NewDesk(access.Config{People: h, Rows: db.Access(), Keys: db.Secret, Log: slog.New(slog.NewTextHandler(h.log, nil)), Now: h.clock})
	c.Desk, c.Accounts, c.Now = h.desk, h, h.clock
	if c.Settings == nil {
		c.Settings = &fakeSettings{}
	}
	return h, start(t, c)
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) later(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

func (h *house) person(is func(access.Person) bool) (access.Person, string, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range persons() {
		if is(p) && !h.out[p.Name] {
			p.Language = h.language[p.Name]
			return p, h.password[p.Name] + string(p.Role), true
		}
	}
	return access.Person{}, "", false
}

// LogIn implements access.People.
func (h *house) LogIn(_ context.Context, name, password string) (access.Person, string, error) {
	p, mark, ok := h.person(func(p access.Person) bool { return p.Name == name })
	if !ok || mark != password+string(p.Role) {
		return access.Person{}, "", access.ErrLogin
	}
	return p, mark, nil
}

// Find implements access.People.
func (h *house) Find(_ context.Context, who access.ID) (access.Person, string, bool) {
	return h.person(func(p access.Person) bool { return p.Kind == who.Kind && p.ID == who.Number })
}

// SetLanguage implements Accounts.
func (h *house) SetLanguage(_ context.Context, p access.Person, lang string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.language[p.Name] = lang
	return nil
}

// Elsewhere implements Accounts.
func (h *house) Elsewhere(p access.Person) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.away[p.Name]
}

// Has implements Accounts.
func (h *house) Has(name string) bool {
	_, _, ok := h.person(func(p access.Person) bool { return p.Name == name })
	return ok
}

// SetPassword implements Accounts.
func (h *house) SetPassword(_ context.Context, p access.Person, password string) error {
	if strings.Contains(password, "\x01") {
		return ErrPassword
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.password[p.Name] = password
	return nil
}

// login logs a browser in, and fails the test where it can't.
func (b *browser) login(name string) {
	b.t.Helper()
	got := b.post("/login", "/login", "name", name, "password", "secret of "+name, "to", "/account")
	if got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != "/account" {
		b.t.Fatalf("log-in of %s: got %s to %q\n%s", name, got.Status, got.Header.Get("Location"), got.body)
	}
}

// fakeSettings has those of the mailboxes ann@example.org (7) and zoe@example.net (9).
type fakeSettings struct {
	mu  sync.Mutex
	set MailboxSettings
	n   int
}

// Settings implements Settings.
func (f *fakeSettings) Settings(_ context.Context, address string) (MailboxSettings, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.n > 0 && f.set.Address == address:
		return f.set, nil
	case address == "ann@example.org":
		return MailboxSettings{Address: address, Domain: "example.org", Box: 7, DomainDisposition: "quarantine", Open: []string{"level", "lock"}, DigestHours: []int{6, 18}, Digest: true}, nil
	case address == "zoe@example.net":
		return MailboxSettings{Address: address, Domain: "example.net", Box: 9, DomainDisposition: "junk"}, nil
	}
	return MailboxSettings{}, ErrNoMailbox
}

// SetSettings implements Settings.
func (f *fakeSettings) SetSettings(_ context.Context, m MailboxSettings) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.set = m
	f.n++
	return nil
}

// SetLock implements Settings.
func (f *fakeSettings) SetLock(ctx context.Context, address string, locked bool, _ access.Person) error {
	m, err := f.Settings(ctx, address)
	if err == nil {
		m.Locked = locked
		err = f.SetSettings(ctx, m)
	}
	return err
}

var errOops = errors.New("oops: the disk is full of s3cret")

// find returns what a pattern has in its brackets.
func find(t *testing.T, pattern, text string) string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("%s is not in\n%s", pattern, text)
	}
	return m[1]
}
