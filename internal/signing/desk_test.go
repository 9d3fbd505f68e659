package signing

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/internal/dkim"
	"gatepost/internal/mail"
	"gatepost/test/bubble"
)

// memory keeps keys as a store does.
type memory struct {
	mu       sync.Mutex
	keys     []Key
	revision int64
	err      error
}

func (m *memory) Revision(context.Context) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.revision, m.err
}

func (m *memory) List(context.Context) ([]Key, int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.keys), m.revision, m.err
}

func (m *memory) Change(_ context.Context, domain string, f func([]Key) ([]Key, error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	other := func(k Key) bool { return k.Domain != domain }
	keys, err := f(slices.DeleteFunc(slices.Clone(m.keys), other))
	if err != nil {
		return err
	}
	m.keys = append(slices.DeleteFunc(m.keys, func(k Key) bool { return !other(k) }), keys...)
	slices.SortFunc(m.keys, func(a, b Key) int { return strings.Compare(a.Domain+" "+a.Selector, b.Domain+" "+b.Selector) })
	m.revision++
	return m.err
}

// zone is what is published.
type zone struct {
	mu  sync.Mutex
	txt map[string][]string
	err error
}

func (z *zone) LookupTXT(_ context.Context, name string) ([]string, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.err != nil {
		return nil, z.err
	}
	if z.txt[name] == nil {
		return nil, &net.DNSError{Err: "no such name", Name: name, IsNotFound: true}
	}
	return z.txt[name], nil
}

func (z *zone) set(name string, txt ...string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.txt[name] = txt
}

// publish puts the records of all keys of a state into the zone.
func (z *zone) publish(t *testing.T, d *Desk, s State) {
	t.Helper()
	for _, k := range d.Keys("") {
		if k.State == s {
			text, err := k.Record()
			if err != nil {
				t.Fatal(err)
			}
			z.set(k.Name(), text)
		}
	}
}

func newDesk(t *testing.T, m *memory, z *zone, keep, rotate time.Duration) *Desk {
	t.Helper()
	d, err := New(t.Context(), Config{Rows: m, Resolver: z, Keep: func() time.Duration { return keep }, Rotate: func() time.Duration { return rotate }})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// states are a domain's keys in a line.
func states(d *Desk, domain string) string {
	var list []string
	for _, k := range d.Keys(domain) {
		list = append(list, k.Selector+" "+string(k.State))
	}
	return strings.Join(list, ", ")
}

// A key's life: made, published, replaced, taken away. Only what is published signs, on all nodes.
func TestLife(t *testing.T) {
	m, z, now := &memory{}, &zone{txt: map[string][]string{}}, time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	d, other := newDesk(t, m, z, 14*24*time.Hour, 0), newDesk(t, m, z, 14*24*time.Hour, 0)
	d.c.Now = func() time.Time { return now }
	ctx := t.Context()
	after := func(wait time.Duration, what, want string, signs int) {
		t.Helper()
		now = now.Add(wait)
		d.Check(ctx, "")
		if err := other.follow(ctx); err != nil {
			t.Fatal(err)
		}
		if got := states(d, ""); got != want || states(other, "") != want || len(d.Signers("example.org")) != signs || len(other.Signers("example.org")) != signs {
			t.Errorf("%s: %s; the other node: %s; %d sign", what, got, states(other, ""), len(d.Signers("example.org")))
		}
	}
	if err := d.Replace(ctx, "example.org"); !errors.Is(err, ErrMakesNone) {
		t.Errorf("nothing to replace: %v", err)
	}
	if err := d.Create(ctx, "example.org"); err != nil {
		t.Fatal(err)
	}
	after(time.Hour, "made", "ed25519-20000101 waiting, rsa-20000101 waiting", 0)
	if err := d.Create(ctx, "example.org"); !errors.Is(err, ErrHasKeys) {
		t.Errorf("made again: %v", err)
	}
	if err := d.Replace(ctx, "example.org"); !errors.Is(err, ErrWaits) {
		t.Errorf("replaced while waiting: %v", err)
	}
	z.publish(t, d, Waiting)
	after(0, "published", "ed25519-20000101 active, rsa-20000101 active", 2)
	if list := d.Signers("example.org"); list[0].Algorithm != "rsa-sha256" || d.Troubles("") != nil {
		t.Errorf("%s first; troubles %q", list[0].Algorithm, d.Troubles(""))
	}
	if err := d.Replace(ctx, "example.org"); err != nil {
		t.Fatal(err)
	}
	after(time.Hour, "new ones wait", "ed25519-20000101 active, ed25519-20000101b waiting, rsa-20000101 active, rsa-20000101b waiting", 2)
	z.publish(t, d, Waiting)
	after(0, "switched over", "ed25519-20000101 old, ed25519-20000101b active, rsa-20000101 old, rsa-20000101b active", 2)
	if d.Signers("example.org")[0].Selector != "rsa-20000101b" {
		t.Error("the old one signs")
	}
	after(14*24*time.Hour-1, "old ones stay", "ed25519-20000101 old, ed25519-20000101b active, rsa-20000101 old, rsa-20000101b active", 2)
	after(1, "spent", "ed25519-20000101 spent, ed25519-20000101b active, rsa-20000101 spent, rsa-20000101b active", 2)
	if list := d.Troubles("example.org"); len(list) != 2 || !strings.Contains(list[0], "take its record out") {
		t.Errorf("troubles %q", list)
	}
	z.set("rsa-20000101._domainkey.example.org")
	z.set("ed25519-20000101._domainkey.example.org")
	after(0, "taken away", "ed25519-20000101b active, rsa-20000101b active", 2)
	z.set("rsa-20000101b._domainkey.example.org")
	after(0, "the record is gone", "ed25519-20000101b active, rsa-20000101b active", 2)
	if list := d.Troubles("example.org"); len(list) != 1 || !strings.Contains(list[0], "can't be verified: there is no record") {
		t.Errorf("troubles %q", list)
	}
	z.publish(t, d, Active)
	if d.Check(ctx, ""); d.Troubles("") != nil {
		t.Errorf("mended: %q", d.Troubles(""))
	}
	if err := d.Drop(ctx, "example.org", "none"); !errors.Is(err, ErrNoKey) {
		t.Errorf("dropped what is not there: %v", err)
	}
	if err := d.Drop(ctx, "example.org", "rsa-20000101b"); err != nil {
		t.Error(err)
	}
	after(0, "dropped", "ed25519-20000101b active", 1)
}

// By setting keys are replaced by themselves; where new ones wait already no more are made.
func TestYearly(t *testing.T) {
	z, now := &zone{txt: map[string][]string{}}, time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	d := newDesk(t, &memory{}, z, time.Hour, 365*24*time.Hour)
	d.c.Now = func() time.Time { return now }
	if err := d.Create(t.Context(), "example.org"); err != nil {
		t.Fatal(err)
	}
	z.publish(t, d, Waiting)
	for year, want := range []string{
		"ed25519-20000101 active, rsa-20000101 active",
		"ed25519-20000101 active, ed25519-20001231 waiting, rsa-20000101 active, rsa-20001231 waiting",
		"ed25519-20000101 active, ed25519-20001231 waiting, rsa-20000101 active, rsa-20001231 waiting",
	} {
		if d.Check(t.Context(), ""); states(d, "") != want {
			t.Errorf("year %d: %s", year, states(d, ""))
		}
		now = now.Add(365 * 24 * time.Hour)
	}
}

// By a clock that leapt no key is replaced.
func TestClockAhead(t *testing.T) {
	z, now, believed := &zone{txt: map[string][]string{}}, time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), true
	d := newDesk(t, &memory{}, z, time.Hour, 365*24*time.Hour)
	d.c.Now, d.c.Old = func() time.Time { return now }, func(context.Context) (time.Time, bool) { return now, believed }
	if err := d.Create(t.Context(), "example.org"); err != nil {
		t.Fatal(err)
	}
	z.publish(t, d, Waiting)
	d.Check(t.Context(), "")
	want := states(d, "")
	now, believed = now.AddDate(2, 0, 0), false
	if d.Check(t.Context(), ""); states(d, "") != want {
		t.Errorf("ahead: %s, want %s", states(d, ""), want)
	}
	believed = true
	if d.Check(t.Context(), ""); states(d, "") == want {
		t.Error("believed, and nothing is replaced")
	}
}

// What one node finds all know soon.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		m, z := &memory{}, &zone{txt: map[string][]string{}}
		d, other := newDesk(t, m, z, time.Hour, 0), newDesk(t, m, z, time.Hour, 0)
		var running sync.WaitGroup
		running.Go(func() { d.Run(ctx) })
		running.Go(func() { other.Run(ctx) })
		if err := d.Create(ctx, "example.org"); err != nil {
			t.Fatal(err)
		}
		z.publish(t, d, Waiting)
		bubble.Sleep(waitEvery + 2*time.Second)
		for _, node := range []*Desk{d, other} {
			if got := states(node, ""); got != "ed25519-20000101 active, rsa-20000101 active" {
				t.Error(got)
			}
		}
		z.set("rsa-20000101._domainkey.example.org")
		bubble.Sleep(checkEvery + waitEvery)
		if list := other.Troubles(""); len(list) != 1 {
			t.Errorf("troubles %q", list)
		}
		cancel()
		running.Wait()
	})
}

// What is wrong with a record keeps its key from signing, and is told; a DNS that does not answer tells nothing.
func TestWrongRecord(t *testing.T) {
	z := &zone{txt: map[string][]string{}}
	d := newDesk(t, &memory{}, z, time.Hour, 0)
	if err := d.Create(t.Context(), "example.org"); err != nil {
		t.Fatal(err)
	}
	var rsa Key
	for _, k := range d.Keys("") {
		if k.Kind == dkim.KindRSA {
			rsa = k
		}
	}
	good, err := rsa.Record()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		txt  []string
		want string
	}{
		{nil, "there is no record"},
		{[]string{good, "v=spf1 -all"}, "there are 2 records"},
		{[]string{strings.Replace(good, "p=M", "p=", 1)}, "no RSA key"},
		{[]string{"v=DKIM1; p="}, "revoked"},
		{[]string{"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="}, "another key"},
	} {
		z.set(rsa.Name(), c.txt...)
		d.Check(t.Context(), "example.org")
		if all := fmt.Sprint(d.Troubles("example.org")); !strings.Contains(all, rsa.Name()+" does not sign yet: ") || !strings.Contains(all, c.want) || len(d.Signers("example.org")) > 0 {
			t.Errorf("%q: %s", c.want, all)
		}
	}
	z.err = errors.New("no answer")
	before := fmt.Sprint(d.Troubles(""))
	if d.Check(t.Context(), ""); fmt.Sprint(d.Troubles("")) != before {
		t.Errorf("no answer: %q", d.Troubles(""))
	}
	z.err = nil
	z.set(rsa.Name(), good)
	if d.Check(t.Context(), ""); len(d.Signers("example.org")) != 1 {
		t.Errorf("%q", d.Troubles(""))
	}
}

const letter = "From: ann@example.org\r\nTo: bob@example.net\r\nSubject: lunch\r\n\r\nat noon?\r\n"

// verified says what comes of the signatures of a message.
func verified(t *testing.T, z *zone, text string) (list []string) {
	t.Helper()
	m := Parts(mail.NewMessage([]byte(text)))
	for _, f := range m.Fields {
		if f.Name != "DKIM-Signature" {
			continue
		}
		s, err := dkim.ParseSignature(f.Raw)
		if err != nil {
			t.Fatal(err)
		}
		got, err := dkim.Verify(t.Context(), m, []*dkim.Signature{s}, dkim.NewKeys(z), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, fmt.Sprint(got[0].Result, " ", s.Identifier, " ", s.Domain))
	}
	return list
}

func TestSign(t *testing.T) {
	z := &zone{txt: map[string][]string{}}
	d := newDesk(t, &memory{}, z, time.Hour, 0)
	own := strings.Replace(letter, "ann@example.org", "mailer-daemon@mx.example.org", 1)
	if err := d.Create(t.Context(), "example.org"); err != nil {
		t.Fatal(err)
	}
	for what, sign := range map[string]func(*mail.Message) ([]byte, error){
		letter: func(m *mail.Message) ([]byte, error) { return d.Sign(t.Context(), m, "example.org") },
		own:    func(m *mail.Message) ([]byte, error) { return d.SignOwn(t.Context(), m) },
	} {
		if got, err := sign(mail.NewMessage([]byte(what))); err != nil || got != nil {
			t.Errorf("keys that wait sign: %q, %v", got, err)
		}
	}
	z.publish(t, d, Waiting)
	d.Check(t.Context(), "")
	sign := func(text string) string {
		got, err := d.Sign(t.Context(), mail.NewMessage([]byte(text)), "example.org")
		if err != nil {
			t.Fatal(err)
		}
		return string(got) + text
	}
	if got := fmt.Sprint(verified(t, z, sign(letter))); got != "[pass @example.org example.org pass @example.org example.org]" {
		t.Error(got)
	}
	for name, text := range map[string]string{"bare LF": letter + "a\nb\r\n", "two From": "From: eve@example.org\r\n" + letter, "no field": "no field\r\n" + letter} {
		if sign(text) != text {
			t.Errorf("%s: it is signed", name)
		}
	}
	for text, want := range map[string]string{
		own:    "[pass @mx.example.org example.org pass @mx.example.org example.org]",
		letter: "[pass @example.org example.org pass @example.org example.org]",
		strings.Replace(letter, "ann@example.org", "ann@example.com", 1): "[]",
		strings.Replace(letter, "From", "X-From", 1):                     "[]",
	} {
		got, err := d.SignOwn(t.Context(), mail.NewMessage([]byte(text)))
		if err != nil || fmt.Sprint(verified(t, z, string(got)+text)) != want {
			t.Errorf("%v, %v; want %s", verified(t, z, string(got)+text), err, want)
		}
	}
}

func TestRowsFail(t *testing.T) {
	m := &memory{}
	d := newDesk(t, m, &zone{}, time.Hour, 0)
	m.err = errors.New("the database is away")
	if err := d.Create(t.Context(), "example.org"); err == nil || !strings.Contains(err.Error(), "away") {
		t.Errorf("got %v", err)
	}
	if err := d.follow(t.Context()); err == nil {
		t.Error("nothing is wrong")
	}
	if _, err := New(t.Context(), Config{Rows: m}); err == nil {
		t.Error("nothing is wrong with a new one")
	}
}
