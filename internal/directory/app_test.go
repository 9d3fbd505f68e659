package directory

import (
	"bytes"
	"context"
	"crypto/subtle"
	"regexp"
	"strings"
	"testing"
	"time"
)

// uses in memory.
type memoryUses map[int64]time.Time

func (m memoryUses) PutUses(_ context.Context, list []Use) error {
	for _, u := range list {
		m[u.App] = u.Last
	}
	return nil
}

func (m memoryUses) Uses(context.Context, int64) (map[int64]time.Time, error) { return m, nil }

func (f fixture) app(t *testing.T, name string) string {
	t.Helper()
	password, err := f.AddApp(t.Context(), "Ann@example.net", name)
	if err != nil {
		t.Fatal(err)
	}
	return password
}

// TestAppPasswords: each logs a program in, and none a person.
func TestAppPasswords(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	used := memoryUses{}
	f.uses.rows = used
	f.password(t, "main word")
	phone, laptop := f.app(t, "phone"), f.app(t, "laptop")
	if form := regexp.MustCompile(`^([a-km-np-z2-9]{5}-){3}[a-km-np-z2-9]{5}$`); !form.MatchString(phone) || phone == laptop {
		t.Errorf("got %q and %q", phone, laptop)
	}
	for name, c := range map[string]struct {
		user, password string
		want           error
	}{
		"phone":             {"ann@example.net", phone, nil},
		"laptop":            {"Ann@Example.net", laptop, nil},
		"without hyphens":   {"ann@example.net", strings.ToUpper(strings.ReplaceAll(phone, "-", " ")), nil},
		"the main one":      {"ann@example.net", "main word", nil},
		"another":           {"ann@example.net", newAppPassword(), ErrLogin},
		"somebody else's":   {"bob@example.net", phone, ErrLogin},
		"of nobody":         {"nobody@example.net", phone, ErrLogin},
		"not an address":    {"ann", phone, ErrLogin},
		"with a wrong part": {"ann@example.net", phone[:22] + "0", ErrLogin},
	} {
		box, err := f.AuthenticateProgram(ctx, c.user, c.password)
		wantErr(t, name, err, c.want)
		if (box.Address == "ann@example.net") != (c.want == nil) {
			t.Errorf("%s: got %+v", name, box)
		}
		if name != "the main one" {
			_, err = f.Authenticate(ctx, c.user, c.password)
			wantErr(t, name+", on the pages", err, ErrLogin)
		}
	}
	wantErr(t, "flush", f.FlushUses(ctx), nil)
	if len(used) != 2 {
		t.Errorf("used: %v", used)
	}
	_, err := f.AddApp(ctx, "ann@example.net", " Phone")
	wantErr(t, "the same name", err, ErrExists)
	for _, name := range []string{"", "a\nb", strings.Repeat("x", MaxAppName+1)} {
		_, err = f.AddApp(ctx, "ann@example.net", name)
		wantErr(t, "name", err, ErrInvalid)
	}
	_, err = f.AddApp(ctx, "nobody@example.net", "x")
	wantErr(t, "nobody", err, ErrNoMailbox)
	wantErr(t, "remove none", f.RemoveApp(ctx, "ann@example.net", "tablet"), ErrNoApp)
}

// TestKnownAppPasswords: the second log-in computes nothing, and what is taken away ends at once.
func TestKnownAppPasswords(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	f.password(t, "main word")
	phone, laptop := f.app(t, "phone"), f.app(t, "laptop")
	try := func(password string) error {
		now, cancel := context.WithCancel(ctx)
		cancel() // whoever must wait for a turn fails
		_, err := f.AuthenticateProgram(now, "ann@example.net", password)
		return err
	}
	for _, p := range []string{phone, laptop, "main word"} {
		_, err := f.AuthenticateProgram(ctx, "ann@example.net", p)
		wantErr(t, "the first time", err, nil)
	}
	for range atOnce { // all turns are taken
		f.passwords.turn <- struct{}{}
	}
	for _, p := range []string{phone, laptop, "main word"} {
		wantErr(t, "the second time", try(p), nil)
	}
	wantErr(t, "remove", f.RemoveApp(ctx, "ann@example.net", "PHONE"), nil)
	wantErr(t, "what is taken away", try(phone), context.Canceled)
	wantErr(t, "the other one", try(laptop), nil)
	f.state(t, "ann@example.net", Suspended)
	wantErr(t, "suspended", try(laptop), ErrSuspended)
	wantErr(t, "suspended, main", try("main word"), ErrSuspended)
	f.state(t, "ann@example.net", Active)
	for range atOnce {
		<-f.passwords.turn
	}
	f.password(t, "new word")
	_, err := f.AuthenticateProgram(ctx, "ann@example.net", "main word")
	wantErr(t, "the old main one", err, ErrLogin)
	_, err = f.AuthenticateProgram(ctx, "ann@example.net", phone)
	wantErr(t, "what was taken away", err, ErrLogin)
	_, err = f.AuthenticateProgram(ctx, "ann@example.net", laptop)
	wantErr(t, "the other one, after the main one changed", err, nil)
}

// TestProve: keys of all passwords of a mailbox have one salt, whichever came first, and nobody can
// tell who is here.
func TestProve(t *testing.T) {
	f := newFixture(t)
	prove := func(user, password string) error {
		salt, iterations := f.SaltOf(user)
		keys, err := makeSCRAM(password, salt, iterations)
		if err != nil {
			t.Fatal(err)
		}
		asked := 0
		_, err = f.Prove(user, func(k SCRAM) bool {
			asked++
			return subtle.ConstantTimeCompare(k.StoredKey, keys.StoredKey) == 1
		})
		if asked == 0 {
			t.Errorf("%s: no keys were looked at", user)
		}
		return err
	}
	before, _ := f.SaltOf("Ann@example.net")
	phone := f.app(t, "phone")
	f.password(t, "main word")
	laptop := f.app(t, "laptop")
	f.password(t, "new word")
	if after, _ := f.SaltOf("ann@example.net"); !bytes.Equal(before, after) {
		t.Error("the salt tells when a mailbox got a password")
	}
	for _, p := range []string{phone, laptop, "new word"} {
		wantErr(t, "right", prove("Ann@Example.net", p), nil)
	}
	wantErr(t, "the old one", prove("ann@example.net", "main word"), ErrLogin)
	wantErr(t, "no password", prove("bob@example.net", "x"), ErrLogin)
	wantErr(t, "unknown", prove("nobody@example.net", "x"), ErrLogin)
	wantErr(t, "not an address", prove("x", "x"), ErrLogin)
	f.state(t, "ann@example.net", Suspended)
	wantErr(t, "suspended", prove("ann@example.net", phone), ErrSuspended)
	wantErr(t, "suspended, wrong", prove("ann@example.net", "x"), ErrLogin)

	known, n := f.SaltOf("ann@example.net")
	for _, user := range []string{"nobody@example.net", "x", "sales@example.net"} {
		salt, iterations := f.SaltOf(user)
		again, _ := f.SaltOf(strings.ToUpper(user[:1]) + user[1:])
		if len(salt) != len(known) || iterations != n || strings.Contains(user, "@") && !bytes.Equal(salt, again) || bytes.Equal(salt, known) {
			t.Errorf("%s: %x, %x, %d", user, salt, again, iterations)
		}
	}
	other := newFixture(t)
	if salt, _ := other.SaltOf("nobody@example.net"); bytes.Equal(salt, func() []byte { s, _ := f.SaltOf("nobody@example.net"); return s }()) {
		t.Error("a salt can be computed without the key")
	}
}
