package app

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"gatepost/internal/complaint"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/intake"
	"gatepost/internal/journal"
	"gatepost/internal/mail"
	"gatepost/quarantine"
)

// came has a message come for somebody and returns its transaction.
func (n *pagesNode) came(to string, change func(*quarantine.Held)) string {
	n.t.Helper()
	h := n.held(to, plainMail, func(h *quarantine.Held) {
		h.Tx = mail.NewID(h.Time)
		if change != nil {
			change(h)
		}
	})
	return h.Tx
}

func (n *pagesNode) complain(q ops.ComplaintAdd) ops.Complaint {
	n.t.Helper()
	c, err := n.addComplaint(n.t.Context(), q)
	n.must(err)
	return c
}

// Three people say that a client's mail is spam, and it is listed, with its sender, until
// that is old, or taken back.
func TestComplaints(t *testing.T) {
	n := openPages(t)
	addr := netip.MustParseAddr("192.0.2.9")
	ctx := t.Context()
	var first ops.Complaint
	for i, to := range []string{"ann@test.example", "bob@test.example", "carl@other.example"} {
		if _, listed := n.complaints.Memory().Client(addr, n.now()); listed {
			t.Fatalf("listed after %d complaints", i)
		}
		c := n.complain(ops.ComplaintAdd{ID: n.came(to, nil)})
		if c.State != "counts" || c.Client != "192.0.2.9" || c.Sender != "news@shop.example" || c.Recipient != to || c.Proof != "operator" || c.Subject == "" {
			t.Errorf("got %+v", c)
		}
		if i == 0 {
			first = c
		}
	}
	s, listed := n.complaints.Memory().Client(addr, n.now())
	if !listed || s.People != 3 {
		t.Fatalf("after three complaints: got %+v, %t", s, listed)
	}
	if _, listed := n.complaints.Memory().Sender("news@shop.example", n.now()); !listed {
		t.Error("the sender, whom SPF proved, is not listed")
	}
	if _, listed := n.complaints.Memory().Client(addr, n.now().AddDate(0, 0, 9)); listed {
		t.Error("nine days later it is listed still")
	}
	if !n.complainedOf().Addr(addr) || n.complainedOf().Addr(netip.MustParseAddr("192.0.2.10")) {
		t.Error("the published list says otherwise")
	}
	d, err := n.showComplaint(ctx, ops.ComplaintShow{Name: "192.0.2.9"})
	if err != nil || len(d.Standings) != 1 || !d.Standings[0].Listed || len(d.Complaints) != 3 || d.Standings[0].Accepted != 0 {
		t.Errorf("show: got %+v, %v", d, err)
	}
	left := time.Until(d.Standings[0].Until).Round(time.Hour)
	if left != 189*time.Hour || !strings.HasPrefix(d.Standings[0].Why, "3 people complained") {
		t.Errorf("it ends in %v: %s", left, d.Standings[0].Why)
	}
	w, err := n.withdrawComplaints(ctx, ops.ComplaintWithdraw{IDs: []string{first.ID}})
	if _, listed := n.complaints.Memory().Client(addr, n.now()); err != nil || w.Withdrawn != 1 || listed {
		t.Errorf("taken back: got %+v, %v, listed %t", w, err, listed)
	}
	list, err := n.listComplaints(ctx, ops.ComplaintList{State: "withdrawn", Page: ops.Page{Limit: 10}})
	if err != nil || len(list) != 1 || list[0].EndedBy != "admin" || list[0].ID != first.ID {
		t.Errorf("list: got %+v, %v", list, err)
	}
}

// An owner of one domain, with as many mailboxes as he likes, has nobody held from others.
func TestComplaintsOfOneDomain(t *testing.T) {
	n := openPages(t)
	addr := netip.MustParseAddr("192.0.2.9")
	for i := range 5 {
		who := mail.Path(fmt.Sprintf("m%d@test.example", i))
		n.must2(n.directory.AddMailbox(t.Context(), directory.Mailbox{Address: who}, ""))
		n.complain(ops.ComplaintAdd{ID: n.came(string(who), nil)})
	}
	d, err := n.showComplaint(t.Context(), ops.ComplaintShow{Name: "192.0.2.9"})
	if err != nil || len(d.Standings) != 1 || d.Standings[0].Listed || d.Standings[0].Weight < 4.9 || d.Standings[0].People != 2 {
		t.Errorf("got %+v, %v", d.Standings, err)
	}
	n.complain(ops.ComplaintAdd{ID: n.came("carl@other.example", nil)})
	if _, listed := n.complaints.Memory().Client(addr, n.now()); !listed {
		t.Error("with one of another domain it is not listed")
	}
}

// A report that waits is judged by what the journal has: its own words are no matter.
func TestForgedComplaints(t *testing.T) {
	n := openPages(t)
	tx := n.came("ann@test.example", nil)
	forged := complaint.Feedback{Type: "abuse", SourceIP: netip.MustParseAddr("198.51.100.1"), MailFrom: "victim@bank.example"}
	report := func(reporter mail.Path, proof, id string) {
		t.Helper()
		n.n++
		row, err := n.journal.Write(t.Context(), &journal.Record{ID: mail.NewID(n.now()), Time: n.now(), Walks: []journal.Walk{{Recipient: "abuse@test.example", Outcome: "delivered"}}})
		n.must(err)
		r := complaint.Report{Tx: row.ID, Time: n.now(), Reporter: reporter, Proof: proof, Form: complaint.FormARF, Feedback: forged, Originals: []complaint.Original{{ID: id}}}
		n.must(n.store.Commit(t.Context(), &intake.Commit{Row: row, Complaints: []complaint.Report{r}}))
	}
	for range 5 {
		report("ghost@test.example", "spf", tx)                   // whom nobody knows, of her domain
		report("ann@test.example", "", tx)                        // anybody can write her address
		report("eve@evil.example", "spf", tx)                     // proven, and none of its recipients
		report("carl@other.example", "log-in", tx)                // nor is another customer
		report("eve@evil.example", "dkim evil.example", "")       // it says so itself
		report("bob@test.example", "log-in", mail.NewID(n.now())) // an id that he thought of
	}
	list, err := n.listComplaints(t.Context(), ops.ComplaintList{Page: ops.Page{Limit: 100}})
	if err != nil || len(list) != 30 {
		t.Fatalf("got %d, %v", len(list), err)
	}
	for _, c := range list {
		if c.State != "unverified" || c.ClientWeight+c.SenderWeight > 0 || c.Client != "" || c.Sender != "" {
			t.Errorf("got %+v", c)
		}
	}
	if all, err := n.complaints.Standings(t.Context(), "", 10); err != nil || len(all) != 0 {
		t.Errorf("standings: got %+v, %v", all, err)
	}
	report("bob@test.example", "log-in", tx) // her colleague
	report("ann@test.example", "spf", tx)
	list, err = n.listComplaints(t.Context(), ops.ComplaintList{State: "counts", Page: ops.Page{Limit: 100}})
	if err != nil || len(list) != 1 || list[0].Client != "192.0.2.9" || list[0].Sender != "news@shop.example" {
		t.Errorf("the true one: got %+v, %v", list, err)
	}
}

// What was accepted from a client outweighs a few complaints.
func TestComplaintsOfManyMessages(t *testing.T) {
	n := openPages(t)
	var rows []*journal.Row
	for i := range 400 {
		rows = append(rows, &journal.Row{
			ID: mail.NewID(n.now().Add(time.Duration(i))), Time: n.now().Add(-time.Hour), Client: "192.0.2.9", Sender: "news@shop.example",
			Lines: []journal.Line{{Recipient: "ann@test.example", State: "delivered"}},
		})
	}
	n.must(n.store.Journal().Put(t.Context(), rows))
	for _, to := range []string{"ann@test.example", "bob@test.example", "carl@other.example"} {
		n.complain(ops.ComplaintAdd{ID: n.came(to, nil), Recipient: to})
	}
	d, err := n.showComplaint(t.Context(), ops.ComplaintShow{Name: "192.0.2.9"})
	if err != nil || d.Standings[0].Listed || d.Standings[0].Accepted != 400 || !strings.Contains(d.Standings[0].Why, "of 400 accepted messages") {
		t.Errorf("got %+v, %v", d.Standings, err)
	}
	if _, listed := n.complaints.Memory().Client(netip.MustParseAddr("192.0.2.9"), n.now()); listed {
		t.Error("it is listed")
	}
}

func TestAddComplaint(t *testing.T) {
	n := openPages(t)
	tx, refused := n.came("ann@test.example", nil), n.came("ann@test.example", nil)
	n.must(n.store.Journal().SetState(t.Context(), refused, "ann@test.example", "refused"))
	original := "X-Gatepost-Id: " + tx + "\r\nFrom: x@y.example\r\n\r\nx\r\n"
	for name, c := range map[string]struct {
		q    ops.ComplaintAdd
		want string
	}{
		"both":             {ops.ComplaintAdd{ID: tx, Message: []byte(original)}, "one of both"},
		"neither":          {ops.ComplaintAdd{}, "one of both"},
		"unknown":          {ops.ComplaintAdd{ID: mail.NewID(n.now())}, "not found"},
		"was refused":      {ops.ComplaintAdd{ID: refused}, "not found"},
		"another's":        {ops.ComplaintAdd{ID: tx, Recipient: "bob@test.example"}, "not found"},
		"no address":       {ops.ComplaintAdd{ID: tx, Recipient: "bob"}, "no @"},
		"message without":  {ops.ComplaintAdd{Message: []byte("From: x@y.example\r\n\r\nx\r\n")}, "no X-Gatepost-Id"},
		"the message":      {ops.ComplaintAdd{Message: []byte(original)}, ""},
		"a forwarded one":  {ops.ComplaintAdd{Message: []byte("Content-Type: message/rfc822\r\n\r\n" + original)}, ""},
		"by id, and whose": {ops.ComplaintAdd{ID: tx, Recipient: "Ann@test.example"}, ""},
	} {
		got, err := n.addComplaint(t.Context(), c.q)
		if c.want == "" && (err != nil || got.Message != tx) || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %+v, %v; want %q", name, got, err, c.want)
		}
	}
}

// An owner says that a message is spam, and then that it is not.
func TestSpamAndNotSpam(t *testing.T) {
	n := openPages(t)
	ctx := t.Context()
	tx := n.came("ann@test.example", nil)
	c, err := n.complaints.Report(ctx, complaint.Spam{Message: tx, Recipient: "ann@test.example", Who: "ann@test.example", Form: complaint.FormSpam})
	if err != nil || c.State != complaint.StateCounts || c.Proof != "owner" {
		t.Fatalf("got %+v, %v", c, err)
	}
	if _, err := n.complaints.Report(ctx, complaint.Spam{Message: tx, Recipient: "bob@test.example", Form: complaint.FormSpam}); !errors.Is(err, complaint.ErrNotFound) {
		t.Errorf("another's copy: got %v", err)
	}
	for _, want := range []int{1, 0} {
		if got, err := n.complaints.NotSpam(ctx, tx, "ann@test.example", "ann@test.example"); err != nil || got != want {
			t.Errorf("not spam: got %d, %v; want %d", got, err, want)
		}
	}
	s, err := n.complaints.Standing(ctx, complaint.ClientOf(netip.MustParseAddr("192.0.2.9")))
	if err != nil || s.Weight != 0 {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestComplaintDirectory(t *testing.T) {
	n := openPages(t)
	n.must2(n.directory.AddAlias(t.Context(), directory.Alias{Address: "sales@test.example", Targets: []mail.Path{"carl@other.example"}}))
	d := complaintDirectory{n.directory}
	for _, c := range []struct {
		recipient, reader mail.Path
		want              bool
	}{
		{"sales@test.example", "carl@other.example", true}, {"sales@test.example", "carl+x@other.example", true}, {"sales@test.example", "ann@test.example", false},
		{"ann@test.example", "ann@test.example", true}, {"gone@gone.example", "ann@test.example", false},
	} {
		if got := d.Reads(c.recipient, c.reader); got != c.want {
			t.Errorf("%s reads %s: got %t", c.reader, c.recipient, got)
		}
	}
	for address, want := range map[mail.Path]mail.Path{
		"Ann+x@test.example": "ann@test.example", "sales@test.example": "carl@other.example", "ghost@test.example": "", "x@gone.example": "",
	} {
		if home, ok := d.Home(address); home != want || ok != (want != "") {
			t.Errorf("home of %s: got %q, %t", address, home, ok)
		}
	}
	if name := d.domain("ann@test.example"); name != "test.example" {
		t.Errorf("of several domains: got %q", name)
	}
	if name, ok := d.Ours("test.example"); !ok || name != "test.example" {
		t.Errorf("got %s, %t", name, ok)
	}
	if _, ok := d.Ours("shop.example"); ok {
		t.Error("a stranger's domain is ours")
	}
}

func TestSpared(t *testing.T) {
	spares := sparing([]netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")})
	for addr, want := range map[string]bool{
		"127.0.0.1": true, "10.1.2.3": true, "100.64.1.1": true, "fe80::1": true, "::1": true, "fd00::1": true, "203.0.113.7": true, "::ffff:203.0.113.7": true,
		"192.0.2.7": false, "2001:db8::7": false,
	} {
		if got := spares(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: got %t", addr, got)
		}
	}
}

func TestProvenByEvidence(t *testing.T) {
	step := func(filter, result, signature string) *journal.Record {
		return &journal.Record{ReversePath: "x@mail.bulk.example", Walks: []journal.Walk{{Steps: []journal.Step{{Filter: filter, Result: result, Evidence: []journal.KV{{Key: "signature", Value: signature}}}}}}}
	}
	for name, c := range map[string]struct {
		r    *journal.Record
		want bool
	}{
		"spf":              {step("spf", "pass", ""), true},
		"spf fails":        {step("spf", "fail", ""), false},
		"signed":           {step("dkim", "pass", "d=bulk.example s=a a=rsa-sha256: pass"), true},
		"signed by others": {step("dkim", "pass", "d=esp.example s=a a=rsa-sha256: pass"), false},
		"signed badly":     {step("dkim", "fail", "d=bulk.example s=a a=rsa-sha256: fail body hash: pass no"), false},
		"unreadable":       {nil, false},
	} {
		if got := proven(c.r); got != c.want {
			t.Errorf("%s: got %t", name, got)
		}
	}
}
