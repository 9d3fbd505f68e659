package app

import (
	"net/netip"
	"strings"
	"testing"

	"gatepost/filters"
	"gatepost/internal/attachment"
	"gatepost/internal/bulk"
	"gatepost/internal/complaint"
	"gatepost/internal/control/ops"
	"gatepost/internal/learnt"
	"gatepost/internal/mail"
	"gatepost/internal/store"
	"gatepost/pipeline"
	"gatepost/quarantine"
	"gatepost/rules"
)

const offerMail = "From: news@shop.example\nTo: ann@test.example\nSubject: watches\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\n" +
	"Our new collection of watches has arrived in the shop and you can order any of them today with a discount for all customers of the house.\n" +
	"--b\nContent-Type: application/pdf\nContent-Disposition: attachment; filename=list.pdf\n\n" +
	"%PDF-1.4 a list of all the watches that there are in the shop, with the price of each, and some more\n--b--\n"

func offered() *mail.Message {
	return mail.NewMessage([]byte(strings.ReplaceAll(offerMail, "\n", "\r\n")))
}

// known are the kinds by which the offer counts as spam now.
func (n *pagesNode) known() string {
	n.t.Helper()
	n.must(n.learnt.Flush(n.t.Context()))
	n.must(n.learnt.Follow(n.t.Context()))
	prints, err := printTeacher{n.learnt, n.pictures}.prints(n.t.Context(), lesson{Message: offered(), Client: netip.MustParseAddr("192.0.2.9")})
	n.must(err)
	var kinds []string
	for _, p := range prints {
		if _, ok := n.learnt.Memory().Spam(p.Kind, p.Sum); ok {
			kinds = append(kinds, p.Kind.String())
		}
	}
	return strings.Join(kinds, " ")
}

const all = "attachment checksum sketch pair"

// A person's report teaches what the message is known again by; that ends when he takes
// it back, or when somebody else releases such a message, and counts again when he
// takes that back.
func TestReportTeaches(t *testing.T) {
	n := openPages(t)
	came := func(to string) quarantine.Held {
		return n.held(to, offerMail, func(h *quarantine.Held) { h.Tx = mail.NewID(h.Time) })
	}
	wants := func(when, want string) {
		t.Helper()
		if got := n.known(); got != want {
			t.Errorf("%s: known by %q, want %q", when, got, want)
		}
	}
	wants("at first", "")
	first := came("ann@test.example")
	c := n.complain(ops.ComplaintAdd{ID: first.Tx})
	wants("after a report", all)
	n.complain(ops.ComplaintAdd{ID: first.Tx})
	if list, err := n.learnt.Find(t.Context(), learnt.Query{}); err != nil || len(list) != 1 || list[0].Message != first.Tx || list[0].Person != "ann@test.example" || list[0].Source != learnt.Report {
		t.Errorf("lessons: %+v, %v", list, err)
	}
	second := came("bob@test.example")
	n.must2(n.releaseHeld(t.Context(), second.ID, quarantine.By{Who: "bob@test.example"}))
	wants("after another copy was released", "")
	n.unteach(t.Context(), second.Tx, "bob@test.example", "bob@test.example")
	wants("when that is taken back", all)
	n.must2(n.withdrawComplaints(t.Context(), ops.ComplaintWithdraw{IDs: []string{c.ID}}))
	wants("when the report is withdrawn", "")
	n.complain(ops.ComplaintAdd{ID: came("ann@test.example").Tx})
	wants("after another report", all)
	n.must2(n.releaseHeld(t.Context(), came("ann@test.example").ID, quarantine.By{Who: "ann@test.example"}))
	wants("after the same person released a copy", "")
}

// What is dangerous teaches nothing by its release, and who solves a task speaks for himself.
func TestReleaseTeaches(t *testing.T) {
	n := openPages(t)
	for name, tt := range map[string]struct {
		by     quarantine.By
		guard  bool
		source learnt.Source
		person string
	}{
		"its reader":           {quarantine.By{Who: "ann@test.example"}, false, learnt.Release, "ann@test.example"},
		"its sender":           {quarantine.By{Who: "sender", Sender: true}, false, learnt.Challenge, "news@shop.example"},
		"an operator":          {quarantine.By{Who: "olga", Operator: true}, false, learnt.Operator, "olga"},
		"the commands' user":   {quarantine.By{Who: admin}, false, learnt.Operator, admin},
		"guarded, by an admin": {operator(t.Context()), true, "", ""},
	} {
		h := n.held("ann@test.example", offerMail, func(h *quarantine.Held) { h.Tx, h.Guarded = mail.NewID(h.Time), tt.guard })
		n.must2(n.releaseHeld(t.Context(), h.ID, tt.by))
		list, err := n.learnt.Find(t.Context(), learnt.Query{Message: h.Tx})
		n.must(err)
		prints := 4
		if tt.by.Sender {
			prints = 0
		}
		switch {
		case tt.source == "" && len(list) > 0:
			t.Errorf("%s: %+v", name, list)
		case tt.source != "" && (len(list) != 1 || list[0].Spam || list[0].Source != tt.source || list[0].Person != tt.person || len(list[0].Prints) != prints):
			t.Errorf("%s: %+v", name, list)
		}
	}
}

// A delivered message is found in its mailbox by what its prefix says.
func TestReportOfDelivered(t *testing.T) {
	n := openPages(t)
	h := n.held("ann@test.example", offerMail, func(h *quarantine.Held) {
		h.Tx = mail.NewID(h.Time)
		h.View.Prefix = []byte("X-Gatepost-Id: " + h.Tx + "\r\n")
	})
	n.must2(n.quarantine.Release(t.Context(), h.ID, operator(t.Context()))) // teaches nothing: that is releaseHeld's
	n.must(n.store.Update(t.Context(), func(tx *store.Tx) error {           // as if it had never been held
		_, err := tx.Exec(`UPDATE held SET tx = ''`)
		return err
	}))
	n.complain(ops.ComplaintAdd{ID: h.Tx})
	if got := n.known(); got != all {
		t.Errorf("known by %q", got)
	}
}

// What came for a trap is spam; a virus teaches what could carry it; reports, our own customers and shadows
// teach nothing.
func TestJudgedTeaches(t *testing.T) {
	trap := pipeline.Step{Filter: "honeypot", Finding: pipeline.Finding{Result: "trap"}}
	virus := pipeline.Step{Filter: "antivirus", Finding: pipeline.Finding{Result: "virus"}}
	shadow := trap
	shadow.Shadow = true
	for name, tt := range map[string]struct {
		from  mail.Path
		login mail.Path
		steps []pipeline.Step
		want  string
	}{
		"a trap":             {"x@far.example", "", []pipeline.Step{trap}, all},
		"a virus":            {"x@far.example", "", []pipeline.Step{virus}, ""}, // what is attached could not be it
		"both":               {"x@far.example", "", []pipeline.Step{trap, virus}, all},
		"a trap in a shadow": {"x@far.example", "", []pipeline.Step{shadow}, ""},
		"a report":           {"", "", []pipeline.Step{trap}, ""},
		"one of ours":        {"ann@test.example", "ann@test.example", []pipeline.Step{trap}, ""},
		"nothing":            {"x@far.example", "", []pipeline.Step{{Filter: "honeypot", Finding: pipeline.Finding{Result: "none"}}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			n := openPages(t)
			client := mail.Client{Addr: netip.MustParseAddr("192.0.2.9"), Login: tt.login}
			tx := pipeline.NewTransaction(t.Context(), mail.NewID(n.now()), n.now(), client, nil)
			defer tx.Close()
			tx = tx.WithHelo(client).WithMail(tt.from, mail.Params{}).WithRcpt().WithData([]mail.Path{"trap@test.example"}, offered())
			judged{n.App}.Judged(t.Context(), tx, []*pipeline.Walk{{}, {Steps: tt.steps}})
			if got := n.known(); got != tt.want {
				t.Errorf("known by %q, want %q", got, tt.want)
			}
		})
	}
}

// What nothing proves teaches nothing.
func TestUnverifiedComplaintTeachesNothing(t *testing.T) {
	n := openPages(t)
	h := n.held("ann@test.example", offerMail, func(h *quarantine.Held) { h.Tx = mail.NewID(h.Time) })
	for _, state := range []complaint.State{complaint.StateUnverified, complaint.StateCustomer, complaint.StateOther, complaint.StateSpared} {
		complained{n.App}.Complained(t.Context(), complaint.Complaint{Message: h.Tx, State: state, Person: "ann@test.example"})
	}
	if got := n.known(); got != "" {
		t.Errorf("known by %q", got)
	}
	if len(filters.TextPrints(offered(), netip.Addr{})) != 2 {
		t.Error("without a client there are not two prints")
	}
}

// trapped has an offer come for a trap.
func (n *pagesNode) trapped(from string) {
	n.t.Helper()
	client := mail.Client{Addr: netip.MustParseAddr(from)}
	tx := pipeline.NewTransaction(n.t.Context(), mail.NewID(n.now()), n.now(), client, nil)
	defer tx.Close()
	tx = tx.WithHelo(client).WithMail("x@evil.example", mail.Params{}).WithRcpt().WithData([]mail.Path{"trap@test.example"}, offered())
	trap := pipeline.Step{Filter: "honeypot", Finding: pipeline.Finding{Result: "trap"}}
	judged{n.App}.Judged(n.t.Context(), tx, []*pipeline.Walk{{Steps: []pipeline.Step{trap}}})
}

// believed are the kinds by which the offer is spam for somebody in a domain, where two people
// have to say so.
func (n *pagesNode) believed(domain string) string {
	n.t.Helper()
	n.known()
	prints, err := printTeacher{n.learnt, n.pictures}.prints(n.t.Context(), lesson{Message: offered()})
	n.must(err)
	var kinds []string
	for _, p := range prints {
		if s, ok := n.learnt.Memory().Spam(p.Kind, p.Sum); ok && s.Believed(domain, 2) {
			kinds = append(kinds, p.Kind.String())
		}
	}
	return strings.Join(kinds, " ")
}

// Anybody can send a trap a copy of somebody else's mail: one network is not believed.
func TestOneStrangerTeachesNothing(t *testing.T) {
	n := openPages(t)
	wants := func(when, want string) {
		t.Helper()
		if got := n.believed("test.example"); got != want {
			t.Errorf("%s: spam by %q, want %q", when, got, want)
		}
	}
	n.trapped("203.0.113.66")
	n.trapped("203.0.113.67")
	wants("a trap, by one network", "")
	n.trapped("198.51.100.9")
	wants("traps, by two networks", "attachment checksum sketch")
	v6 := openPages(t)
	v6.trapped("2001:db8::1")
	v6.trapped("2001:db8:0:77::1")
	if got := v6.believed("test.example"); got != "" {
		t.Errorf("a trap, by one customer's networks: spam by %q", got)
	}
}

// What somebody with a good history has signed is never taught by a trap.
func TestTrapTeachesNothingOfOthers(t *testing.T) {
	n := openPages(t)
	f := bulk.Of(offered(), rules.Fold)
	n.bulk.Add(&f, "test.example", "shop.example", n.now())
	n.trapped("203.0.113.66")
	n.trapped("198.51.100.9")
	if got := n.known(); got != "" {
		t.Errorf("known by %q", got)
	}
}

// One person's report holds nobody else's mail, and of his domain's none but from the
// same network.
func TestOneReportHoldsNobodys(t *testing.T) {
	n := openPages(t)
	h := n.held("ann@test.example", offerMail, func(h *quarantine.Held) { h.Tx = mail.NewID(h.Time) })
	n.complain(ops.ComplaintAdd{ID: h.Tx})
	for domain, people := range map[string]bool{"test.example": true, "other.example": false} {
		if got := n.believed(domain); got != "" {
			t.Errorf("%s: spam by %q", domain, got)
		}
		s, _ := n.learnt.Memory().Spam(learnt.Attachment, attachment.Sums(offered())[0][:])
		if got := s.Believed(domain, 1); got != people {
			t.Errorf("%s, by one person: %v", domain, got)
		}
	}
}
