package intake_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/trust"
)

// noted is a Ledger that marks by the reverse-path, and reads return paths: "good=ann@…" was signed,
// "bad=ann@…" by somebody else.
type noted struct{}

func (noted) Mark(sender mail.Path, _ *mail.Message) []byte {
	if sender.IsNull() {
		return nil
	}
	return []byte(sender)
}

func (noted) Verify(_ context.Context, p mail.Path) (mail.Path, error) {
	if plain, ok := cut(p, "good="); ok {
		return plain, nil
	}
	if plain, ok := cut(p, "bad="); ok {
		return plain, errors.New("forged")
	}
	return "", errors.New("not signed")
}

func (noted) SignFrom(_ context.Context, p mail.Path, _ time.Time) (mail.Path, error) {
	if p == "tag@late.example" {
		return "", errors.New("too long")
	}
	return "good=" + p, nil
}

func cut(p mail.Path, prefix string) (mail.Path, bool) {
	if len(p) < len(prefix) || string(p[:len(prefix)]) != prefix {
		return "", false
	}
	return p[len(prefix):], true
}

// What users write, to lists too, is known when reports about it come back, and what
// strangers write is not; the writer learns to trust those he writes to himself.
func TestSentAndTaught(t *testing.T) {
	const login, list = "none@late.example", "friends@late.example"
	for name, tt := range map[string]struct {
		login, from, to mail.Path
		header          string
		learns          directory.Learning
		marked          bool
		teaches         func(box, domain int64) trust.Scope
	}{
		"a user":                      {login: login, to: "x@elsewhere.example", marked: true, teaches: func(box, _ int64) trust.Scope { return trust.ForMailbox(box) }},
		"under a sub-address":         {login: login, from: "none+x@late.example", to: "x@elsewhere.example", marked: true, teaches: func(box, _ int64) trust.Scope { return trust.ForMailbox(box) }},
		"for the domain":              {login: login, to: "x@elsewhere.example", learns: directory.LearnDomain, marked: true, teaches: func(_, domain int64) trust.Scope { return trust.ForDomain(domain) }},
		"for nobody":                  {login: login, to: "x@elsewhere.example", learns: directory.LearnOff, marked: true},
		"a program":                   {login: login, to: "x@elsewhere.example", header: "Auto-Submitted: auto-generated\r\n", marked: true},
		"no program":                  {login: login, to: "x@elsewhere.example", header: "Auto-Submitted: no\r\n", marked: true, teaches: func(box, _ int64) trust.Scope { return trust.ForMailbox(box) }},
		"a mailing":                   {login: login, to: "x@elsewhere.example", header: "Precedence: Bulk\r\n", marked: true},
		"a list's mail":               {login: login, to: "x@elsewhere.example", header: "List-Id: <a.example>\r\n", marked: true},
		"an auto-reply":               {login: login, to: "x@elsewhere.example", header: "Precedence: auto_reply\r\n", marked: true},
		"an old auto-reply":           {login: login, to: "x@elsewhere.example", header: "X-Autoreply: yes\r\n", marked: true},
		"an old responder":            {login: login, to: "x@elsewhere.example", header: "X-Autorespond: I am away\r\n", marked: true},
		"wants no answers":            {login: login, to: "x@elsewhere.example", header: "X-Auto-Response-Suppress: All\r\n", marked: true},
		"a program, on a second line": {login: login, to: "x@elsewhere.example", header: "Auto-Submitted: no\r\nAuto-Submitted: auto-replied (away)\r\n", marked: true},
		"no program, with a comment":  {login: login, to: "x@elsewhere.example", header: "Auto-Submitted: no (a person)\r\n", marked: true, teaches: func(box, _ int64) trust.Scope { return trust.ForMailbox(box) }},
		"first class":                 {login: login, to: "x@elsewhere.example", header: "Precedence: first-class\r\n", marked: true, teaches: func(box, _ int64) trust.Scope { return trust.ForMailbox(box) }},
		"a read receipt":              {login: login, to: "x@elsewhere.example", header: "Content-Type: Multipart/Report; report-type=disposition-notification;\r\n\tboundary=b\r\n", marked: true},
		"a read receipt's words":      {login: login, to: "x@elsewhere.example", header: "Content-Type: message/disposition-notification\r\n", marked: true},
		"without a sender":            {login: login, from: "-", to: "x@elsewhere.example"},
		"by way of an alias":          {login: login, to: "away@late.example", marked: true},
		"a domain behind us":          {login: login, to: "x@hosted.example", marked: true},
		"a stranger, to one who left": {from: "a@sender.example", to: "away@late.example"},
		"a stranger, to a list":       {from: "a@sender.example", to: list},
		"a user, to a list":           {login: login, to: list, marked: true},
	} {
		t.Run(name, func(t *testing.T) {
			w, _, dir := newOutWorld(t)
			w.Ledger = noted{}
			_, err := dir.AddAlias(t.Context(), directory.Alias{Address: list, Kind: directory.Distribution, Targets: []mail.Path{"x@elsewhere.example"}, Owner: login})
			if err != nil {
				t.Fatal(err)
			}
			dom, err := dir.ChangeDomain(t.Context(), "late.example", func(d *directory.Domain) error { d.LearnOutgoing = tt.learns; return nil })
			if err != nil {
				t.Fatal(err)
			}
			box, _ := dir.Snapshot().Mailbox(login)
			c := client
			c.Login = tt.login
			from := tt.login
			if tt.from != "" {
				from = tt.from
			}
			if from == "-" {
				from = mail.Null
			}
			conv, _ := w.Connect(t.Context(), c)
			defer conv.Close()
			tx, v := conv.Mail(t.Context(), c, from, mail.Params{})
			if v.Answer != mail.OK {
				t.Fatal(v)
			}
			tx.Rcpt(t.Context(), tt.to, mail.RcptParams{})
			content := tt.header + letter
			if tt.login != "" {
				content = tt.header + ownLetter
			}
			if v := tx.Data(t.Context(), mail.NewMessage([]byte(content)), nil); v.Answer != mail.OK {
				t.Fatal(v)
			}
			want := ""
			if tt.teaches != nil {
				want = string(tt.teaches(box.ID, dom.ID))
			}
			for _, tr := range w.commits[0].Transfers {
				if tr.Teach != want || (tr.Message.Mark != nil) != tt.marked || tt.marked && string(tr.Message.Mark) != string(tr.Message.Sender) {
					t.Errorf("to %s: teaches %q, marked %q; want %q, %v", tr.Recipient, tr.Teach, tr.Message.Mark, want, tt.marked)
				}
			}
			if len(w.commits[0].Transfers) != 1 {
				t.Errorf("%d transfers", len(w.commits[0].Transfers))
			}
		})
	}
}

// A report comes to the mailbox behind a signed return path; one with a bad signature too,
// so that filters may judge it, but nobody else may write there.
func TestSignedReturns(t *testing.T) {
	for name, tt := range map[string]struct {
		from, to mail.Path
		want     mail.Answer
		lands    string
	}{
		"signed":                         {"", "good=none@late.example", mail.OK, "none@late.example"},
		"signed, from somebody":          {"a@sender.example", "good=none@late.example", mail.OK, "none@late.example"},
		"badly signed":                   {"", "bad=none@late.example", mail.OK, "none@late.example"},
		"badly signed, from somebody":    {"a@sender.example", "bad=none@late.example", mail.NoSuchMailbox, ""},
		"signed for nobody":              {"", "good=nobody@late.example", mail.NoSuchMailbox, ""},
		"not signed":                     {"", "other=none@late.example", mail.NoSuchMailbox, ""},
		"by servers of the domain's own": {"", "bad=x@hosted.example", mail.OK, "bad=x@hosted.example"},
	} {
		t.Run(name, func(t *testing.T) {
			w, _, _ := newOutWorld(t)
			w.Returns = noted{}
			conv, _ := w.Connect(t.Context(), client)
			defer conv.Close()
			tx, _ := conv.Mail(t.Context(), client, tt.from, mail.Params{})
			if v := tx.Rcpt(t.Context(), tt.to, mail.RcptParams{}); v.Answer != tt.want {
				t.Fatalf("got %v, want %v", v, tt.want)
			}
			if tt.want != mail.OK {
				tx.Abort(mail.OK, "QUIT")
				return
			}
			tx.Data(t.Context(), mail.NewMessage([]byte(letter)), nil)
			var lands []string
			for _, d := range w.commits[0].Deliveries {
				box, _ := w.Directory.Snapshot().Box(d.Box)
				lands = append(lands, string(box.Address))
			}
			for _, tr := range w.commits[0].Transfers {
				lands = append(lands, string(tr.Recipient))
			}
			for _, h := range w.commits[0].Held { // its local part is no word of the test's policy
				lands = append(lands, string(h.Recipient))
			}
			if !slices.Equal(lands, []string{tt.lands}) {
				t.Errorf("lands in %q, want %q", lands, tt.lands)
			}
		})
	}
}
