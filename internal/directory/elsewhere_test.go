package directory

import (
	"context"
	"errors"
	"testing"
	"time"

	"gatepost/internal/mail"
)

// others are passwords that another directory knows, by source and address.
type others struct {
	known map[string]string
	asked int
	err   error
}

func (o *others) Verify(_ context.Context, source string, address mail.Path, password string) (bool, error) {
	o.asked++
	return o.known[source+" "+string(address)] == password, o.err
}

// Where another directory has the passwords only those are right; what was right is not asked about again for some minutes.
func TestAuthenticateElsewhere(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	f.password(t, "of before")
	app, err := f.AddApp(ctx, "ann@example.net", "phone")
	if err != nil {
		t.Fatal(err)
	}
	o := &others{known: map[string]string{"people ann@example.net": "kite-rope"}}
	f.Directory.elsewhere = o
	if f.LoginsElsewhere() {
		t.Error("somebody's password is elsewhere")
	}
	elsewhere := func(source string) {
		t.Helper()
		if _, err := f.ChangeDomain(ctx, "example.net", func(d *Domain) error { d.Login = source; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	elsewhere("people")
	if !f.LoginsElsewhere() {
		t.Error("nobody's password is elsewhere")
	}
	login := func(what, user, password string, want error) {
		t.Helper()
		_, err := f.AuthenticateProgram(ctx, user, password)
		wantErr(t, what, err, want)
	}
	login("right", "ann@example.net", "kite-rope", nil)
	login("right again", "ann@example.net", "kite-rope", nil)
	if o.asked != 1 {
		t.Errorf("it was asked %d times", o.asked)
	}
	login("wrong", "ann@example.net", "kite", ErrLogin)
	login("that of before", "ann@example.net", "of before", ErrLogin)
	login("empty", "ann@example.net", "", ErrLogin)
	login("of somebody else", "bob@example.net", "kite-rope", ErrLogin)
	login("unknown", "nobody@example.net", "kite-rope", ErrLogin)
	login("an application's", "ann@example.net", app, nil)
	if _, err := f.Prove("ann@example.net", func(SCRAM) bool { return true }); err != nil {
		t.Error("no application may prove its password:", err)
	}
	var keys []SCRAM
	f.Prove("ann@example.net", func(k SCRAM) bool { keys = append(keys, k); return false })
	own, err := ParseSCRAM(mailboxOf(t, f, "ann@example.net").Password.SCRAM)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		if string(k.StoredKey) == string(own.StoredKey) {
			t.Error("the password of before may be proved")
		}
	}
	wantErr(t, "a new password", f.SetPassword(ctx, "ann@example.net", "another one", "root", ""), ErrElsewhere)

	f.clock.t = f.clock.t.Add(knownFor + time.Second)
	o.known["people ann@example.net"] = "changed"
	login("changed there", "ann@example.net", "kite-rope", ErrLogin)
	o.err = errors.New("away")
	if _, err := f.Authenticate(ctx, "ann@example.net", "changed"); err == nil || errors.Is(err, ErrLogin) {
		t.Errorf("while it is away: %v", err)
	}
	o.err = nil
	f.state(t, "ann@example.net", Suspended)
	login("suspended", "ann@example.net", "changed", ErrSuspended)
	f.state(t, "ann@example.net", Active)
	elsewhere("")
	login("back here", "ann@example.net", "of before", nil)
}

func mailboxOf(t *testing.T, f fixture, address mail.Path) Mailbox {
	t.Helper()
	m, ok := f.Snapshot().Mailbox(address)
	if !ok {
		t.Fatal(address)
	}
	return m
}
