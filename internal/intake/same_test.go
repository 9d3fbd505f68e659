package intake_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/quarantine"
)

// settle ends a hold by somebody's act.
func (c *challengeWorld) settle(t *testing.T, what quarantine.State) {
	t.Helper()
	for _, h := range c.held(t) {
		if h.State == quarantine.StateHeld {
			if _, err := c.db.Quarantine().Settle(t.Context(), h.ID, quarantine.Act{Who: "sender", What: what, When: c.clock}, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// stored counts what there is of a message in the inboxes of late.example, by the commits
// and by the releases.
func (c *challengeWorld) stored() (n int) {
	for _, commit := range c.commits {
		n += len(commit.Deliveries)
	}
	return n
}

const sender = mail.Path("a@sender.example")

// A message that comes again is the one that is held: one row, one link.
func TestSameIsHeldOnce(t *testing.T) {
	tests := map[string]struct {
		from    mail.Path
		content string
		same    bool
	}{
		"a retry":                {sender, spam, true},
		"another MX":             {sender, "Received: by mx2.example\r\n" + spam, true},
		"BATV":                   {"prvs=0123456789=a@sender.example", spam, true},
		"a forwarder":            {"SRS0=ab=TT=sender.example=a@fwd.example", spam, true},
		"a resend":               {sender, strings.Replace(spam, "<1@", "<2@", 1), true},
		"line ends and blanks":   {sender, strings.Replace(spam, "body\r\n", "body  \r\n\r\n", 1), true},
		"another text":           {sender, strings.Replace(spam, "body", "other", 1), false},
		"another subject":        {sender, strings.Replace(spam, "hello", "other", 1), false},
		"another sender":         {"b@sender.example", spam, false},
		"another of that domain": {"aa@sender.example", spam, false},
		"another author":         {sender, strings.Replace(spam, "<a@", "<b@", 1), false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := newChallengeWorld(t)
			first := c.bring(t, sender, spam, "spam@late.example")
			c.clock = c.clock.Add(3 * time.Hour)
			again := c.bring(t, tt.from, tt.content, "spam@late.example")
			if again.Answer != mail.Refused || len(again.Links) != 1 {
				t.Fatalf("answer %v %q", again.Answer, again.Links)
			}
			if same := slices.Equal(first.Links, again.Links); same != tt.same {
				t.Errorf("links %q and %q", first.Links, again.Links)
			}
			if rows := c.rows(t); len(rows) != 2-map[bool]int{true: 1}[tt.same] {
				t.Errorf("held: %q", rows)
			}
			if outcome := c.last.Walks[1].Outcome; (outcome == "held-again") != tt.same || c.last.State != outcome {
				t.Errorf("journal: %s, %s", outcome, c.last.State)
			}
			if steps := fmt.Sprint(c.last.Walks); strings.Contains(steps, "is held already as "+c.held(t)[0].ID) != tt.same {
				t.Errorf("journal: %s", steps)
			}
		})
	}
}

// What one person sends with a number for a name is not dropped since another one's was
// released.
func TestSameOfNumbers(t *testing.T) {
	for one, other := range map[mail.Path]mail.Path{"33-612345678@sms.example": "33-698765432@sms.example", "b.1985@home.example": "b.1990@home.example"} {
		c := newChallengeWorld(t)
		if v := c.bring(t, one, spam, "spam@late.example"); len(v.Links) != 1 {
			t.Errorf("%s is no person: %+v", one, v)
		}
		c.settle(t, quarantine.StateReleased)
		if v := c.bring(t, other, spam, "spam@late.example"); v.Answer != mail.Refused || len(v.Links) != 1 || len(c.rows(t)) != 2 {
			t.Errorf("%s: answer %+v, rows %q", other, v, c.rows(t))
		}
	}
}

// How long the same is the same, and what its end means for one that comes again.
func TestSameEnds(t *testing.T) {
	tests := map[string]struct {
		after  time.Duration
		state  quarantine.State // of the first when the second comes
		answer mail.Answer
		rows   int
	}{
		"within the time":             {7*24*time.Hour - time.Minute, quarantine.StateHeld, mail.Refused, 1},
		"after the time":              {7*24*time.Hour + time.Minute, quarantine.StateHeld, mail.Refused, 2},
		"released: the recipient has": {time.Hour, quarantine.StateReleased, mail.OK, 1},
		"released long ago":           {8 * 24 * time.Hour, quarantine.StateReleased, mail.Refused, 2},
		"deleted":                     {time.Hour, quarantine.StateDeleted, mail.Refused, 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := newChallengeWorld(t)
			c.bring(t, sender, spam, "spam@late.example")
			if tt.state != quarantine.StateHeld {
				c.settle(t, tt.state)
			}
			c.clock = c.clock.Add(tt.after)
			v := c.bring(t, sender, spam, "spam@late.example")
			if rows := c.rows(t); v.Answer != tt.answer || len(rows) != tt.rows {
				t.Errorf("answer %v, rows %q; want %v and %d", v.Answer, rows, tt.answer, tt.rows)
			}
			if tt.answer == mail.OK && (c.last.Walks[1].Outcome != "duplicate" || c.last.State != "duplicate" || c.stored() != 0) {
				t.Errorf("outcome %s, state %s, %d stored", c.last.Walks[1].Outcome, c.last.State, c.stored())
			}
		})
	}
}

// What was released answers for itself alone, by its Message-ID: who writes the same words
// again within a week has a mail, a row and a link of his own.
func TestSameWordsAfterRelease(t *testing.T) {
	bare := strings.Replace(spam, "Message-ID: <1@sender.example>\r\n", "", 1)
	anew := strings.Replace(spam, "<1@", "<2@", 1)
	tests := map[string]struct {
		first, second string
		duplicate     bool
	}{
		"the same Message-ID":          {spam, spam, true},
		"neither has one":              {bare, bare, true},
		"another Message-ID":           {spam, anew, false},
		"the second has none":          {spam, bare, false},
		"the first has none":           {bare, spam, false},
		"by another MX":                {spam, "Received: by mx2.example\r\n" + spam, true},
		"with blanks around, the same": {spam, strings.Replace(spam, " <1@sender.example>", "   <1@sender.example>  ", 1), true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := newChallengeWorld(t)
			one := c.bring(t, sender, tt.first, "spam@late.example")
			c.settle(t, quarantine.StateReleased)
			c.clock = c.clock.Add(6 * 24 * time.Hour)
			two := c.bring(t, sender, tt.second, "spam@late.example")
			if tt.duplicate {
				if two.Answer != mail.OK || c.last.State != "duplicate" || len(c.rows(t)) != 1 {
					t.Errorf("answer %+v, %s, rows %q", two, c.last.State, c.rows(t))
				}
				return
			}
			if two.Answer != mail.Refused || len(two.Links) != 1 || slices.Equal(one.Links, two.Links) || len(c.rows(t)) != 2 {
				t.Errorf("answer %+v after %q, rows %q", two, one.Links, c.rows(t))
			}
			if again := c.bring(t, sender, tt.second, "spam@late.example"); !slices.Equal(again.Links, two.Links) || len(c.rows(t)) != 2 {
				t.Errorf("and again %+v, rows %q", again, c.rows(t))
			}
		})
	}
}

// Where nobody is told, nothing is compared, and two are two.
func TestSameWhereNobodyIsTold(t *testing.T) {
	c := newChallengeWorld(t)
	c.domain(t, "late.example", func(d *directory.Domain) { d.Challenge = directory.Off })
	c.bring(t, sender, spam, "spam@late.example")
	c.bring(t, sender, spam, "spam@late.example")
	if rows := c.rows(t); len(rows) != 2 {
		t.Errorf("rows %q", rows)
	}
}

// A hold that comes again and is told by the answer has the link from then on.
func TestSameIsTold(t *testing.T) {
	c := newChallengeWorld(t)
	c.bring(t, sender, spam, "spam@late.example", "none@late.example")
	if rows := c.rows(t); !slices.Equal(rows, []string{`spam@late.example held "due"`}) {
		t.Errorf("rows %q", rows)
	}
	v := c.bring(t, sender, spam, "spam@late.example")
	if rows := c.rows(t); v.Answer != mail.Refused || !slices.Equal(rows, []string{`spam@late.example held "reply"`}) {
		t.Errorf("answer %v, rows %q", v.Answer, rows)
	}
}

// learns makes what is spam for spam@ wanted from now on, as an allowed sender is.
func (c *challengeWorld) learns() { c.SetPolicies(allowing()) }

// AgentJ delivered twice what was challenged (pull request 463, issue 147): once by the
// challenge, and once when the sender's server, or the sender, tried again after he was
// allowed.
func TestAgentJDeliveredAndChallenged(t *testing.T) {
	retry := func(c *challengeWorld) mail.Verdict {
		c.clock = c.clock.Add(time.Hour)
		return c.bring(t, sender, spam, "spam@late.example")
	}
	t.Run("released, then allowed, then tried again", func(t *testing.T) {
		c := newChallengeWorld(t)
		c.bring(t, sender, spam, "spam@late.example")
		c.settle(t, quarantine.StateReleased)
		c.learns()
		if v := retry(c); v.Answer != mail.OK || c.stored() != 0 || c.last.State != "duplicate" {
			t.Errorf("answer %v, %d stored beside the release, %s", v.Answer, c.stored(), c.last.State)
		}
	})
	t.Run("allowed, tried again, and then clicked", func(t *testing.T) {
		c := newChallengeWorld(t)
		c.bring(t, sender, spam, "spam@late.example")
		c.learns()
		if v := retry(c); v.Answer != mail.OK || c.stored() != 1 {
			t.Errorf("answer %v, %d stored", v.Answer, c.stored())
		}
		h := c.held(t)[0]
		if h.State != quarantine.StateReleased {
			t.Errorf("still %s: a click would deliver it again", h.State)
		}
		if h, err := c.db.Quarantine().Show(t.Context(), h.ID); err != nil || len(h.Acts) != 1 || !strings.HasPrefix(h.Acts[0].Who, "the same message, taken as ") {
			t.Errorf("acts %+v, %v", h.Acts, err)
		}
	})
	t.Run("a new mail of the same words is no retry", func(t *testing.T) {
		c := newChallengeWorld(t)
		c.bring(t, sender, spam, "spam@late.example")
		c.settle(t, quarantine.StateReleased)
		c.learns()
		if v := c.bring(t, sender, strings.Replace(spam, "<1@", "<2@", 1), "spam@late.example"); v.Answer != mail.OK || c.stored() != 1 {
			t.Errorf("answer %v, %d stored", v.Answer, c.stored())
		}
	})
	t.Run("delivered to one, challenged for another, sent again to both", func(t *testing.T) {
		c := newChallengeWorld(t)
		c.bring(t, sender, spam, "none@late.example", "spam@late.example") // 250: nobody tries again by itself
		c.settle(t, quarantine.StateReleased)
		v := c.bring(t, sender, spam, "spam@late.example", "junk@late.example")
		if v.Answer != mail.OK || c.stored() != 2 || c.last.State != "mixed" {
			t.Errorf("answer %v, %d stored, %s", v.Answer, c.stored(), c.last.State)
		}
		if rows := c.rows(t); len(rows) != 1 {
			t.Errorf("rows %q", rows)
		}
	})
	t.Run("one has it, another is challenged: the answer is 250", func(t *testing.T) {
		c := newChallengeWorld(t)
		c.bring(t, sender, spam, "spam@late.example")
		c.settle(t, quarantine.StateReleased)
		v := c.bring(t, sender, spam, "spam@late.example", "spam@early.example")
		if rows := c.rows(t); v.Answer != mail.OK || len(rows) != 2 {
			t.Errorf("answer %v, rows %q", v.Answer, rows)
		}
	})
	t.Run("to a mailbox elsewhere", func(t *testing.T) {
		c := newChallengeWorld(t)
		c.domain(t, "hosted.example", func(d *directory.Domain) { d.Challenge = directory.ByReply })
		c.bring(t, sender, spam, "spam@hosted.example")
		c.settle(t, quarantine.StateReleased)
		c.learns()
		if v := c.bring(t, sender, spam, "spam@hosted.example"); v.Answer != mail.OK || len(c.commits[1].Transfers) != 0 {
			t.Errorf("answer %v, %d transfers", v.Answer, len(c.commits[1].Transfers))
		}
	})
}

// Between the look at what is known and the commit another node, or a person, may be
// quicker: then the answer is found again.
func TestSameRace(t *testing.T) {
	t.Run("held by another", func(t *testing.T) {
		c := newChallengeWorld(t)
		var first mail.Verdict
		c.before = func() { first = c.bring(t, sender, spam, "spam@late.example") }
		again := c.bring(t, sender, spam, "spam@late.example")
		if rows := c.rows(t); again.Answer != mail.Refused || !slices.Equal(first.Links, again.Links) || len(rows) != 1 {
			t.Errorf("answers %+v and %+v, rows %q", first, again, rows)
		}
	})
	t.Run("released", func(t *testing.T) {
		c := newChallengeWorld(t)
		c.bring(t, sender, spam, "spam@late.example")
		c.before = func() { c.settle(t, quarantine.StateReleased) }
		if v := c.bring(t, sender, spam, "spam@late.example"); v.Answer != mail.OK || c.last.State != "duplicate" {
			t.Errorf("answer %v, %s", v.Answer, c.last.State)
		}
	})
	t.Run("released while it is delivered", func(t *testing.T) {
		c := newChallengeWorld(t)
		c.bring(t, sender, spam, "spam@late.example")
		c.learns()
		c.before = func() { c.settle(t, quarantine.StateReleased) }
		if v := c.bring(t, sender, spam, "spam@late.example"); v.Answer != mail.OK || c.stored() != 0 {
			t.Errorf("answer %v, %d stored beside the release", v.Answer, c.stored())
		}
	})
}

// What comes by another MX of ours is the same, too.
func TestSameByRelay(t *testing.T) {
	c := newChallengeWorld(t)
	c.bring(t, sender, spam, "spam@late.example")
	c.Config.TrustedRelays = []netip.Prefix{netip.PrefixFrom(client.Addr, 32)}
	v := c.bring(t, sender, "Received: from mx.sender.example ([198.51.100.9]) by mx2.example\r\n"+spam, "spam@late.example")
	if rows := c.rows(t); v.Answer != mail.OK || !slices.Equal(rows, []string{`spam@late.example held "reply"`}) {
		t.Errorf("answer %v, rows %q", v.Answer, rows)
	}
}

// An address that leads to several mailboxes and elsewhere: who has it gets no other copy,
// who has not gets his.
func TestSameInParts(t *testing.T) {
	c := newChallengeWorld(t)
	_, err := c.dir.AddAlias(t.Context(), directory.Alias{Address: "spam+all@late.example", Targets: []mail.Path{"none@late.example", "junk@late.example", "bob@elsewhere.example"}})
	if err != nil {
		t.Fatal(err)
	}
	c.bring(t, sender, spam, "spam+all@late.example")
	if rows := c.rows(t); len(rows) != 3 {
		t.Fatalf("rows %q", rows)
	}
	box, _ := c.dir.Snapshot().Mailbox("none@late.example")
	for _, h := range c.held(t) {
		if h.Box == box.ID {
			if _, err := c.db.Quarantine().Settle(t.Context(), h.ID, quarantine.Act{Who: "none", What: quarantine.StateReleased, When: c.clock}, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	if v := c.bring(t, sender, spam, "spam+all@late.example"); v.Answer != mail.Refused || len(v.Links) != 1 || len(c.rows(t)) != 3 {
		t.Errorf("answer %+v, rows %q", v, c.rows(t))
	}
	c.learns()
	if v := c.bring(t, sender, spam, "spam+all@late.example"); v.Answer != mail.OK {
		t.Errorf("answer %v", v.Answer)
	}
	last := c.commits[len(c.commits)-1]
	if len(last.Deliveries) != 1 || last.Deliveries[0].Box == box.ID || len(last.Ends) != 2 || !slices.ContainsFunc(last.Transfers, func(tr *queue.Transfer) bool { return tr.Recipient == "bob@elsewhere.example" }) {
		t.Errorf("%d delivered, %d ends, %d transfers", len(last.Deliveries), len(last.Ends), len(last.Transfers))
	}
}

// A host that refuses one recipient doesn't refuse the message for another one who has it,
// or part of it, already.
func TestSameIsNotHandedOn(t *testing.T) {
	tests := map[string]struct {
		released bool // what came first for spam@
		to       []mail.Path
		outcomes string
	}{
		"one has it":           {true, []mail.Path{"spam@hosted.example", "none@hosted.example"}, "duplicate queued"},
		"one's is held":        {false, []mail.Path{"spam@hosted.example", "none@hosted.example"}, "held-again queued"},
		"one's is thrown away": {false, []mail.Path{"discard@hosted.example", "none@hosted.example"}, "discarded queued"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := newChallengeWorld(t)
			c.domain(t, "hosted.example", func(d *directory.Domain) { d.Challenge = directory.ByReply })
			c.Config.RelayInline = true
			c.out.results = []queue.Result{{Fate: queue.Refused, Reply: queue.Reply{Code: 550, Enhanced: "5.1.1", Text: "no such user"}}}
			c.bring(t, sender, spam, "spam@hosted.example")
			if tt.released {
				c.settle(t, quarantine.StateReleased)
			}
			v := c.bring(t, sender, spam, tt.to...)
			if v.Answer != mail.OK || len(c.out.carried) != 0 {
				t.Errorf("answer %+v, handed on %d times", v, len(c.out.carried))
			}
			var outcomes []string
			for _, w := range c.last.Walks[1:] {
				outcomes = append(outcomes, w.Outcome)
			}
			if got := strings.Join(outcomes, " "); got != tt.outcomes {
				t.Errorf("outcomes %s, want %s", got, tt.outcomes)
			}
		})
	}
}

// A message that is held by several transactions is answered with the link of each.
func TestSameOfSeveral(t *testing.T) {
	c := newChallengeWorld(t)
	c.domain(t, "hosted.example", func(d *directory.Domain) { d.Challenge = directory.ByReply })
	one := c.bring(t, sender, spam, "spam@late.example").Links
	two := c.bring(t, sender, spam, "spam@hosted.example").Links
	both := c.bring(t, sender, spam, "spam@hosted.example", "spam@late.example").Links
	slices.Sort(both)
	if want := slices.Sorted(slices.Values(append(one, two...))); !slices.Equal(both, want) || len(both) != 2 || len(c.rows(t)) != 2 {
		t.Errorf("links %q, want %q; rows %q", both, want, c.rows(t))
	}
}

// Two recipients may lead to one mailbox, and one be spam where the other is not: what the
// one delivers is not held for the other any more.
func TestSameDeliveredBeside(t *testing.T) {
	tests := map[string][]mail.Path{
		"the held one first":   {"spam+all@late.example", "none@late.example"},
		"the held one last":    {"none@late.example", "spam+all@late.example"},
		"and one who is alone": {"spam+all@late.example", "none@late.example", "accept@late.example"},
	}
	for name, to := range tests {
		t.Run(name, func(t *testing.T) {
			c := newChallengeWorld(t)
			if _, err := c.dir.AddAlias(t.Context(), directory.Alias{Address: "spam+all@late.example", Targets: []mail.Path{"none@late.example"}}); err != nil {
				t.Fatal(err)
			}
			c.bring(t, sender, spam, to...)
			if rows := c.rows(t); !slices.Equal(rows, []string{`spam+all@late.example held "due"`}) {
				t.Fatalf("rows %q", rows)
			}
			v := c.bring(t, sender, spam, to...)
			if rows := c.rows(t); v.Answer != mail.OK || !slices.Equal(rows, []string{`spam+all@late.example released "due"`}) {
				t.Errorf("answer %v, rows %q", v.Answer, rows)
			}
			last := c.commits[len(c.commits)-1]
			if len(last.Deliveries) != len(to)-1 || len(last.Ends) != 1 || len(last.Again) != 0 {
				t.Errorf("%d delivered, %d ends, %d again", len(last.Deliveries), len(last.Ends), len(last.Again))
			}
			for _, w := range c.last.Walks {
				if w.Recipient == "spam+all@late.example" && (w.Outcome != "duplicate" || !strings.Contains(fmt.Sprint(w.Steps), "was held until now as "+c.held(t)[0].ID)) {
					t.Errorf("journal: %s, %+v", w.Outcome, w.Steps)
				}
			}
		})
	}
}
