package acme

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/acme"

	"gatepost/internal/certificate"
)

var begin = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// chain is a certificate from begin on, in PEM.
func chain(t *testing.T, life time.Duration, serial int64, name string) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), DNSNames: []string{name}, NotBefore: begin, NotAfter: begin.Add(life), AuthorityKeyId: []byte{1, 2, 3}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// memory is Rows in memory.
type memory struct {
	certificate.Rows
	issued map[string]certificate.Issued
}

func (m memory) ChangeIssued(_ context.Context, name string, change func(*certificate.Issued) error) error {
	i := m.issued[name]
	i.Name = name
	if err := change(&i); err != nil {
		return err
	}
	m.issued[name] = i
	return nil
}

func (m memory) DropIssued(_ context.Context, name string) error {
	delete(m.issued, name)
	return nil
}

// A renewal is due with a third of the life left, and up to a thirtieth earlier, not all at once.
func TestRenewal(t *testing.T) {
	const day = 24 * time.Hour
	seen := map[time.Time]bool{}
	for serial := range int64(20) {
		at := renewal(chain(t, 90*day, serial+1, "a.example"))
		if left := begin.Add(90 * day).Sub(at); left < 30*day || left > 33*day {
			t.Errorf("renewed with %v left", left)
		}
		seen[at] = true
	}
	if len(seen) < 15 {
		t.Errorf("20 certificates are renewed at %d times", len(seen))
	}
	if !renewal(nil).IsZero() || !renewal([]byte("nonsense")).IsZero() {
		t.Error("what is no certificate is to be ordered at once")
	}
}

// Due is what is wanted and has no certificate or an old one, what failed least first; who failed waits.
func TestDue(t *testing.T) {
	d := New(Config{Now: func() time.Time { return begin }})
	known := map[string]certificate.Issued{
		"later":   {Name: "later", Due: begin.Add(time.Second)},
		"twice":   {Name: "twice", Due: begin.Add(-time.Hour), Tries: 2},
		"old":     {Name: "old", Due: begin.Add(-time.Minute)},
		"older":   {Name: "older", Due: begin.Add(-2 * time.Minute)},
		"again":   {Name: "again", Chain: chain(t, 90*24*time.Hour, 1, "again")}, // was not wanted for a while
		"strange": {Name: "strange", Due: begin.Add(-time.Hour)},
	}
	var got []string
	for _, i := range d.due(known, []string{"later", "twice", "old", "older", "again", "new", "new"}) {
		got = append(got, i.Name)
	}
	if want := []string{"new", "older", "old", "twice"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	var many []string
	for n := range 100 {
		many = append(many, fmt.Sprint("n", n, ".example"))
	}
	if n := len(d.due(nil, many)); n != perRound {
		t.Errorf("%d at once", n)
	}
}

// What nobody wants is renewed no more, and goes when it has ended.
func TestForget(t *testing.T) {
	rows := memory{issued: map[string]certificate.Issued{
		"wanted": {Name: "wanted"}, "none": {Name: "none", Problem: "x"},
		"good":  {Name: "good", Chain: chain(t, time.Hour, 1, "good"), Due: begin, Tries: 1, Problem: "x"},
		"ended": {Name: "ended", Chain: chain(t, time.Second, 1, "ended"), Due: begin},
	}}
	d := New(Config{Rows: rows, Now: func() time.Time { return begin.Add(time.Minute) }})
	known := map[string]certificate.Issued{}
	for n, i := range rows.issued {
		known[n] = i
	}
	if err := d.forget(t.Context(), known, []string{"wanted"}); err != nil {
		t.Fatal(err)
	}
	if len(rows.issued) != 2 || rows.issued["wanted"].Name == "" || !rows.issued["good"].Due.IsZero() || rows.issued["good"].Problem != "" {
		t.Errorf("got %+v", rows.issued)
	}
}

// After each failure the wait doubles, up to six hours; an authority that asks for more gets it, up to a week.
func TestFailed(t *testing.T) {
	rows := memory{issued: map[string]certificate.Issued{}}
	d := New(Config{Rows: rows, Now: func() time.Time { return begin }})
	limited := func(after string) error {
		return &acme.Error{StatusCode: 429, ProblemType: "urn:ietf:params:acme:error:rateLimited", Header: http.Header{"Retry-After": {after}}}
	}
	for n, c := range []struct {
		err         error
		least, most time.Duration
	}{
		{errors.New("x"), 5 * time.Minute, 6 * time.Minute},
		{errors.New("x"), 10 * time.Minute, 12 * time.Minute},
		{limited("86400"), 24 * time.Hour, 24 * time.Hour},
		{limited("99999999"), 7 * 24 * time.Hour, 7 * 24 * time.Hour},
		{limited("soon"), 80 * time.Minute, 96 * time.Minute},
		{errors.New("x"), 160 * time.Minute, 192 * time.Minute},
		{errors.New("x"), 320 * time.Minute, 384 * time.Minute},
		{errors.New("x"), 6 * time.Hour, 432 * time.Minute},
	} {
		before := rows.issued["a.example"]
		before.Name = "a.example"
		if err := d.failed(t.Context(), before, c.err); err != nil {
			t.Fatal(err)
		}
		got := rows.issued["a.example"]
		if wait := got.Due.Sub(begin); wait < c.least || wait > c.most || got.Tries != n+1 || got.Problem == "" {
			t.Errorf("failure %d: waits %v, %d tries, problem %q; want %v to %v", n+1, wait, got.Tries, got.Problem, c.least, c.most)
		}
	}
}

// Who asks for an order while one is made, is not told later that the older one said when the next is due.
func TestAskedMeanwhile(t *testing.T) {
	before := certificate.Issued{Name: "a.example", Due: begin.Add(-time.Hour)}
	asked := before
	asked.Due = begin.Add(time.Second)
	for what, end := range map[string]func(*Desk) error{
		"failed": func(d *Desk) error { return d.failed(t.Context(), before, errors.New("x")) },
		"kept": func(d *Desk) error {
			return d.keep(t.Context(), before, []byte("key"), chain(t, 90*24*time.Hour, 1, "a.example"))
		},
	} {
		for row, wants := range map[*certificate.Issued]bool{&before: false, &asked: true} {
			rows := memory{issued: map[string]certificate.Issued{"a.example": *row}}
			d := New(Config{Rows: rows, Now: func() time.Time { return begin }})
			if err := end(d); err != nil {
				t.Fatal(err)
			}
			if got := rows.issued["a.example"]; got.Due.Equal(asked.Due) != wants {
				t.Errorf("%s, asked meanwhile %v: the next order is due on %v", what, wants, got.Due)
			}
		}
	}
}

// What the authority says comes with what to do, on one short line.
func TestExplain(t *testing.T) {
	said := func(kind, detail string) *acme.Error {
		return &acme.Error{StatusCode: 403, ProblemType: "urn:ietf:params:acme:error:" + kind, Detail: detail}
	}
	for _, c := range []struct {
		err   error
		wants []string
	}{
		{tried{certificate.HTTP01, &acme.AuthorizationError{Errors: []error{said("connection", "refused")}}}, []string{"port 80 of a.example", "connection, refused"}},
		{tried{certificate.TLSALPN01, &acme.AuthorizationError{Errors: []error{said("tls", "no\x1b[2J\r\nproof")}}}, []string{"port 443 of a.example", "no [2J proof"}},
		{&acme.OrderError{Problem: said("caa", "x")}, []string{"CAA"}},
		{fmt.Errorf("wrapped: %w", said("externalAccountRequired", "x")), []string{"tls.acme.eab_key_id"}},
		{said("news", strings.Repeat("é", 1000)), []string{"the authority refused", "é…"}},
		{context.DeadlineExceeded, []string{"tls.acme.directory"}},
	} {
		got, _ := explain("a.example", c.err)
		for _, want := range c.wants {
			if !strings.Contains(got, want) || len(got) > 1000 {
				t.Errorf("%v: got %q, want %q in it", c.err, got, want)
			}
		}
	}
}

// A name that keeps its key is ordered with it; one that does not, with another; a new key is taken when it is three
// days old.
func TestKey(t *testing.T) {
	rows := memory{issued: map[string]certificate.Issued{}}
	now := begin
	d := New(Config{Rows: rows, Reuse: true, Now: func() time.Time { return now }})
	key := func() string {
		t.Helper()
		got, err := d.key(t.Context(), "a.example")
		if err != nil {
			t.Fatal(err)
		}
		return string(got)
	}
	first := key()
	if first != key() || first != string(rows.issued["a.example"].Private) {
		t.Error("the first key is not kept before it is used")
	}
	i := rows.issued["a.example"]
	i.Chain, i.Next, i.NextAt = chain(t, time.Hour, 1, "a.example"), []byte("next"), begin
	rows.issued["a.example"] = i
	if key() != first {
		t.Error("a new key is taken before the DNS has it")
	}
	now = begin.Add(certificate.KeyWait)
	if key() != "next" {
		t.Error("a new key is not taken")
	}
	i.Next = nil
	rows.issued["a.example"] = i
	if key() != first {
		t.Error("the key is not kept")
	}
	d.c.Reuse = false
	if key() == first {
		t.Error("the key is kept where it should not be")
	}
}

// A certificate's name for the authority is that of RFC 9773 §4.1.
func TestCertID(t *testing.T) {
	leaf := &x509.Certificate{AuthorityKeyId: []byte{0x69, 0x88, 0x5B, 0x6B, 0x87, 0x46, 0x40, 0x41, 0xE1, 0xB3, 0x7B, 0x84, 0x7B, 0xA0, 0xAE, 0x2C, 0xDE, 0x01, 0xC8, 0xD4}, SerialNumber: new(big.Int).SetBytes([]byte{0x87, 0x65, 0x43, 0x21})}
	if got, want := certID(leaf), "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	w := window{begin, begin.Add(time.Hour)}
	if at := w.moment("a.example"); at.Before(w.Start) || at.After(w.End) || at.Equal(w.moment("b.example")) {
		t.Errorf("moments: %v, %v", at, w.moment("b.example"))
	}
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("120")
	f.Add("Fri, 31 Dec 1999 23:59:59 GMT")
	f.Fuzz(func(t *testing.T, text string) {
		if wait := retryAfter(text, begin); wait < 0 || wait > mostAsked {
			t.Errorf("%q: %v", text, wait)
		}
	})
}

// A nonce that the authority refuses is replaced many times, soon; what else fails is asked again three times, and what
// it wants a pause for is not.
func TestAgain(t *testing.T) {
	for _, c := range []struct {
		n, status int
		want      time.Duration
	}{
		{1, 400, 100 * time.Millisecond},
		{10, 400, time.Second},
		{11, 400, 0},
		{1, 503, time.Second},
		{3, 503, 3 * time.Second},
		{4, 503, 0},
		{1, 429, 0},
	} {
		if got := again(c.n, nil, &http.Response{StatusCode: c.status}); got != c.want {
			t.Errorf("answer %d, time %d: waits %v, want %v", c.status, c.n, got, c.want)
		}
	}
}
