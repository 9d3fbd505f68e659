package access_test

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/access"
	"gatepost/test/fresh"
)

// house is a Desk over a store, with a clock that tests turn and people that they change.
type house struct {
	*access.Desk
	log strings.Builder

	mu     sync.Mutex
	now    time.Time
	people map[string]*known
}

// known is somebody who can log in.
type known struct {
	person    access.Person
	password  string
	suspended bool
}

func (k *known) mark() string { return k.password + "/" + string(k.person.Role) }

// LogIn implements access.People.
func (h *house) LogIn(_ context.Context, name, password string) (access.Person, string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	k := h.people[name]
	switch {
	case k == nil || k.password != password:
		return access.Person{}, "", access.ErrLogin
	case k.suspended:
		return access.Person{}, "", access.ErrSuspended
	}
	return k.person, k.mark(), nil
}

// Find implements access.People.
func (h *house) Find(_ context.Context, who access.ID) (access.Person, string, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, k := range h.people {
		if k.person.Kind == who.Kind && k.person.ID == who.Number && !k.suspended {
			return k.person, k.mark(), true
		}
	}
	return access.Person{}, "", false
}

// change lets a test change somebody.
func (h *house) change(name string, f func(*known)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f(h.people[name])
}

func (h *house) later(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

func open(t *testing.T) *house {
	t.Helper()
	h := &house{now: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC), people: map[string]*known{
		"ann@example.org": {person: access.Person{Kind: access.KindMailbox, ID: 7, Box: 7, Name: "ann@example.org", Role: access.Owner}, password: "right"},
		"olga":            {person: access.Person{Kind: access.KindAdmin, ID: 8, Name: "olga", Role: access.Operator}, password: "right too"},
	}}
	db := fresh.Open(t)
	h.Desk = access.NewDesk(access.Config{
		People: h, Rows: db.Access(), Keys: db.Secret, Log: slog.New(slog.NewTextHandler(&h.log, nil)),
		Now: func() time.Time {
			h.mu.Lock()
			defer h.mu.Unlock()
			return h.now
		},
	})
	return h
}

var home = access.Client{Addr: netip.MustParseAddr("192.0.2.1"), Agent: "Browser/1"}

func (h *house) logIn(t *testing.T, name, password string) string {
	t.Helper()
	ticket, err := h.enter(t.Context(), name, password)
	if err != nil {
		t.Fatal(err)
	}
	return ticket.Secret
}

// enter logs in at the desk, from home.
func (h *house) enter(ctx context.Context, name, password string) (access.Ticket, error) {
	return h.Desk.LogIn(ctx, name, password, home)
}

func (h *house) wants(t *testing.T, when, secret string, want error) access.Person {
	t.Helper()
	p, _, err := h.Recognise(t.Context(), secret, home)
	if !errors.Is(err, want) || want == nil && err != nil {
		t.Errorf("%s: got %v, %v; want %v", when, p, err, want)
	}
	return p
}

func TestSession(t *testing.T) {
	h := open(t)
	secret := h.logIn(t, "ann@example.org", "right")
	if p := h.wants(t, "at once", secret, nil); p.Name != "ann@example.org" || p.Box != 7 {
		t.Errorf("got %+v", p)
	}
	if other := h.logIn(t, "ann@example.org", "right"); other == secret || len(other) != 43 {
		t.Errorf("a second session: got %q after %q", other, secret)
	}
	h.wants(t, "another secret", secret[1:], access.ErrNoSession)
	h.wants(t, "nothing", "", access.ErrNoSession)
	if strings.Contains(h.log.String(), secret) || strings.Contains(h.log.String(), "right") {
		t.Errorf("the log has what it must not have: %s", h.log.String())
	}
}

func TestSessionsEnd(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, h *house, secret string) error{
		"12 hours idle": func(_ *testing.T, h *house, _ string) error { h.later(12 * time.Hour); return nil },
		"a week": func(t *testing.T, h *house, secret string) error {
			for range 7*24 - 1 {
				h.later(time.Hour)
				h.wants(t, "in use", secret, nil)
			}
			h.later(time.Hour)
			return nil
		},
		"another password": func(_ *testing.T, h *house, _ string) error {
			h.change("ann@example.org", func(k *known) { k.password = "new" })
			return nil
		},
		"another role": func(_ *testing.T, h *house, _ string) error {
			h.change("ann@example.org", func(k *known) { k.person.Role = access.Helpdesk })
			return nil
		},
		"suspended": func(_ *testing.T, h *house, _ string) error {
			h.change("ann@example.org", func(k *known) { k.suspended = true })
			return nil
		},
		"removed":    func(_ *testing.T, h *house, _ string) error { delete(h.people, "ann@example.org"); return nil },
		"logged out": func(t *testing.T, h *house, secret string) error { return h.LogOut(t.Context(), secret) },
		"closed": func(t *testing.T, h *house, secret string) error {
			p, id, err := h.Recognise(t.Context(), secret, home)
			return errors.Join(err, h.Close(t.Context(), p, id, p.By()))
		},
		"all closed": func(t *testing.T, h *house, secret string) error {
			p, _, err := h.Recognise(t.Context(), secret, home)
			_, err2 := h.CloseAll(t.Context(), p, "", p.By())
			return errors.Join(err, err2)
		},
		"expired": func(t *testing.T, h *house, _ string) error {
			h.later(7 * 24 * time.Hour)
			return h.Expire(t.Context(), h.now)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			other := h.logIn(t, "olga", "right too")
			secret := h.logIn(t, "ann@example.org", "right")
			h.wants(t, "before", secret, nil)
			if err := end(t, h, secret); err != nil {
				t.Fatal(err)
			}
			h.wants(t, "after", secret, access.ErrNoSession)
			if name == "12 hours idle" || name == "a week" || name == "expired" {
				return
			}
			h.wants(t, "somebody else", other, nil)
		})
	}
}

// A session in use goes on; the row is written once a minute at most.
func TestSessionSeen(t *testing.T) {
	h := open(t)
	secret := h.logIn(t, "olga", "right too")
	seen := func() time.Time {
		p, _, err := h.Recognise(t.Context(), secret, access.Client{Addr: netip.MustParseAddr("2001:db8::9"), Agent: "B\x1b[2J/2"})
		if err != nil {
			t.Fatal(err)
		}
		all, err := h.Sessions(t.Context(), p)
		if err != nil || len(all) != 1 {
			t.Fatalf("got %v, %v; want one session", all, err)
		}
		return all[0].Seen
	}
	start := h.now
	h.later(59 * time.Second)
	if got := seen(); !got.Equal(start) {
		t.Errorf("after 59 s: got %v, want %v", got, start)
	}
	h.later(time.Second)
	if got := seen(); !got.Equal(h.now) {
		t.Errorf("after a minute: got %v, want %v", got, h.now)
	}
	p, id, _ := h.Recognise(t.Context(), secret, home)
	all, _ := h.Sessions(t.Context(), p)
	if all[0].ID != id || all[0].Client.String() != "2001:db8::9" || all[0].Agent != "B[2J/2" {
		t.Errorf("got %+v", all[0])
	}
}

// Nobody closes the session of somebody else.
func TestCloseOfOthers(t *testing.T) {
	h := open(t)
	secret, other := h.logIn(t, "ann@example.org", "right"), h.logIn(t, "olga", "right too")
	ann, id, _ := h.Recognise(t.Context(), secret, home)
	olga, _, _ := h.Recognise(t.Context(), other, home)
	if err := h.Close(t.Context(), olga, id, "somebody"); err != nil {
		t.Fatal(err)
	}
	h.wants(t, "closed by another", secret, nil)
	if n, err := h.CloseAll(t.Context(), olga, "", olga.By()); n != 1 || err != nil {
		t.Errorf("got %d, %v; want 1", n, err)
	}
	h.wants(t, "all of another closed", secret, nil)
	fresh, err := h.Renew(t.Context(), ann, home)
	if err != nil {
		t.Fatal(err)
	}
	h.wants(t, "renewed: the old one", secret, access.ErrNoSession)
	h.wants(t, "renewed: the new one", fresh, nil)
}

func TestLogInRefuses(t *testing.T) {
	h := open(t)
	h.change("olga", func(k *known) { k.suspended = true })
	for name, tt := range map[string]struct {
		name, password string
		want           error
	}{
		"wrong password":            {"ann@example.org", "wrong", access.ErrLogin},
		"unknown":                   {"nobody", "right", access.ErrLogin},
		"suspended":                 {"olga", "right too", access.ErrSuspended},
		"suspended, wrong password": {"olga", "wrong", access.ErrLogin},
		"somebody else's password":  {"olga", "right", access.ErrLogin},
		"nothing":                   {"", "", access.ErrLogin},
	} {
		if _, err := h.enter(t.Context(), tt.name, tt.password); err != tt.want {
			t.Errorf("%s: got %v, want %v", name, err, tt.want)
		}
	}
}

// After too many wrong passwords the right one is not looked at, either; unknown names
// are treated like others.
func TestLogInIsBlocked(t *testing.T) {
	for _, name := range []string{"ann@example.org", "nobody@example.org"} {
		h := open(t)
		for i := range 5 {
			if _, err := h.enter(t.Context(), name, "wrong"+string(rune('a'+i))); err != access.ErrLogin {
				t.Errorf("%s, %d: got %v, want ErrLogin", name, i, err)
			}
		}
		var blocked access.Blocked
		if _, err := h.enter(t.Context(), name, "right"); !errors.As(err, &blocked) || !blocked.Until.Equal(h.now.Add(30*time.Second)) {
			t.Errorf("%s: got %v, want blocked for 30 s", name, err)
		}
		h.later(30 * time.Second)
		if _, err := h.enter(t.Context(), name, "wrong again"); err != access.ErrLogin {
			t.Errorf("%s, later: got %v, want ErrLogin", name, err)
		}
		if _, err := h.enter(t.Context(), name, "right"); !errors.As(err, &blocked) || !blocked.Until.Equal(h.now.Add(time.Minute)) {
			t.Errorf("%s: got %v, want blocked for a minute", name, err)
		}
		blocks := h.Blocks()
		if len(blocks) != 1 || blocks[0].Account != name || blocks[0].Network.String() != "192.0.2.0/24" || blocks[0].Failures != 6 {
			t.Fatalf("%s: got %+v", name, blocks)
		}
		if !h.Lift(blocks[0].ID) || h.Lift(blocks[0].ID) || len(h.Blocks()) != 0 {
			t.Errorf("%s: not lifted, once", name)
		}
		if _, err := h.enter(t.Context(), "ann@example.org", "right"); err != nil {
			t.Errorf("%s, lifted: got %v", name, err)
		}
	}
}

// enrol gives somebody a second factor.
func (h *house) enrol(t *testing.T, name, password string) (secret []byte, recovery []string) {
	t.Helper()
	p, id, err := h.Recognise(t.Context(), h.logIn(t, name, password), home)
	if err != nil {
		t.Fatal(err)
	}
	offer, err := h.OfferFactor(t.Context(), p, id)
	if err != nil {
		t.Fatal(err)
	}
	secret = access.Decode(offer.Secret)
	if recovery, err = h.TakeFactor(t.Context(), p, id, access.Code(secret, h.now)); err != nil {
		t.Fatal(err)
	}
	return secret, recovery
}

func TestSecondFactor(t *testing.T) {
	h := open(t)
	elsewhere := h.logIn(t, "ann@example.org", "right")
	secret, recovery := h.enrol(t, "ann@example.org", "right")
	h.wants(t, "a session from before", elsewhere, access.ErrNoSession)
	if len(recovery) != 10 || len(recovery[0]) != 11 {
		t.Errorf("recovery codes: got %q", recovery)
	}
	ticket, err := h.enter(t.Context(), "ann@example.org", "right")
	if err != nil || !ticket.Waits {
		t.Fatalf("got %+v, %v; want it to wait", ticket, err)
	}
	h.wants(t, "waiting", ticket.Secret, access.ErrNoSession)
	used := access.Code(secret, h.now) // at enrolment
	if _, err := h.Confirm(t.Context(), ticket.Secret, used, home); err != access.ErrCode {
		t.Errorf("a code that was used: got %v, want ErrCode", err)
	}
	h.later(30 * time.Second)
	code := access.Code(secret, h.now)
	next, err := h.Confirm(t.Context(), ticket.Secret, code[:3]+" "+code[3:], home)
	if err != nil || next.Secret == ticket.Secret || next.Waits {
		t.Fatalf("got %+v, %v", next, err)
	}
	h.wants(t, "confirmed", next.Secret, nil)
	h.wants(t, "the secret from before", ticket.Secret, access.ErrNoSession)
	if _, err := h.Confirm(t.Context(), ticket.Secret, code, home); err != access.ErrNoSession {
		t.Errorf("confirmed twice: got %v", err)
	}
	// The same code again, in another log-in: replayed.
	ticket, _ = h.enter(t.Context(), "ann@example.org", "right")
	if _, err := h.Confirm(t.Context(), ticket.Secret, code, home); err != access.ErrCode {
		t.Errorf("replayed: got %v, want ErrCode", err)
	}
	for i, want := range []error{nil, access.ErrCode} {
		ticket, _ = h.enter(t.Context(), "ann@example.org", "right")
		if _, err := h.Confirm(t.Context(), ticket.Secret, strings.ToUpper(recovery[3]), home); err != want {
			t.Errorf("recovery code, time %d: got %v, want %v", i+1, err, want)
		}
	}
	p := h.people["ann@example.org"].person
	if f, err := h.Factor(t.Context(), p); err != nil || f.Codes != 9 || !f.Confirmed || f.Sealed != nil {
		t.Errorf("got %+v, %v", f, err)
	}
	for _, text := range append(recovery, code, used, "right") {
		if strings.Contains(h.log.String(), text) {
			t.Errorf("the log has %q in it", text)
		}
	}
}

// A password that is right does not make guesses of a code free.
func TestSecondFactorIsNotGuessed(t *testing.T) {
	h := open(t)
	secret, _ := h.enrol(t, "ann@example.org", "right")
	h.later(time.Minute)
	var blocked access.Blocked
	tries := 0
	for ; tries < 100; tries++ {
		ticket, err := h.enter(t.Context(), "ann@example.org", "right")
		if err != nil {
			t.Fatal(err)
		}
		wrong := []byte("000000")
		wrong[tries%6] = byte('1' + tries/6)
		if _, err = h.Confirm(t.Context(), ticket.Secret, string(wrong), home); errors.As(err, &blocked) {
			break
		}
	}
	if tries != 5 {
		t.Errorf("%d guesses were free", tries)
	}
	ticket, _ := h.enter(t.Context(), "ann@example.org", "right")
	if _, err := h.Confirm(t.Context(), ticket.Secret, access.Code(secret, h.now), home); !errors.As(err, &blocked) {
		t.Errorf("the right code, blocked: got %v", err)
	}
	if b := h.Blocks(); len(b) != 1 || !b[0].Code || b[0].Account != "ann@example.org" {
		t.Errorf("got %+v", b)
	}
}

// A waiting session is bound to the password: it ends with it, and soon.
func TestWaitingEnds(t *testing.T) {
	for name, end := range map[string]func(*house){
		"after ten minutes": func(h *house) { h.later(10 * time.Minute) },
		"another password":  func(h *house) { h.change("ann@example.org", func(k *known) { k.password = "new" }) },
	} {
		h := open(t)
		secret, _ := h.enrol(t, "ann@example.org", "right")
		ticket, err := h.enter(t.Context(), "ann@example.org", "right")
		if err != nil {
			t.Fatal(err)
		}
		h.later(30 * time.Second)
		end(h)
		if _, err := h.Confirm(t.Context(), ticket.Secret, access.Code(secret, h.now), home); err != access.ErrNoSession {
			t.Errorf("%s: got %v, want ErrNoSession", name, err)
		}
	}
}

func TestFactorChanges(t *testing.T) {
	h := open(t)
	secret, old := h.enrol(t, "olga", "right too")
	p := h.people["olga"].person
	if _, err := h.OfferFactor(t.Context(), p, "session"); err == nil {
		t.Error("somebody with a factor was offered another")
	}
	if _, err := h.TakeFactor(t.Context(), p, "", access.Code(secret, h.now)); err != access.ErrNoFactor {
		t.Errorf("taken twice: got %v", err)
	}
	h.later(30 * time.Second)
	if _, err := h.NewCodes(t.Context(), p, "123", home); err != access.ErrCode {
		t.Errorf("new codes for a wrong code: got %v", err)
	}
	fresh, err := h.NewCodes(t.Context(), p, access.Code(secret, h.now), home)
	if err != nil || len(fresh) != 10 || slices.Contains(fresh, old[0]) {
		t.Fatalf("got %q, %v", fresh, err)
	}
	if err := h.EndFactor(t.Context(), p, old[0], home); err != access.ErrCode {
		t.Errorf("ended by an old recovery code: got %v", err)
	}
	if err := h.EndFactor(t.Context(), p, fresh[0], home); err != nil {
		t.Errorf("ended by a new one: got %v", err)
	}
	if ticket, err := h.enter(t.Context(), "olga", "right too"); err != nil || ticket.Waits {
		t.Errorf("afterwards: got %+v, %v", ticket, err)
	}
	one, err := h.OfferFactor(t.Context(), p, "session")
	two, err2 := h.OfferFactor(t.Context(), p, "session")
	if err != nil || err2 != nil || one != two || !strings.HasPrefix(one.URI, "otpauth://totp/gatepost:olga?issuer=gatepost&secret=") {
		t.Errorf("offered again: got %+v, %+v, %v, %v", one, two, err, err2)
	}
}

// Who saw what was offered in another session, or long ago, has no code of what is
// confirmed.
func TestOfferIsOfItsSession(t *testing.T) {
	for name, meanwhile := range map[string]func(h *house) (session string){
		"another session":  func(*house) string { return "two" },
		"ten minutes":      func(h *house) string { h.later(10 * time.Minute); return "one" },
		"a clock set back": func(h *house) string { h.later(-time.Hour); return "one" },
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			p := h.people["ann@example.org"].person
			seen, err := h.OfferFactor(t.Context(), p, "one")
			if err != nil {
				t.Fatal(err)
			}
			session := meanwhile(h)
			if _, err := h.TakeFactor(t.Context(), p, session, access.Code(access.Decode(seen.Secret), h.now)); err != access.ErrNoFactor {
				t.Errorf("the old offer was taken: %v", err)
			}
			fresh, err := h.OfferFactor(t.Context(), p, session)
			if err != nil || fresh.Secret == seen.Secret {
				t.Fatalf("the same secret is offered, or %v", err)
			}
			if _, err := h.TakeFactor(t.Context(), p, session, access.Code(access.Decode(fresh.Secret), h.now)); err != nil {
				t.Error(err)
			}
		})
	}
}

// A clock that leaps and is put right logs nobody out, and who logged in meanwhile is not let in for a year.
func TestClockAhead(t *testing.T) {
	h := open(t)
	secret := h.logIn(t, "ann@example.org", "right")
	h.later(365 * 24 * time.Hour)
	h.wants(t, "a year ahead", secret, access.ErrNoSession)
	meanwhile := h.logIn(t, "olga", "right too")
	h.wants(t, "of the year to come", meanwhile, nil)
	h.later(-365 * 24 * time.Hour)
	h.wants(t, "put right", secret, nil)
	h.wants(t, "begun meanwhile", meanwhile, access.ErrNoSession)
	h.later(290 * 24 * time.Hour)
	h.wants(t, "begun meanwhile, most of a year later", meanwhile, access.ErrNoSession)
	h.later(20 * 24 * time.Hour)
	soon := h.logIn(t, "olga", "right too")
	h.later(-20 * 24 * time.Hour)
	h.wants(t, "begun three weeks ahead", soon, access.ErrNoSession)
}
