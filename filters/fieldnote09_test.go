package filters

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"gatepost/internal/bulk"
	"gatepost/internal/learnt"
	"gatepost/internal/mail"
	"gatepost/internal/traffic"
	"gatepost/pipeline"
)

// notice is what a large provider writes around everybody's mail.
const notice = `
has shared a document with you. Open it to see what has changed since the last
time you looked at it, and leave a comment for the others who work on it. You get this mail
because somebody who works with you has invited you to see it. The provider is not liable for what is in it.
`

// A boiler sends mail that is alike to recipients, through one filter that remembers.
type boiler struct {
	t      *testing.T
	filter checksum
	later  func(time.Duration)
}

func newBoiler(t *testing.T, knows *learnt.Memory) *boiler {
	t.Helper()
	now := goldenTime()
	d := Deps{Traffic: traffic.New(traffic.Config{Now: func() time.Time { return now }}), Bulk: bulk.New(bulk.Config{})}
	if knows != nil {
		d.Learnt, d.Texts = knows, knows
	}
	k := checksumKind(d)
	f, err := k.New(k.Options())
	if err != nil {
		t.Fatal(err)
	}
	return &boiler{t: t, filter: f.(checksum), later: func(d time.Duration) { now = now.Add(d) }}
}

// known gives the client's network a good history.
func (b *boiler) known() {
	for range 100 {
		b.filter.Traffic.Took(boilerClient, true)
	}
	b.later(7 * time.Hour)
}

var boilerClient = netip.MustParseAddr("192.0.2.7")

// send judges a message, which signer has signed, for one recipient, and records it.
func (b *boiler) send(rcpt mail.Path, signer, header, body string) pipeline.Finding {
	b.t.Helper()
	ctx := b.t.Context()
	tx := pipeline.NewTransaction(ctx, "id", goldenTime(), mail.Client{Addr: boilerClient}, nil)
	defer tx.Close()
	from := "x@provider.example"
	if signer != "" {
		from = "x@" + signer
		header += "\nDKIM-Signature: v=1"
	}
	m := crlf("From: " + from + "\nTo: " + string(rcpt) + header + "\n\n" + body)
	tx = tx.WithHelo(tx.Client).WithMail(mail.Path(from), mail.Params{}).WithRcpt().WithData([]mail.Path{rcpt}, m)
	_, err := pipeline.Fact(ctx, tx, "dkim", time.Minute, func(context.Context) (dkimAnswer, error) { // what dkimFact would find
		if signer == "" {
			return dkimAnswer{Result: "none"}, nil
		}
		return dkimAnswer{Result: "pass", Signatures: []dkimSignature{{Domain: signer, Result: "pass"}}}, nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	q := pipeline.Query{Tx: tx, Recipient: rcpt}
	found, err := b.filter.Check(ctx, q)
	if err != nil {
		b.t.Fatal(err)
	}
	if again, err := b.filter.Check(ctx, q); err != nil || again.Result != found.Result {
		b.t.Errorf("asked again: %q, %v; first %q", again.Result, err, found.Result)
	}
	if err := b.filter.Record(ctx, q, found); err != nil {
		b.t.Fatal(err)
	}
	return found
}

// toMany sends to 100 recipients, each of an organisation of his own, and returns what
// was said to the last.
func (b *boiler) toMany(signer, header, body string) string {
	b.t.Helper()
	last := ""
	for i := range 100 {
		last = b.send(mail.Path(fmt.Sprintf("bob@org%d.example", i)), signer, header, strings.ReplaceAll(body, "NUMBER", fmt.Sprint(i))).Result
	}
	return last
}

// What is the same in much honest mail, the boilerplate of large providers, is no bulk mail and no copy of
// spam.
func TestFieldNote09Boilerplate(t *testing.T) {
	for name, tt := range map[string]struct {
		signer, header, body, want string
	}{
		"unsigned, to many":         {"", "", "Ann" + notice, "bulk"},
		"signed by its author":      {"provider.example", "", "Ann" + notice, "signed"},
		"signed, with list headers": {"provider.example", "\nList-Unsubscribe: <https://provider.example/u>", "Ann" + notice, "signed"},
		"short":                     {"", "\nSubject: your code", "Your code is NUMBER.\nThank you for using the service.", "none"},
		"a quoted notice":           {"", "", "Thank you, I have it.\n" + strings.ReplaceAll(notice, "\n", "\n> "), "none"},
		"below a list's footer":     {"", "", "Yes.\n_____________________________\n" + notice, "none"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := newBoiler(t, nil).toMany(tt.signer, tt.header, tt.body); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// Recipients of one organisation are one: a note to all of a firm is no bulk mail.
func TestFieldNote09Organisations(t *testing.T) {
	b := newBoiler(t, nil)
	for i := range 300 {
		if f := b.send(mail.Path(fmt.Sprintf("p%d@d%d.firm.example", i, i%7)), "", "", "Ann"+notice); f.Result != "none" {
			t.Fatalf("recipient %d: %s", i, f.Result)
		}
	}
	for i := range 19 {
		if got, want := b.send(mail.Path(fmt.Sprintf("p@other%d.example", i)), "", "", "Ann"+notice).Result, map[bool]string{false: "none", true: "bulk"}[i == 18]; got != want {
			t.Errorf("organisation %d: got %s, want %s", i+2, got, want)
		}
	}
}

// A fingerprint that many authors' domains sign stops itself, also where somebody has called one such mail
// spam; traps, and two people, are believed all the same.
func TestFieldNote09StopsItself(t *testing.T) {
	for source, tt := range map[string]struct {
		learnt.Standing
		want [2]string
	}{
		"one person": {learnt.Standing{Spam: 1, Sources: []learnt.Source{learnt.Report}, Domains: 1, Home: learnt.HomeOf("org.example")}, [2]string{"spam", "stopped"}},
		"two people": {learnt.Standing{Spam: 2, Sources: []learnt.Source{learnt.Report}, Domains: 2}, [2]string{"spam", "spam"}},
		"traps":      {learnt.Standing{Spam: 2, Sources: []learnt.Source{learnt.Trap}, Networks: 2}, [2]string{"spam", "spam"}},
	} {
		want := tt.want
		m := crlf("From: x@shop0.example\nTo: eve@there.example\n\nAnn" + notice)
		tt.Last = goldenTime()
		b := newBoiler(t, memoryOf(t, m, netip.MustParseAddr("203.0.113.1"), tt.Standing))
		b.filter.People = 1
		b.known()
		if got := b.send("bob@org.example", "shop0.example", "", "Ann"+notice).Result; got != want[0] {
			t.Errorf("%s, at first: got %s, want %s", source, got, want[0])
		}
		for i := range 10 {
			b.send("bob@org.example", fmt.Sprintf("shop%d.example", i), "", "Ann"+notice)
		}
		if got := b.send("bob@org.example", "shop0.example", "", "Ann"+notice).Result; got != want[1] {
			t.Errorf("%s, when many had signed it: got %s, want %s", source, got, want[1])
		}
		if got := b.toMany("", "", "Ann"+notice); got != want[1] {
			t.Errorf("%s, to many: got %s, want %s", source, got, want[1])
		}
	}
}

// Domains that anybody can have, and sign with, stop nothing.
func TestStrangersStopNothing(t *testing.T) {
	b := newBoiler(t, nil)
	for i := range 10 {
		b.send("bob@org.example", fmt.Sprintf("spam%d.example", i), "", "Ann"+notice)
	}
	if got := b.toMany("", "", "Ann"+notice); got != "bulk" {
		t.Errorf("got %s", got)
	}
	b.known()
	for i := range 10 {
		b.send("bob@org.example", fmt.Sprintf("shop%d.example", i), "", "Ann"+notice)
	}
	if got := b.toMany("", "", "Ann"+notice); got != "stopped" {
		t.Errorf("with a good history: got %s", got)
	}
}
