package app

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"gatepost/filters"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/learnt"
	"gatepost/internal/mail"
	"gatepost/internal/proposal"
	"gatepost/pipeline"
)

const prizeMail = "From: x@far.example\r\nSubject: News\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n" +
	"Dear you, claim your prize today. See https://www.evil-prizes.com/a and https://test.example/b\r\n"

// prize has somebody say what the prize mail is.
func (n *pagesNode) prize(text string, spam bool, source learnt.Source, person string) string {
	n.t.Helper()
	l := lesson{Message: mail.NewMessage([]byte(text)), ID: mail.NewID(n.now()) + person, Spam: spam, Source: source, Person: person, Client: netip.MustParseAddr("192.0.2.9"), Now: true}
	n.must(n.teach(n.t.Context(), l))
	return l.ID
}

// found are the results that keywords, as it ships, has for a message.
func (n *pagesNode) found(text string) string {
	n.t.Helper()
	c := n.config.Load()
	for _, k := range filters.Catalog(n.filterDeps(c, nil)) {
		if k.Name != "keywords" {
			continue
		}
		f, err := k.New(k.Options())
		n.must(err)
		tx := pipeline.NewTransaction(n.t.Context(), "id", n.now(), mail.Client{}, nil).WithMail("x@far.example", mail.Params{}).WithRcpt().
			WithData([]mail.Path{"ann@test.example"}, mail.NewMessage([]byte(text)))
		defer tx.Close()
		found, err := f.Check(n.t.Context(), pipeline.Query{Tx: tx, Recipient: "ann@test.example"})
		n.must(err)
		return fmt.Sprintf("%s %.4g %s", found.Result, found.Score, found.Reason)
	}
	return "there is no keywords"
}

// What traps and several people bring is proposed, counts once an operator accepts it, and no longer than that.
func TestProposalsAccepted(t *testing.T) {
	n := openPages(t)
	proposed := func(related bool) (ids map[string]string, texts string) {
		t.Helper()
		r, err := n.listProposals(t.Context(), ops.ProposalList{ProposalTerms: ops.ProposalTerms{Related: related}})
		n.must(err)
		ids = map[string]string{}
		for _, p := range r.Proposals {
			ids[p.Text], texts = p.ID, strings.TrimSpace(texts+"; "+p.Text)
		}
		return ids, strings.TrimPrefix(texts, "; ")
	}
	n.prize(prizeMail, true, learnt.Trap, "trap 203.0.113.0/24")
	told := n.prize(prizeMail, true, learnt.Report, "ann@test.example")
	n.prize(prizeMail, true, learnt.Command, admin)
	n.prize(prizeMail, false, learnt.Challenge, "x@far.example")
	if _, got := proposed(true); got != "" {
		t.Errorf("one reporter: %s", got)
	}
	n.prize(prizeMail, true, learnt.Report, "eve@other.example")
	ids, got := proposed(false)
	if got != "evil-prizes.com; claim your prize; your prize today" { // our own domain is none
		t.Errorf("proposed: %s", got)
	}
	if got := n.found(prizeMail); got != "none 0 " {
		t.Errorf("before somebody accepted it: %s", got)
	}
	for _, text := range []string{"evil-prizes.com", "claim your prize"} {
		_, err := n.decideProposal(t.Context(), ops.ProposalDecide{ID: ids[text], Accept: true, Weight: 2})
		n.must(err)
	}
	if got := n.found(prizeMail); !strings.HasPrefix(got, "match 4 ") || !strings.Contains(got, `accepted domain \"evil-prizes.com\"`) {
		t.Errorf("accepted: %s", got)
	}
	for text, want := range map[string]string{
		"https://evil-prizes.com/":               "match 2",
		"https://a.b.evil-prizes.com:8/":         "match 2",
		"https://not-evil-prizes.com/":           "none 0",
		"https://evil-prizes.com.example/":       "none 0",
		"https://r.example/?u=//evil-prizes.com": "match 2",
		"the evil prizes com":                    "none 0",
		"CLAIM  your\r\nprize":                   "match 2",
		"reclaim your prize":                     "none 0",
	} {
		if got := n.found("Subject: x\r\n\r\n" + text + "\r\n"); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	_, err := n.decideProposal(t.Context(), ops.ProposalDecide{ID: ids["claim your prize"]})
	n.must(err)
	if got := n.found(prizeMail); !strings.HasPrefix(got, "match 2 ") {
		t.Errorf("one was refused: %s", got)
	}
	if _, got := proposed(false); got != "your prize today" {
		t.Errorf("what was decided is proposed again: %s", got)
	}
	_, _ = n.forgetLessons(t.Context(), ops.LearnForget{Message: told}) // the error is of Bayes alone: the message is in no mailbox
	if _, got := proposed(true); got != "" {
		t.Errorf("a report was taken back: %s", got)
	}
	for _, weight := range []float64{0, -1, 21} {
		if _, err := n.decideProposal(t.Context(), ops.ProposalDecide{ID: ids["claim your prize"], Accept: true, Weight: weight}); err == nil {
			t.Errorf("weight %v is taken", weight)
		}
	}
}

// What wanted mail says is not proposed: what was released, what people here send, and what allowed senders do.
func TestProposalsLeaveWantedMail(t *testing.T) {
	for name, wanted := range map[string]func(*pagesNode){
		"released": func(n *pagesNode) { n.prize(prizeMail, false, learnt.Release, "bob@test.example") },
		"allowed":  func(n *pagesNode) { n.judgedBy(pipeline.Accept, "") },
		"sent":     func(n *pagesNode) { n.judgedBy(pipeline.None, "ann@test.example") },
		"held":     func(n *pagesNode) { n.judgedBy(pipeline.Spam, "") },
	} {
		t.Run(name, func(t *testing.T) {
			n := openPages(t)
			n.prize(prizeMail, true, learnt.Trap, "trap 203.0.113.0/24")
			n.prize(prizeMail, true, learnt.Report, "ann@test.example")
			n.prize(prizeMail, true, learnt.Report, "eve@other.example")
			wanted(n)
			wanted(n) // within a minute: no other sample
			r, err := n.listProposals(t.Context(), ops.ProposalList{})
			n.must(err)
			if none := name != "held"; (len(r.Proposals) == 0) != none || (r.Wanted == 0) == none || name != "released" && r.Wanted > 1 {
				t.Errorf("%d proposals, %d wanted", len(r.Proposals), r.Wanted)
			}
		})
	}
}

// judgedBy has the prize mail judged.
func (n *pagesNode) judgedBy(action pipeline.Action, login mail.Path) {
	n.t.Helper()
	client := mail.Client{Addr: netip.MustParseAddr("192.0.2.9"), Login: login}
	tx := pipeline.NewTransaction(n.t.Context(), mail.NewID(n.now()), n.now(), client, nil)
	defer tx.Close()
	tx = tx.WithHelo(client).WithMail("friend@far.example", mail.Params{}).WithRcpt().WithData([]mail.Path{"ann@test.example"}, mail.NewMessage([]byte(prizeMail)))
	judged{n.App}.Judged(n.t.Context(), tx, []*pipeline.Walk{{Decision: pipeline.Decision{Action: action}}})
}

// Of a later release's decisions what this one can't read is left out, and the others count.
func TestAcceptedThatCantBeRead(t *testing.T) {
	n := openPages(t)
	n.acceptPatterns([]proposal.Decision{
		{Pattern: proposal.Pattern{Kind: proposal.Phrase, Text: ""}, Accepted: true, Weight: 1},
		{Pattern: proposal.Pattern{Kind: proposal.Phrase, Text: "claim your prize"}, Accepted: true, Weight: 1},
	})
	if got := n.found(prizeMail); !strings.HasPrefix(got, "match 1 ") {
		t.Errorf("got %s", got)
	}
	if _, err := (knownPacks{n.packs, n.proposals}).Pack("others"); err == nil {
		t.Error("there is a pack that nobody named")
	}
}

// Who asks for too little is told what would do.
func TestProposalTermsTooFew(t *testing.T) {
	for _, tt := range []struct {
		traps, reporters int
		ok               bool
	}{{1, 0, false}, {0, 1, false}, {-1, 3, false}, {2, 0, true}, {0, 2, true}, {1, 1, true}} {
		_, err := termsOf(ops.ProposalTerms{Traps: &tt.traps, Reporters: &tt.reporters})
		if (err == nil) != tt.ok || err != nil && (control.KindOf(err) != control.Misuse || !strings.Contains(err.Error(), "such as traps 2 and reporters 0")) {
			t.Errorf("%+v: %v", tt, err)
		}
	}
}
