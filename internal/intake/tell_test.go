package intake_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/internal/directory"
	"gatepost/internal/intake"
	"gatepost/internal/journal"
	"gatepost/internal/mail"
	"gatepost/pipeline"
	"gatepost/quarantine"
)

// A challengeWorld keeps what is committed in a real store, and links, proof and clock are
// the test's.
type challengeWorld struct {
	*world
	out   *outside
	dir   *directory.Directory
	clock time.Time
	proof string
	spf   string
	unsure,
	linkless error // of proof and links
	woke   int
	last   *journal.Record
	before func() // runs before the next commit, once
}

func newChallengeWorld(t *testing.T) *challengeWorld {
	t.Helper()
	w, o, dir := newOutWorld(t)
	c := &challengeWorld{world: w, out: o, dir: dir, clock: time.Now(), proof: "spf", spf: "pass"}
	w.Now = func() time.Time { return c.clock }
	w.Config.SameWithin = 7 * 24 * time.Hour
	w.Store, w.Sames, w.Prover, w.Links, w.Notices, w.Journal = committing{c}, w.db.Sames(), c, c, c, recording{journalOf{w}, c}
	c.domain(t, "late.example", func(d *directory.Domain) { d.Challenge = directory.ByReply })
	return c
}

func (c *challengeWorld) domain(t *testing.T, name string, change func(*directory.Domain)) {
	t.Helper()
	if _, err := c.dir.ChangeDomain(t.Context(), name, func(d *directory.Domain) error { change(d); return nil }); err != nil {
		t.Fatal(err)
	}
}

// The answer to all says that its link is not for all.
// Whom somebody blocked, or whose domain disowns him, is offered no way, in any mode.
func TestFirmResultsAreNotTold(t *testing.T) {
	for _, challenge := range []directory.Challenge{directory.ByReply, directory.ByNotice} {
		c := newChallengeWorld(t)
		c.domain(t, "late.example", func(d *directory.Domain) { d.Challenge = challenge })
		for _, p := range c.Policies().ByName {
			results := p.Entries[0].Kind.Results
			for i := range results {
				results[i].Firm = results[i].Word == "spam"
			}
		}
		v := c.bring(t, sender, spam, "spam@late.example")
		if got := strings.Join(c.rows(t), "; "); v.Answer != mail.OK || len(v.Links) != 0 || got != `spam@late.example held "not: firm"` {
			t.Errorf("%s: got %v with %q, held: %s", challenge, v.Answer, v.Links, got)
		}
	}
}

func TestToldBesideRefused(t *testing.T) {
	for to, some := range map[mail.Path]bool{"reject@late.example": true, "spam+2@late.example": false} {
		c := newChallengeWorld(t)
		v := c.bring(t, sender, spam, "spam@late.example", to)
		if v.Some != some || len(v.Links) != 1 || strings.HasPrefix(v.Reason, "refused for some recipients") != some || !strings.HasSuffix(c.last.Reply, v.Reason) {
			t.Errorf("beside %s: %+v, journal %q", to, v, c.last.Reply)
		}
	}
}

// committing has both the test's world and the store take a commit.
type committing struct{ *challengeWorld }

func (c committing) Commit(ctx context.Context, commit *intake.Commit) error {
	if f := c.before; f != nil {
		c.challengeWorld.before = nil
		f()
	}
	if err := c.world.Commit(ctx, commit); err != nil {
		return err
	}
	err := c.db.Commit(ctx, commit)
	if err != nil {
		c.commits = c.commits[:len(c.commits)-1]
	}
	return err
}

// recording keeps the last record.
type recording struct {
	journalOf
	c *challengeWorld
}

func (r recording) Write(ctx context.Context, rec *journal.Record) (*journal.Row, error) {
	r.c.last = rec
	row, err := r.journalOf.Write(ctx, rec)
	row.Time = r.c.clock
	return row, err
}

func (c *challengeWorld) Proven(context.Context, *pipeline.Transaction) (string, string, error) {
	return c.proof, c.spf, c.unsure
}

func (c *challengeWorld) Link(_ context.Context, tx string, made, expires time.Time) (string, error) {
	return fmt.Sprintf("https://m.example/c/%s-%d-%d", tx, made.Unix(), expires.Unix()), c.linkless
}

func (c *challengeWorld) Wake() { c.woke++ }

const spam = "From: Ann <a@sender.example>\r\nSubject: hello\r\nMessage-ID: <1@sender.example>\r\n\r\nbody\r\n"

// bring does one transaction.
func (c *challengeWorld) bring(t *testing.T, from mail.Path, content string, to ...mail.Path) mail.Verdict {
	t.Helper()
	conv, _ := c.Connect(t.Context(), client)
	defer conv.Close()
	conv.Helo(t.Context(), client)
	tx, v := conv.Mail(t.Context(), client, from, mail.Params{})
	if v.Answer != mail.OK {
		t.Fatal(v)
	}
	for _, rcpt := range to {
		if v := tx.Rcpt(t.Context(), rcpt, mail.RcptParams{}); v.Answer != mail.OK {
			t.Fatal(rcpt, v)
		}
	}
	return tx.Data(t.Context(), mail.NewMessage([]byte(content)), []byte("Received: test\r\n"))
}

// rows are the held messages in the store: recipient, state and what the sender heard.
func (c *challengeWorld) rows(t *testing.T) (all []string) {
	t.Helper()
	for _, h := range c.held(t) {
		all = append(all, fmt.Sprintf("%s %s %q", h.Recipient, h.State, h.Told))
	}
	slices.Sort(all)
	return all
}

func (c *challengeWorld) held(t *testing.T) []quarantine.Held {
	t.Helper()
	page, err := c.db.Quarantine().Find(t.Context(), quarantine.Query{})
	if err != nil {
		t.Fatal(err)
	}
	return page.Rows
}

func TestTold(t *testing.T) {
	with := func(field string) string { return field + "\r\n" + spam }
	tests := []struct {
		name    string
		set     func(*challengeWorld, *directory.Domain)
		from    mail.Path
		content string
		to      []mail.Path
		answer  mail.Answer
		links   int
		rows    string
	}{
		{name: "by the answer", answer: mail.Refused, links: 1, rows: `spam@late.example held "reply"`},
		{name: "to whom nothing proves, too: no mail is sent", set: func(c *challengeWorld, _ *directory.Domain) { c.proof, c.spf = "", "fail" },
			answer: mail.Refused, links: 1, rows: `spam@late.example held "reply"`},
		{name: "a domain that tells nobody", set: func(_ *challengeWorld, d *directory.Domain) { d.Challenge = directory.Off }, rows: `spam@late.example held ""`},
		{name: "no base for links", set: func(c *challengeWorld, _ *directory.Domain) { c.Links = nil }, rows: `spam@late.example held ""`},
		{name: "null sender", from: "<>", rows: `spam@late.example held "not: null sender"`},
		{name: "a list", content: with("List-Id: <x>"), rows: `spam@late.example held "not: list"`},
		{name: "bulk", content: with("Precedence: bulk"), rows: `spam@late.example held "not: list"`},
		{name: "a program", content: with("Auto-Submitted: auto-generated"), rows: `spam@late.example held "not: automatic"`},
		{name: "an address for bounces", from: "bounces+1-a=late.example@sender.example", rows: `spam@late.example held "not: bounce address"`},
		{name: "by a relay of ours", set: func(c *challengeWorld, _ *directory.Domain) {
			c.Config.TrustedRelays = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
		}, rows: `spam@late.example held "not: relayed"`},
		{name: "by a relay of ours, which names a client that is proven: by a notice", content: with("Received: from mx.sender.example ([198.51.100.9]) by mx2.example"),
			set: func(c *challengeWorld, _ *directory.Domain) {
				c.Config.TrustedRelays = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
			},
			rows: `spam@late.example held "due"`},
		{name: "held whatever the disposition", to: []mail.Path{"quarantine@late.example"}, rows: `quarantine@late.example held "not: not spam"`},
		{name: "beside a taker by a notice", to: []mail.Path{"spam@late.example", "none@late.example"}, rows: `spam@late.example held "due"`},
		{name: "beside a taker, and nothing proves him", set: func(c *challengeWorld, _ *directory.Domain) { c.proof = "" },
			to: []mail.Path{"spam@late.example", "none@late.example"}, rows: `spam@late.example held "not: not proven"`},
		{name: "beside one who is refused", to: []mail.Path{"spam@late.example", "reject@late.example"}, answer: mail.Refused, links: 1, rows: `spam@late.example held "reply"`},
		{name: "two in one link", to: []mail.Path{"spam@late.example", "spam@hosted.example"}, answer: mail.Refused, links: 1,
			set:  func(c *challengeWorld, _ *directory.Domain) {},
			rows: `spam@hosted.example held "reply"; spam@late.example held "reply"`},
		{name: "by a notice", set: func(_ *challengeWorld, d *directory.Domain) { d.Challenge = directory.ByNotice }, rows: `spam@late.example held "due"`},
		{name: "by a notice, spf fails", set: func(c *challengeWorld, d *directory.Domain) { d.Challenge, c.spf = directory.ByNotice, "fail" },
			rows: `spam@late.example held "not: spf fail"`},
		{name: "by a notice, the DNS is away", set: func(c *challengeWorld, d *directory.Domain) {
			d.Challenge, c.unsure = directory.ByNotice, errors.New("no answer")
		},
			rows: `spam@late.example held "not: not proven"`},
		{name: "by a notice, the own domain", from: "x@late.example", set: func(_ *challengeWorld, d *directory.Domain) { d.Challenge = directory.ByNotice },
			rows: `spam@late.example held "not: own domain"`},
		{name: "by a notice, the own domain, as it is set", from: "x@late.example",
			set: func(c *challengeWorld, d *directory.Domain) {
				d.Challenge, c.Config.ToOwnDomain = directory.ByNotice, true
			},
			rows: `spam@late.example held "due"`},
		{name: "by a notice, an old Date", set: func(_ *challengeWorld, d *directory.Domain) { d.Challenge = directory.ByNotice },
			content: with("Date: Mon, 20 Jan 2025 10:00:00 +0000"), rows: `spam@late.example held "not: too old"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newChallengeWorld(t)
			c.domain(t, "hosted.example", func(d *directory.Domain) { d.Challenge = directory.ByReply })
			if tt.set != nil {
				c.domain(t, "late.example", func(d *directory.Domain) { tt.set(c, d) })
			}
			from := tt.from
			switch from {
			case "":
				from = "a@sender.example"
			case "<>":
				from = ""
			}
			if tt.content == "" {
				tt.content = spam
			}
			if tt.to == nil {
				tt.to = []mail.Path{"spam@late.example"}
			}
			v := c.bring(t, from, tt.content, tt.to...)
			if v.Answer != tt.answer || len(v.Links) != tt.links {
				t.Errorf("answer: got %v with %q, want %v with %d links", v.Answer, v.Links, tt.answer, tt.links)
			}
			if got := strings.Join(c.rows(t), "; "); got != tt.rows {
				t.Errorf("held: got %s, want %s", got, tt.rows)
			}
			if due := strings.Contains(tt.rows, `"due"`); due != (c.woke > 0) {
				t.Errorf("woken %d times", c.woke)
			}
			if record := fmt.Sprintf("%+v", c.last); strings.Contains(record, "https://") {
				t.Errorf("the journal has the link: %s", record)
			}
			held := "held as possible spam; its sender is given a link to deliver it"
			if slices.Contains(tt.to, "reject@late.example") {
				held = "refused for some recipients, held as possible spam for others; its sender is given a link to deliver it to those"
			}
			if tt.links > 0 && (c.last.Reply != "refused: "+held || c.last.State == "refused") {
				t.Errorf("journal: %q, %q", c.last.Reply, c.last.State)
			}
		})
	}
}

// What is held says who wrote it and what proves it, and whether it is dangerous.
func TestHeldFields(t *testing.T) {
	c := newChallengeWorld(t)
	guard := policy("default", pipeline.Data)
	guard.Entries[0].Kind.Guarded = true
	c.SetPolicies(&intake.Policies{Gate: &pipeline.Policy{Name: "gate"}, Default: "default", ByName: map[string]*pipeline.Policy{"default": guard}})
	c.proof = "dkim sender.example"
	c.bring(t, "a@sender.example", "From: =?utf-8?q?Zo=C3=A9?=\r\n\t<a@sender.example>\r\n\r\nx\r\n", "spam@late.example", "quarantine@late.example", "none@late.example")
	var got []string
	for _, h := range c.held(t) {
		got = append(got, fmt.Sprintf("%s: %s, %s, %v, %s", h.Recipient, h.Author, h.Proof, h.Guarded, h.Told))
	}
	slices.Sort(got)
	want := []string{
		"quarantine@late.example: Zoé <a@sender.example>, dkim sender.example, true, not: guarded",
		"spam@late.example: Zoé <a@sender.example>, dkim sender.example, false, due",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if slices.Sort(c.told); !slices.Equal(c.told, []string{"due", "guarded"}) {
		t.Errorf("counted %q", c.told)
	}
}

// A 5yz with a link stands for a copy that is on disk: without it the message stays with
// the client.
func TestHeldBeforeRefusal(t *testing.T) {
	boom := errors.New("boom")
	for name, set := range map[string]func(*challengeWorld){
		"content": func(c *challengeWorld) { c.putErr = boom }, "commit": func(c *challengeWorld) { c.commitErr = boom },
		"links": func(c *challengeWorld) { c.linkless = boom },
	} {
		t.Run(name, func(t *testing.T) {
			c := newChallengeWorld(t)
			set(c)
			if v := c.bring(t, "a@sender.example", spam, "spam@late.example"); v.Answer != mail.Failed || v.Links != nil {
				t.Errorf("answer: %v %q", v.Answer, v.Links)
			}
			if rows := c.rows(t); rows != nil {
				t.Errorf("held: %q", rows)
			}
		})
	}
}

// The owner's word on disposition and level counts where the domain leaves it open, and
// where the recipient is one mailbox.
func TestOwnersWord(t *testing.T) {
	tests := []struct {
		name     string
		owners   []directory.May
		box      directory.Mailbox
		required float64
		outcome  string
	}{
		{"nothing is left open", nil, directory.Mailbox{Disposition: "junk", Level: 1}, 5, "held-told"},
		{"the disposition", []directory.May{directory.MayDisposition}, directory.Mailbox{Disposition: "junk", Level: 1}, 5, "junked"},
		{"the domain's disposition", []directory.May{directory.MayDisposition}, directory.Mailbox{}, 5, "held-told"},
		{"strict", []directory.May{directory.MayLevel}, directory.Mailbox{Disposition: "tag", Level: 1}, 1.25, "held-told"},
		{"the policy's", []directory.May{directory.MayLevel}, directory.Mailbox{Level: 4}, 5, "held-told"},
		{"lax", []directory.May{directory.MayLevel, directory.MayDisposition}, directory.Mailbox{Disposition: "tag", Level: 7}, 8.75, "tagged"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newChallengeWorld(t)
			c.domain(t, "late.example", func(d *directory.Domain) { d.Owners = tt.owners })
			_, err := c.dir.ChangeMailbox(t.Context(), "spam@late.example", func(m *directory.Mailbox) error {
				m.Disposition, m.Level = tt.box.Disposition, tt.box.Level
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			c.bring(t, "a@sender.example", spam, "spam@late.example")
			walk := c.last.Walks[1]
			if walk.Outcome != tt.outcome || walk.Required != tt.required {
				t.Errorf("got %s at %g, want %s at %g", walk.Outcome, walk.Required, tt.outcome, tt.required)
			}
		})
	}
}

// Spam is never carried on: not to where a mailbox here is junked or tagged and the address
// leads elsewhere, too, which is held; nor to where the mailbox is copied.
func TestSpamStaysHere(t *testing.T) {
	for _, disposition := range []directory.Disposition{"junk", "tag", "quarantine"} {
		t.Run(string(disposition), func(t *testing.T) {
			c := newChallengeWorld(t)
			if _, err := c.dir.AddAlias(t.Context(), directory.Alias{Address: "spam+half@late.example", Targets: []mail.Path{"none@late.example", "bob@elsewhere.example"}}); err != nil {
				t.Fatal(err)
			}
			c.domain(t, "late.example", func(d *directory.Domain) { d.Disposition, d.Challenge = disposition, directory.ByNotice })
			_, err := c.dir.ChangeMailbox(t.Context(), "spam@late.example", func(m *directory.Mailbox) error {
				m.Copies = []mail.Path{"copy@elsewhere.example", "accept@late.example"}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			c.bring(t, "a@sender.example", spam, "spam+half@late.example")
			c.bring(t, "b@sender.example", spam, "spam@late.example")
			copied, _ := c.dir.Snapshot().Mailbox("accept@late.example")
			var elsewhere int
			for _, commit := range c.commits {
				if len(commit.Transfers) > 0 {
					t.Errorf("carried on to %s", commit.Transfers[0].Recipient)
				}
				for _, d := range commit.Deliveries {
					if d.Box == copied.ID {
						t.Error("copied to a mailbox here")
					}
				}
				for _, h := range commit.Held {
					if h.Box == quarantine.Elsewhere {
						elsewhere++
					}
				}
			}
			if elsewhere != 1 {
				t.Errorf("%d rows for elsewhere, want 1", elsewhere)
			}
		})
	}
}

// allowing are policies by which nothing is spam.
func allowing() *intake.Policies {
	p := policy("default", pipeline.Data)
	p.Entries[0].On["spam"], _ = pipeline.ParseEffect("accept")
	return &intake.Policies{Gate: &pipeline.Policy{Name: "gate"}, Default: "default", ByName: map[string]*pipeline.Policy{"default": p}}
}
