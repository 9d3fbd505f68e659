package intake_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/internal/arc"
	"gatepost/internal/directory"
	"gatepost/internal/dkim"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/internal/signing"
)

// signs has a key for each of some domains.
type signs struct {
	keys map[string]*dkim.Signer
	zone map[string]string
	n    int // signatures
}

func newSigns(t *testing.T, domains ...string) *signs {
	s := &signs{keys: map[string]*dkim.Signer{}, zone: map[string]string{}}
	for _, d := range domains {
		key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))
		signer, err := dkim.NewSigner(d, "s", key)
		if err != nil {
			t.Fatal(err)
		}
		s.keys[d] = signer
		s.zone["s._domainkey."+d], _ = dkim.Record(key.Public())
	}
	return s
}

func (s *signs) Signers(domain string) []*dkim.Signer {
	if k := s.keys[domain]; k != nil {
		return []*dkim.Signer{k}
	}
	return nil
}

func (s *signs) Sign(ctx context.Context, m *mail.Message, domain string) ([]byte, error) {
	list := s.Signers(domain)
	if list == nil {
		return nil, nil
	}
	s.n++
	parts := signing.Parts(m)
	body, err := dkim.BodyHash(ctx, parts.Body())
	if err != nil {
		return nil, err
	}
	return list[0].Sign(parts.Fields, body, "", time.Now(), time.Time{})
}

func (s *signs) LookupTXT(_ context.Context, name string) ([]string, error) {
	if text, ok := s.zone[name]; ok {
		return []string{text}, nil
	}
	return nil, &net.DNSError{IsNotFound: true}
}

// seen says how a message of the commit leaves: by whom it is signed, by whom sealed, if it can be verified.
func (s *signs) seen(t *testing.T, tr *queue.Transfer, content string) string {
	t.Helper()
	served := tr.Message.View.Message(mail.NewMessage([]byte(content)))
	if served.Size() != tr.Message.Size {
		t.Errorf("to %s: %d octets, not %d", tr.Recipient, served.Size(), tr.Message.Size)
	}
	m := signing.Parts(served)
	var list []string
	for _, f := range m.Fields {
		if f.Name != "DKIM-Signature" {
			continue
		}
		one, err := dkim.ParseSignature(f.Raw)
		if err != nil {
			t.Fatal(err)
		}
		got, err := dkim.Verify(t.Context(), m, []*dkim.Signature{one}, dkim.NewKeys(s), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, fmt.Sprint(one.Domain, " ", got[0].Result))
	}
	chain, err := arc.Verify(t.Context(), m, dkim.NewKeys(s), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if chain.Result != arc.None {
		list = append(list, fmt.Sprint("sealed by ", chain.Sets[len(chain.Sets)-1].Sealer, " ", chain.Result))
	}
	return strings.Join(list, ", ")
}

// Who has logged in has signed what he writes in his domain's name; what is sent on for strangers is sealed; all
// else leaves as it is.
func TestSignatures(t *testing.T) {
	const login = "none@late.example"
	for name, tt := range map[string]struct {
		login, to, author mail.Path
		header, script    string
		keys              []string
		hides             bool
		want              string
	}{
		"a user":                        {login: login, to: "x@elsewhere.example", author: login, want: "late.example pass"},
		"a user of another name":        {login: login, to: "x@elsewhere.example", author: "none@too.example", want: "too.example pass"},
		"no keys":                       {login: login, to: "x@elsewhere.example", author: login, keys: []string{"mx.example"}},
		"hidden":                        {login: login, to: "x@elsewhere.example", author: login, hides: true, want: "late.example pass"},
		"says that somebody logged in":  {to: "away@late.example", author: login, header: "Authentication-Results: mx.example; auth=pass smtp.auth=none@late.example\r\n", want: "sealed by late.example pass"},
		"a user, by way of an alias":    {login: login, to: "away@late.example", author: login, want: "late.example pass"},
		"a user, to a domain behind us": {login: login, to: "x@hosted.example", author: login, want: "late.example pass"},
		"a user, by rules":              {login: login, to: login, author: login, script: `redirect "x@elsewhere.example";`, want: "late.example pass"},
		"a stranger, by an alias":       {to: "away@late.example", author: "a@sender.example", want: "sealed by late.example pass"},
		"a stranger, by rules":          {to: login, author: "a@sender.example", script: `redirect "x@elsewhere.example";`, want: "sealed by late.example pass"},
		"a stranger, by changed rules":  {to: login, author: "a@sender.example", script: `addheader "X-Rules" "y"; redirect "x@elsewhere.example";`, want: "sealed by late.example pass"},
		"a stranger, whom rules make one of ours": {to: login, author: "a@sender.example",
			script: `deleteheader "From"; addheader "From" "boss@late.example"; addheader "Authentication-Results" "mx.example; auth=pass"; redirect "x@elsewhere.example";`, want: "sealed by late.example pass"},
		"a stranger, of whom rules say that he logged in": {to: login, author: "boss@late.example",
			script: `addheader "Authentication-Results" "mx.example; auth=pass"; redirect "x@elsewhere.example";`, want: "sealed by late.example pass"},
		"a user, whom rules make another one": {login: login, to: login, author: login,
			script: `deleteheader "From"; addheader "From" "boss@late.example"; redirect "x@elsewhere.example";`, want: "sealed by late.example pass"},
		"a user, by changed rules": {login: login, to: login, author: login, script: `addheader "X-Rules" "y"; redirect "x@elsewhere.example";`, want: "late.example pass"},
		"a stranger, to a list":    {to: "friends@late.example", author: "a@sender.example", want: "sealed by late.example pass"},
		"a stranger, to a domain":  {to: "x@hosted.example", author: "a@sender.example"},
		"sealed by the node":       {to: "away@late.example", author: "a@sender.example", keys: []string{"mx.example"}, want: "sealed by mx.example pass"},
		"nobody seals":             {to: "away@late.example", author: "a@sender.example", keys: []string{"early.example"}},
	} {
		t.Run(name, func(t *testing.T) {
			w, _, dir, r := newRulesWorld(t)
			if tt.keys == nil {
				tt.keys = []string{"late.example", "too.example", "early.example", "mx.example"}
			}
			s := newSigns(t, tt.keys...)
			w.Signer, w.Resolver, w.Config.HideUsers = s, s, tt.hides
			if _, err := dir.ChangeDomain(t.Context(), "late.example", func(d *directory.Domain) error { d.Names = []string{"too.example"}; return nil }); err != nil {
				t.Fatal(err)
			}
			if _, err := dir.AddAlias(t.Context(), directory.Alias{Address: "friends@late.example", Kind: directory.Distribution, Targets: []mail.Path{"x@elsewhere.example"}, Owner: login}); err != nil {
				t.Fatal(err)
			}
			if tt.script != "" {
				r.set(t, dir, login, tt.script)
			}
			content := tt.header + "From: " + string(tt.author) + "\r\nSubject: lunch\r\n\r\nat noon?\r\n"
			w.letter(t, tt.login, content, tt.to)
			c := w.commits[0]
			if len(c.Transfers) != 1 {
				t.Fatalf("%d transfers", len(c.Transfers))
			}
			if got := s.seen(t, c.Transfers[0], string(w.content)); got != tt.want {
				t.Errorf("got %q, want %q\n%s", got, tt.want, c.Transfers[0].Message.View.Prefix)
			}
		})
	}
}

// letter takes one message whole.
func (w *world) letter(t *testing.T, login mail.Path, content string, to ...mail.Path) {
	t.Helper()
	c, from := client, mail.Path("a@sender.example")
	if c.Login = login; login != "" {
		from = login
	}
	conv, _ := w.Connect(t.Context(), c)
	defer conv.Close()
	tx, v := conv.Mail(t.Context(), c, from, mail.Params{})
	for _, rcpt := range to {
		if v.Answer == mail.OK {
			v = tx.Rcpt(t.Context(), rcpt, mail.RcptParams{})
		}
	}
	if v.Answer == mail.OK {
		v = tx.Data(t.Context(), mail.NewMessage([]byte(content)), nil)
	}
	if v.Answer != mail.OK {
		t.Fatal(v)
	}
}

// Recipients who are served alike share one signature.
func TestSignedOnce(t *testing.T) {
	w, _, _ := newOutWorld(t)
	s := newSigns(t, "late.example")
	w.Signer, w.Resolver = s, s
	var to []mail.Path
	for i := range 30 {
		to = append(to, mail.Path(fmt.Sprintf("x%d@elsewhere.example", i)))
	}
	content := "From: none@late.example\r\n\r\nx\r\n"
	w.letter(t, "none@late.example", content, to...)
	list := w.commits[0].Transfers
	if s.n != 1 || len(list) != 30 || slices.ContainsFunc(list, func(tr *queue.Transfer) bool { return tr.Message != list[0].Message }) {
		t.Errorf("%d signatures for %d transfers", s.n, len(list))
	}
	if got := s.seen(t, list[29], string(w.content)); got != "late.example pass" {
		t.Error(got)
	}
}

// What was held is signed when it is released, as if it had not been.
func TestSignedAfterRelease(t *testing.T) {
	w, _, _ := newOutWorld(t)
	s := newSigns(t, "late.example")
	w.Signer, w.Resolver = s, s
	found := "Authentication-Results: mx.example; auth=pass smtp.auth=none@late.example\r\n"
	text := "From: none@late.example\r\n\r\nx\r\n"
	for head, want := range map[string]string{found: "DKIM-Signature: v=1; a=ed25519-sha256", "Authentication-Results: mx.example; none\r\n": "ARC-Seal: i=1;", "": "ARC-Seal: i=1;"} {
		if got := w.Signatures(t.Context(), mail.NewMessage([]byte(head+text)), "late.example"); !strings.HasPrefix(string(got), want) {
			t.Errorf("%q: got %q", head, got)
		}
	}
	if got := w.Signatures(t.Context(), mail.NewMessage([]byte(text)), ""); got != nil {
		t.Errorf("nobody sends it on: %q", got)
	}
	signed := string(w.Signatures(t.Context(), mail.NewMessage([]byte(found+text)), ""))
	if got := w.Signatures(t.Context(), mail.NewMessage([]byte(signed+found+text)), ""); got != nil {
		t.Errorf("signed again: %q", got)
	}
}

// Where a domain signs its return paths mail leaves so of those who had logged in, and of nobody else.
func TestReturnPathsSigned(t *testing.T) {
	const login = "none@late.example"
	for name, tt := range map[string]struct {
		login, to mail.Path
		script    string
		off       bool
		want      string // the reverse-path
	}{
		"a user":                  {login: login, to: "x@elsewhere.example", want: "good=none@late.example"},
		"by way of an alias":      {login: login, to: "away@late.example", want: "good=none@late.example"},
		"by rules":                {login: login, to: login, script: `redirect "x@elsewhere.example";`, want: "good=none@late.example"},
		"the domain does not":     {login: login, to: "x@elsewhere.example", off: true, want: "none@late.example"},
		"a path that can't be":    {login: "tag@late.example", to: "x@elsewhere.example", want: "tag@late.example"},
		"a stranger, by an alias": {to: "away@late.example", want: "SRS"},
		"a stranger, by rules":    {to: login, script: `redirect "x@elsewhere.example";`, want: "SRS"},
		"to a list":               {login: login, to: "friends@late.example", want: "none@late.example"},
	} {
		t.Run(name, func(t *testing.T) {
			w, _, dir, r := newRulesWorld(t)
			w.Returns = noted{}
			_, err := dir.ChangeDomain(t.Context(), "late.example", func(d *directory.Domain) error {
				if !tt.off {
					d.SignsReturns = time.Unix(1795694400, 0)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := dir.AddAlias(t.Context(), directory.Alias{Address: "friends@late.example", Kind: directory.Distribution, Targets: []mail.Path{"x@elsewhere.example"}, Owner: login}); err != nil {
				t.Fatal(err)
			}
			if tt.script != "" {
				r.set(t, dir, login, tt.script)
			}
			w.letter(t, tt.login, "Subject: x\r\n\r\nx\r\n", tt.to)
			if got := string(w.commits[0].Transfers[0].Message.Sender); got != tt.want && (tt.want != "SRS" || !strings.HasPrefix(got, "SRS0=")) {
				t.Errorf("it leaves under %s, want %s", got, tt.want)
			}
		})
	}
}
