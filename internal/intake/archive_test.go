package intake_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"gatepost/internal/directory"
	"gatepost/internal/intake"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
)

// keepAll gives a domain an archive.
func keepAll(t *testing.T, dir *directory.Directory, domain string) {
	t.Helper()
	_, err := dir.ChangeDomain(t.Context(), domain, func(d *directory.Domain) error { d.ArchiveDays = 365; return nil })
	if err != nil {
		t.Fatal(err)
	}
}

// records tells what a commit has for archives: "late.example In/2026-11: none@late.example, delivered".
func records(t *testing.T, dir *directory.Directory, login mail.Path, c *intake.Commit) (all []string) {
	t.Helper()
	for _, d := range c.Records {
		m, ok := dir.Snapshot().Box(d.Box)
		if !ok || m.State != directory.Archive || !d.Record || d.Blob != "blob-1" || d.Size != d.View.Size(int64(len(letterOf(login)))) {
			t.Errorf("record %+v in %v", d, m)
		}
		text := m.Address.Domain() + " " + strings.SplitN(d.Folder, "/", 2)[0] + ":"
		for line := range strings.SplitSeq(string(d.View.Prefix), "\r\n") {
			if _, rcpt, ok := strings.Cut(line, "X-Gatepost-Recipient: "); ok {
				text += " " + rcpt
			}
			if _, outcome, ok := strings.Cut(line, "X-Gatepost-Outcome: "); ok {
				text += ", " + outcome
			}
		}
		all = append(all, text)
	}
	slices.Sort(all)
	return all
}

func TestArchive(t *testing.T) {
	w, o, dir := newOutWorld(t)
	o.results = []queue.Result{{Fate: queue.Deferred}}
	for _, domain := range []string{"late.example", "tag.example", "hosted.example"} {
		keepAll(t, dir, domain)
	}
	none := []string(nil)
	for name, c := range map[string]struct {
		login string
		to    []string
		want  []string
	}{
		"delivered":               {to: []string{"none@late.example"}, want: []string{"late.example In: none@late.example, delivered"}},
		"held":                    {to: []string{"spam@late.example"}, want: []string{"late.example In: spam@late.example, held"}},
		"another name, one place": {to: []string{"none+x@late.example"}, want: []string{"late.example In: none+x@late.example, delivered"}},
		"to many, and of mixed outcome": {
			to:   []string{"none@late.example", "spam@late.example", "accept@late.example"},
			want: []string{"late.example In: none@late.example spam@late.example accept@late.example, delivered none@late.example, held spam@late.example, delivered accept@late.example"},
		},
		"each domain knows of its own": {
			to:   []string{"none@late.example", "none@tag.example", "none@junk.example"},
			want: []string{"late.example In: none@late.example, delivered", "tag.example In: none@tag.example, delivered"},
		},
		"relayed":   {to: []string{"x@hosted.example"}, want: []string{"hosted.example In: x@hosted.example, queued"}},
		"sent on":   {to: []string{"away@late.example"}, want: []string{"late.example In: away@late.example, queued"}},
		"refused":   {to: []string{"reject@late.example"}, want: none},
		"deferred":  {to: []string{"defer@late.example"}, want: none},
		"discarded": {to: []string{"discard@late.example"}, want: none},
		"not kept":  {to: []string{"none@junk.example"}, want: none},
		"out":       {login: "none@late.example", to: []string{"x@elsewhere.example"}, want: []string{"late.example Out: x@elsewhere.example, queued"}},
		"out and in, with who is Bcc": {
			login: "none@late.example", to: []string{"x@elsewhere.example", "none@tag.example", "accept@late.example"},
			want: []string{
				"late.example In: accept@late.example, delivered",
				"late.example Out: x@elsewhere.example none@tag.example accept@late.example, queued x@elsewhere.example, delivered none@tag.example, delivered accept@late.example",
				"tag.example In: none@tag.example, delivered",
			},
		},
		"out of a domain that keeps nothing": {login: "none@junk.example", to: []string{"none@late.example"}, want: []string{"late.example In: none@late.example, delivered"}},
	} {
		t.Run(name, func(t *testing.T) {
			w.commits = nil
			w.sendAs(t, mail.Path(c.login), c.to...)
			var got []string
			for _, commit := range w.commits {
				got = append(got, records(t, dir, mail.Path(c.login), commit)...)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

// What rules delete is in the archives of both domains; nobody keeps his mail, or others', out of them.
func TestArchiveErased(t *testing.T) {
	const mailbox, domain = "none@late.example", "accept@late.example"
	w, _, dir, r := newRulesWorld(t)
	keepAll(t, dir, "late.example")
	keepAll(t, dir, "tag.example")
	r.set(t, dir, mailbox, "discard;")
	for _, to := range []string{mailbox, domain} {
		if to == domain {
			_, err := dir.ChangeDomain(t.Context(), "late.example", func(d *directory.Domain) error { d.Rules.In = "discard;"; return nil })
			if err != nil {
				t.Fatal(err)
			}
		}
		w.commits = nil
		w.sendAs(t, "none@tag.example", to)
		want := []string{"late.example In: " + to + ", discarded", "tag.example Out: " + to + ", discarded"}
		if got := records(t, dir, "none@tag.example", w.commits[0]); !slices.Equal(got, want) || len(w.commits[0].Deliveries) != 0 {
			t.Errorf("%s: got %q, %d deliveries", to, got, len(w.commits[0].Deliveries))
		}
	}
}

// sendAs is send for somebody who has logged in, or for a stranger.
func (w *world) sendAs(t *testing.T, login mail.Path, to ...string) mail.Answer {
	t.Helper()
	own, from := client, mail.Path("a@sender.example")
	if own.Login = login; login != "" {
		from = login
	}
	conv, _ := w.Connect(t.Context(), own)
	defer conv.Close()
	tx, v := conv.Mail(t.Context(), own, from, mail.Params{})
	if v.Answer != mail.OK {
		t.Fatal(v)
	}
	for _, rcpt := range to {
		if v := tx.Rcpt(t.Context(), mail.Path(rcpt), mail.RcptParams{}); v.Answer != mail.OK {
			t.Fatal(rcpt, v)
		}
	}
	return tx.Data(t.Context(), mail.NewMessage([]byte(letterOf(login))), []byte("Received: test\r\n")).Answer
}

// letterOf is the letter as somebody writes it who has logged in, or as a stranger does.
func letterOf(login mail.Path) string {
	if login == "" {
		return letter
	}
	return "X-Spam-Flag: NO\r\n" + strings.Replace(ownLetter, "none@late.example", string(login), 1)
}

// What is forged in the message stands in no archive, and who sent it does.
func TestArchiveFields(t *testing.T) {
	w, _, dir := newOutWorld(t)
	keepAll(t, dir, "late.example")
	w.sendAs(t, "none@late.example", "accept@late.example")
	for _, d := range w.commits[0].Records {
		m := d.View.Message(mail.NewMessage([]byte(letterOf("none@late.example"))))
		for name, want := range map[string]string{
			"Return-Path": "<none@late.example>", "X-Gatepost-Login": "none@late.example", "X-Spam-Flag": "", "Subject": "hello", "Received": "test",
		} {
			if got := m.Header().Get(name); strings.TrimSpace(got) != want {
				t.Errorf("%s: %s: got %q, want %q", d.Folder, name, got, want)
			}
		}
	}
}

// By which log-in it was sent the archive of the domain that sent it has; others' do not where users are hidden.
func TestArchiveHidesLogin(t *testing.T) {
	for name, tt := range map[string]struct {
		hides bool
		want  string // in the other domain
	}{"hidden": {true, ""}, "shown": {false, "none@late.example"}} {
		t.Run(name, func(t *testing.T) {
			w, _, dir := newOutWorld(t)
			w.Config.HideUsers = tt.hides
			keepAll(t, dir, "late.example")
			keepAll(t, dir, "tag.example")
			w.sendAs(t, "none@late.example", "none@tag.example")
			got := map[string]string{}
			for _, d := range w.commits[0].Records {
				m := d.View.Message(mail.NewMessage([]byte(letterOf("none@late.example"))))
				got[strings.SplitN(d.Folder, "/", 2)[0]] = m.Header().Get("X-Gatepost-Login")
			}
			if len(got) != 2 || got["Out"] != "none@late.example" || got["In"] != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// What others took before the answer is kept all the same; where it can't be, the client has to
// come again, and others get it twice: better than an archive that lacks it.
func TestArchiveInline(t *testing.T) {
	w, o, dir := newOutWorld(t)
	keepAll(t, dir, "hosted.example")
	w.Config.RelayInline = true
	o.results = []queue.Result{{Fate: queue.Carried}}
	if a := w.sendAs(t, "", "x@hosted.example"); a != mail.OK {
		t.Fatal(a)
	}
	if got := fmt.Sprint(records(t, dir, "", w.commits[0])); got != "[hosted.example In: x@hosted.example, relayed]" {
		t.Errorf("got %s", got)
	}
	w.commitErr = errors.New("full")
	if a := w.sendAs(t, "", "x@hosted.example"); a != mail.Failed {
		t.Errorf("not kept, and the client hears %v", a)
	}
}

// A message that comes again and again while it is held is kept once.
func TestArchiveSame(t *testing.T) {
	c := newChallengeWorld(t)
	keepAll(t, c.Directory.(*directory.Directory), "late.example")
	for range 3 {
		c.bring(t, sender, spam, "spam@late.example")
	}
	kept := 0
	for _, commit := range c.commits {
		kept += len(commit.Records)
	}
	if len(c.commits) != 3 || kept != 1 {
		t.Errorf("%d commits, and it is kept %d times", len(c.commits), kept)
	}
}
