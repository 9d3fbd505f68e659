package directory

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

func (f fixture) password(t *testing.T, password string) {
	t.Helper()
	if err := f.SetPassword(t.Context(), "Ann@example.net", password, "root", ""); err != nil {
		t.Fatal(err)
	}
}

func TestAuthenticate(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	f.password(t, "påss\u00a0word") // a no-break space, which is a space (RFC 8265)
	for name, c := range map[string]struct {
		user, password string
		want           error
	}{
		"right":            {"ann@example.net", "påss word", nil},
		"otherwise typed":  {"Ann@Example.NET", "pa\u030ass word", nil},
		"wrong":            {"ann@example.net", "pass word", ErrLogin},
		"empty":            {"ann@example.net", "", ErrLogin},
		"too long":         {"ann@example.net", strings.Repeat("a", MaxPassword+1), ErrLogin},
		"no password":      {"bob@example.net", "påss word", ErrLogin},
		"unknown":          {"nobody@example.net", "påss word", ErrLogin},
		"an alias":         {"sales@example.net", "påss word", ErrLogin},
		"a sub-address":    {"ann+x@example.net", "påss word", ErrLogin},
		"not an address":   {"ann\r\n", "påss word", ErrLogin},
		"right once again": {"ann@example.net", "påss word", nil},
	} {
		box, err := f.Authenticate(ctx, c.user, c.password)
		wantErr(t, name, err, c.want)
		if (box.Address == "ann@example.net") != (c.want == nil) {
			t.Errorf("%s: got %+v", name, box)
		}
	}
}

func TestAuthenticateOutOfUse(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	f.password(t, "right")
	for state, want := range map[State]error{Suspended: ErrSuspended, Closed: ErrClosed} {
		f.state(t, "ann@example.net", state)
		_, err := f.Authenticate(ctx, "ann@example.net", "right")
		wantErr(t, string(state), err, want)
		_, err = f.Authenticate(ctx, "ann@example.net", "wrong")
		wantErr(t, string(state)+", wrong password", err, ErrLogin)
	}
}

// A known password needs no turn; a changed or an old one does.
func TestKnownPasswords(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	f.password(t, "one")
	try := func(password string) error {
		now, cancel := context.WithCancel(ctx)
		cancel()
		_, err := f.Authenticate(now, "ann@example.net", password)
		return err
	}
	for range atOnce { // both turns are taken
		f.passwords.turn <- struct{}{}
	}
	wantErr(t, "the first time", try("one"), context.Canceled)
	<-f.passwords.turn
	_, err := f.Authenticate(ctx, "ann@example.net", "one")
	wantErr(t, "with a turn", err, nil)
	_, err = f.Authenticate(ctx, "ann@example.net", "two")
	wantErr(t, "wrong", err, ErrLogin)
	f.passwords.turn <- struct{}{}
	wantErr(t, "known", try("one"), nil)
	wantErr(t, "wrong ones are not known", try("two"), context.Canceled)
	f.clock.add(knownFor)
	wantErr(t, "known too long", try("one"), context.Canceled)
	f.clock.add(-knownFor)
	<-f.passwords.turn
	f.password(t, "two")
	f.passwords.turn <- struct{}{}
	wantErr(t, "the old one", try("one"), context.Canceled)
}

func TestKnownPasswordsAreBounded(t *testing.T) {
	c := clock{t: time.Unix(0, 0)}
	p := newPasswords(c.now)
	for i := range 2 * maxKnown {
		p.remember(p.tag(int64(i), "h", "p"))
		if len(p.known) > maxKnown {
			t.Fatalf("%d known, want at most %d", len(p.known), maxKnown)
		}
	}
	if !p.knows(p.tag(2*maxKnown-1, "h", "p")) || p.knows(p.tag(2*maxKnown-1, "hp", "")) {
		t.Error("the last is not known, or is under another's name")
	}
}

func TestAtMostTwoAtOnce(t *testing.T) {
	f := newFixture(t)
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			if err := f.SetPassword(t.Context(), "ann@example.net", "x", "root", ""); err != nil {
				t.Error(err)
			}
		})
	}
	for range 1000 {
		if got := len(f.passwords.turn); got > atOnce {
			t.Fatalf("%d at once, want at most %d", got, atOnce)
		}
	}
	wg.Wait()
}

func TestBadPasswords(t *testing.T) {
	f := newFixture(t)
	for name, p := range map[string]string{"empty": "", "control": "a\x00b", "long": strings.Repeat("a", MaxPassword+1), "not UTF-8": "\xff"} {
		wantErr(t, name, f.SetPassword(t.Context(), "ann@example.net", p, "root", ""), ErrPassword)
	}
	wantErr(t, "nobody", f.SetPassword(t.Context(), "nobody@example.net", "x", "root", ""), ErrNoMailbox)
}

// One setting gives both halves, in their standard forms, and neither is shown.
func TestVerifier(t *testing.T) {
	f := newFixture(t)
	f.password(t, "pencil")
	box, _ := f.Snapshot().Mailbox("ann@example.net")
	if !strings.HasPrefix(box.Password.Hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hash: got %s", box.Password.Hash)
	}
	keys, err := ParseSCRAM(box.Password.SCRAM)
	if err != nil || keys.Iterations < 4096 || keys.String() != box.Password.SCRAM {
		t.Errorf("SCRAM: got %+v, %v", keys, err)
	}
	again, err := makeSCRAM("pencil", keys.Salt, keys.Iterations)
	if err != nil || again.String() != box.Password.SCRAM {
		t.Errorf("SCRAM of the same password: got %s, want %s", again, box.Password.SCRAM)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "box", box, "password", box.Password)
	shown := fmt.Sprintf("%v %+v %#v %s", box, box, box, box.Password) + log.String()
	if strings.Contains(shown, "argon2id") || strings.Contains(shown, "SCRAM-SHA") {
		t.Errorf("a verifier shows: %s", shown)
	}
}

// The exchange in RFC 7677 §3.
func TestSCRAMVector(t *testing.T) {
	salt, _ := base64.StdEncoding.DecodeString("W22ZaJ0SNY7soEsUEjb6gQ==")
	keys, err := makeSCRAM("pencil", salt, 4096)
	if err != nil {
		t.Fatal(err)
	}
	message := "n=user,r=rOprNGfwEbeRWgbNEkqO," +
		"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096," +
		"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
	got := base64.StdEncoding.EncodeToString(hmacSHA256(keys.ServerKey, message))
	if want := "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="; got != want {
		t.Errorf("server signature: got %s, want %s", got, want)
	}
}

func TestParseHashRefuses(t *testing.T) {
	good := nobody().String()
	if _, err := parseHash(good); err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]string{
		"empty":       "",
		"other kind":  strings.Replace(good, "argon2id", "argon2i", 1),
		"version":     strings.Replace(good, "v=19", "v=16", 1),
		"memory":      strings.Replace(good, "m=19456", "m=4000000000", 1),
		"no passes":   strings.Replace(good, "t=2", "t=0", 1),
		"no threads":  strings.Replace(good, "p=1", "p=0", 1),
		"not numbers": strings.Replace(good, "m=19456", "m=x", 1),
		"cut":         good[:len(good)-4],
		"not base64":  good + "!",
	} {
		if _, err := parseHash(s); err == nil {
			t.Errorf("%s: %q was taken", name, s)
		}
	}
}

func FuzzParseVerifier(f *testing.F) {
	f.Add(nobody().String())
	f.Add("SCRAM-SHA-256$4096:c2FsdA==$AAAA:AAAA")
	f.Fuzz(func(t *testing.T, s string) {
		if h, err := parseHash(s); err == nil && (h.memory > maxArgonMemory || h.time > maxArgonTime || len(h.sum) != argonSize) {
			t.Errorf("%q: %+v", s, h)
		}
		if keys, err := ParseSCRAM(s); err == nil {
			if again, err := ParseSCRAM(keys.String()); err != nil || again.String() != keys.String() {
				t.Errorf("%q: %v", s, err)
			}
		}
	})
}
