package app

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"gatepost/internal/bayes"
	"gatepost/internal/bayes/desk"
	"gatepost/internal/control/ops"
	"gatepost/internal/mail"
	"gatepost/mailbox"
	"gatepost/mailbox/imap"
	"gatepost/pipeline"
	"gatepost/quarantine"
)

// saidToBayes are the lessons about a message that stand, "" all: what they say, by whom, for which domain.
func (n *pagesNode) saidToBayes(message string) string {
	n.t.Helper()
	n.must(n.bayes.Flush(n.t.Context()))
	list, err := n.bayes.Lessons(n.t.Context(), desk.Query{Message: message})
	n.must(err)
	var said []string
	for _, l := range list {
		if l.Stands {
			said = append(said, strings.TrimSpace(fmt.Sprintf("%t %s %s %s", l.Spam, l.Source, l.Person, l.Domain)))
		}
	}
	return strings.Join(said, ", ")
}

// What people say teaches Bayes for the domain whose mail it was, and is taken back with what they said.
func TestReportTeachesBayes(t *testing.T) {
	n := openPages(t)
	h := n.held("ann@test.example", offerMail, func(h *quarantine.Held) { h.Tx = mail.NewID(h.Time) })
	c := n.complain(ops.ComplaintAdd{ID: h.Tx})
	if got := n.saidToBayes(h.Tx); got != "true report ann@test.example test.example" {
		t.Errorf("after a report: %q", got)
	}
	if v := n.bayes.Judge(&bayes.Features{}, "test.example"); v.Spam != 1 || v.Ham != 0 {
		t.Errorf("after a report: %+v", v)
	}
	n.must2(n.withdrawComplaints(t.Context(), ops.ComplaintWithdraw{IDs: []string{c.ID}}))
	if got := n.saidToBayes(h.Tx); got != "" {
		t.Errorf("withdrawn: %q", got)
	}
	if v := n.bayes.Judge(&bayes.Features{}, "test.example"); v.Spam != 0 {
		t.Errorf("withdrawn: %+v", v)
	}
}

// A reader who releases a message speaks for himself, and an operator for all; a sender who solves a task teaches nothing.
func TestReleaseTeachesBayes(t *testing.T) {
	n := openPages(t)
	for name, tt := range map[string]struct {
		to    string
		by    quarantine.By
		guard bool
		want  string
	}{
		"its reader":  {"ann@test.example", quarantine.By{Who: "ann@test.example"}, false, "false release ann@test.example test.example"},
		"its sender":  {"carl@other.example", quarantine.By{Who: "sender", Sender: true}, false, ""},
		"an operator": {"ann@test.example", quarantine.By{Who: "olga", Operator: true}, false, "false operator olga test.example"},
		"a command":   {"ann@test.example", quarantine.By{Who: admin}, false, "false operator admin test.example"},
		"guarded":     {"ann@test.example", operator(t.Context()), true, ""},
	} {
		text := strings.ReplaceAll(offerMail, "watches", "things for "+strings.ReplaceAll(name, " ", ""))
		h := n.held(tt.to, text, func(h *quarantine.Held) { h.Tx, h.Guarded = mail.NewID(h.Time), tt.guard })
		n.must2(n.releaseHeld(t.Context(), h.ID, tt.by))
		if got := n.saidToBayes(h.Tx); got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}

// Traps teach once two networks sent them alike; viruses, which travel in others' words, don't, nor does what any
// filter concluded.
func TestJudgedTeachesBayes(t *testing.T) {
	n := openPages(t)
	step := func(filter, result string) pipeline.Step {
		return pipeline.Step{Filter: filter, Finding: pipeline.Finding{Result: result}}
	}
	for i, tt := range []struct {
		from string
		step pipeline.Step
		want string
	}{
		{"192.0.2.9", step("antivirus", "virus"), ""},
		{"192.0.2.9", step("bayes", "spam"), ""},
		{"192.0.2.9", step("rspamd", "spam"), ""},
		{"192.0.2.9", step("honeypot", "trap"), ""},
		{"192.0.2.7", step("honeypot", "trap"), ""},
		{"198.51.100.1", step("honeypot", "trap"), ""},
		{"203.0.113.1", step("honeypot", "trap"), "true trap trap 203.0.113.0/24 test.example"},
	} {
		n.must(n.learnt.Flush(t.Context()))
		n.must(n.learnt.Follow(t.Context()))
		tx := pipeline.NewTransaction(t.Context(), fmt.Sprint("tx", i), time.Now(), mail.Client{Addr: netip.MustParseAddr(tt.from)}, nil)
		tx = tx.WithMail("x@far.example", mail.Params{}).WithRcpt().WithData([]mail.Path{"info@Test.example"}, offered())
		walk := &pipeline.Walk{Recipient: "info@Test.example", Steps: []pipeline.Step{tt.step}}
		judged{n.App}.Judged(t.Context(), tx, []*pipeline.Walk{walk})
		tx.Close()
		if got := n.saidToBayes(tx.ID); got != tt.want {
			t.Errorf("%d, %s: got %q, want %q", i, tt.step.Filter, got, tt.want)
		}
	}
}

// moved has an owner bring a message from one folder into another, as by IMAP, and what that says be learnt.
func (n *pagesNode) moved(box int64, from, to string, uid mailbox.UID) mailbox.UID {
	n.t.Helper()
	ctx := n.t.Context()
	source, err := n.mailboxes.Folder(ctx, box, from)
	n.must(err)
	target, err := n.mailboxes.Folder(ctx, box, to)
	n.must(err)
	done, err := n.mailboxes.Move(ctx, source.ID, mailbox.UIDSet{{First: uid, Last: uid}}, target.ID)
	n.must(err)
	n.moves.Sorted(imap.Sorted{Box: box, Address: "ann@test.example", From: source, To: target, UIDs: done.To()})
	select {
	case job := <-n.moves.jobs:
		n.must(n.moves.learn(ctx, job))
	default:
	}
	return done.First
}

// Who puts a message into Junk says that it is spam, and who takes it out again says the opposite, which takes that
// back; who throws it away says nothing more. What he put there himself never came as mail.
func TestMovesTeach(t *testing.T) {
	n := openPages(t)
	h := n.held("ann@test.example", offerMail, func(h *quarantine.Held) {
		h.Tx = mail.NewID(h.Time)
		h.View.Prefix = []byte("X-Gatepost-Id: " + h.Tx + "\r\nX-Gatepost-Client: 192.0.2.9 (mx.shop.example)\r\n")
	})
	n.must2(n.quarantine.Release(t.Context(), h.ID, operator(t.Context()))) // teaches nothing: that is releaseHeld's
	box := n.boxes["ann@test.example"]
	wants := func(when, bayes, marks string) {
		t.Helper()
		if got := n.saidToBayes(h.Tx); got != bayes {
			t.Errorf("%s: bayes was told %q, want %q", when, got, bayes)
		}
		if got := n.known(); got != marks {
			t.Errorf("%s: known by %q, want %q", when, got, marks)
		}
	}
	spam, ham := "true junk ann@test.example test.example", "false inbox ann@test.example test.example"
	uid := n.moved(box, "INBOX", "Junk", 1)
	wants("in Junk", spam, all)
	uid = n.moved(box, "Junk", "INBOX", uid)
	wants("back", ham, "")
	uid = n.moved(box, "INBOX", "Archive", uid)
	wants("elsewhere", ham, "")
	uid = n.moved(box, "Archive", "Junk", uid)
	wants("in Junk again", spam, all)
	n.moved(box, "Junk", "Trash", uid)
	wants("thrown away", spam, all)

	own := mailbox.Delivery{Box: box, Blob: h.Blob, Size: h.Size, Time: time.Now()}
	n.must(n.mailboxes.Deliver(t.Context(), &own))
	n.moved(box, "INBOX", "Junk", own.UID)
	if list, err := n.bayes.Lessons(t.Context(), desk.Query{Source: desk.Junk}); err != nil || len(list) != 2 {
		t.Errorf("after what was put there: %+v, %v", list, err)
	}
}

func TestIsJunk(t *testing.T) {
	none := mailbox.Use("")
	for name, tt := range map[string]struct {
		from, to   mailbox.Use
		spam, says bool
	}{
		"the inbox to Junk":   {none, mailbox.Junk, true, true},
		"Trash to Junk":       {mailbox.Trash, mailbox.Junk, true, true},
		"Junk to the inbox":   {mailbox.Junk, none, false, true},
		"Junk to the archive": {mailbox.Junk, mailbox.Archive, false, true},
		"Junk to Trash":       {mailbox.Junk, mailbox.Trash, false, false},
		"Junk to Junk":        {mailbox.Junk, mailbox.Junk, false, false},
		"the inbox to Trash":  {none, mailbox.Trash, false, false},
		"a folder to another": {none, none, false, false},
	} {
		if spam, says := isJunk(tt.from, tt.to); spam != tt.spam || says != tt.says {
			t.Errorf("%s: %v, %v", name, spam, says)
		}
	}
}

// Of many messages that are moved at once some teach.
func TestFirstOf(t *testing.T) {
	set := mailbox.UIDSet{{First: 3, Last: 5}, {First: 9, Last: 9}, {First: 20, Last: 4_000_000_000}}
	for most, want := range map[int]string{0: "", 2: "3:4", 3: "3:5", 4: "3:5,9", 6: "3:5,9,20:21"} {
		if got := firstOf(set, most).String(); got != want {
			t.Errorf("%d: got %q, want %q", most, got, want)
		}
	}
}

// An operator's lessons are taken back by their file, whose content nobody keeps, and not without.
func TestForgetFiles(t *testing.T) {
	n := openPages(t)
	content := []byte(strings.ReplaceAll(offerMail, "\n", "\r\n"))
	files := []ops.LearnMessage{{Name: "offer.eml", Content: content}}
	n.must2(n.learnMessages(t.Context(), ops.LearnAdd{Spam: true, Messages: files, Domain: "test.example"}))
	id := fileID(content)
	if got := n.saidToBayes(id); got != "true command admin test.example" {
		t.Errorf("learnt: %q", got)
	}
	if _, err := n.forgetLessons(t.Context(), ops.LearnForget{Message: id}); err == nil || !strings.Contains(err.Error(), "bring") && !strings.Contains(err.Error(), "gone") {
		t.Errorf("without the file: %v", err)
	}
	list, err := n.forgetLessons(t.Context(), ops.LearnForget{Messages: files})
	n.must(err)
	if len(list) != 1 || n.saidToBayes(id) != "" || n.known() != "" || n.standing().Spam != 0 {
		t.Errorf("%+v; bayes was told %q, known by %q, %+v", list, n.saidToBayes(id), n.known(), n.standing())
	}
	if list, err := n.forgetLessons(t.Context(), ops.LearnForget{Messages: files}); err != nil || len(list) != 0 {
		t.Errorf("again: %+v, %v", list, err)
	}
	if n, err := n.learnt.Counts(t.Context()); err != nil || len(n) != 0 {
		t.Errorf("left: %+v, %v", n, err)
	}
}
