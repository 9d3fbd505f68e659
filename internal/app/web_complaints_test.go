package app

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"gatepost/internal/complaint"
	"gatepost/internal/control/ops"
	"gatepost/internal/intake"
	"gatepost/internal/journal"
	"gatepost/internal/mail"
	"gatepost/quarantine"
)

func TestComplaintPage(t *testing.T) {
	n := openPages(t)
	adam, olga := n.logIn("adam"), n.logIn("olga")
	adam.wants("not his")(adam.get("/complaints"))(403)
	olga.wants("empty")(olga.get("/complaints"))(200, "Nobody has complained.", "What comes to abuse@", `href="/complaints"`, "-Who is complained of")
	var first ops.Complaint
	for i, to := range []string{"ann@test.example", "bob@test.example", "carl@other.example"} {
		c := n.complain(ops.ComplaintAdd{ID: n.came(to, func(h *quarantine.Held) { h.Subject = "Win <b>now</b>\u202e" + strings.Repeat(" more", 200) })})
		if i == 0 {
			first = c
		}
	}
	n.must2(n.complaints.Add(t.Context(), complaint.Report{
		Reporter: "eve@evil.example", Form: complaint.FormARF, Originals: []complaint.Original{{Subject: "forged"}},
	}))
	ours := complaint.Complaint{ID: "ours-1", Time: n.now(), Form: complaint.FormARF, Reporter: "fbl@loop.example", State: complaint.StateCustomer, Account: "ann@test.example"}
	n.must2(n.store.Complaints().Judge(t.Context(), complaint.Judgement{Complaints: []complaint.Complaint{ours}}, complaint.Weigher{Now: n.now(), Measure: n.complaints.Measure()}))

	olga.wants("all")(olga.get("/complaints"))(200, "192.0.2.9", "news@shop.example", "held until", "too few of its addresses", "Our customers", "ann@test.example",
		"Nothing proves it.", "It counts.", "A customer of ours sent it.", "Win &lt;b&gt;now", "-<b>now", "-\u202e", "added by an operator", "3.0")
	if _, body := olga.get("/complaints"); regexp.MustCompile(`<section class="card[^>]*>\s*<h2`).MatchString(body) || !strings.Contains(body, "what operators add") {
		t.Errorf("a heading stands in a card, or the page promises more than there is:\n%s", body)
	}
	olga.wants("one")(olga.get("/complaints?who=192.0.2.9"))(200, "Complaints of 192.0.2.9", "It counts.", "-Nothing proves it.", "-Our customers")
	olga.wants("a sender")(olga.get("/complaints?who=News@shop.example"))(200, "It counts.")
	olga.wants("nobody")(olga.get("/complaints?who="+strings.Repeat("x", 2000)))(200, "Nobody has complained of that.")
	if _, body := olga.get("/complaints"); regexp.MustCompile(`complaint\.[a-z]`).MatchString(body) {
		t.Errorf("a key is shown:\n%s", body)
	}
	olga.wants("French")(olga.post("/account", "/account/language", "language", "fr"))(200)
	olga.wants("in French")(olga.get("/complaints"))(200, "Plaintes", "retenu jusqu’au", "trop peu de ses adresses", "Rien ne la prouve.", "3,0")
	olga.wants("English")(olga.post("/account", "/account/language", "language", "en"))(200)

	olga.wants("one back")(olga.post("/complaints", "/complaints/withdraw", "id", first.ID))(200, "It is withdrawn", "It was withdrawn.", "too few people complained")
	olga.wants("again")(olga.post("/complaints", "/complaints/withdraw", "id", first.ID))(200, "nothing left to withdraw")
	olga.wants("all of a client")(olga.post("/complaints", "/complaints/withdraw", "kind", "client", "name", "192.0.2.9"))(200, "It is withdrawn", "-Who is complained of")
	olga.wants("nothing")(olga.post("/complaints", "/complaints/withdraw"))(200, "nothing left to withdraw")
	list, err := n.complaints.Find(t.Context(), complaint.Query{State: complaint.StateWithdrawn, Limit: 10})
	if err != nil || len(list) != 3 || list[0].EndedBy != "olga" {
		t.Errorf("got %+v, %v", list, err)
	}
}

// The page judges nothing: a report that costs a search may wait.
func TestComplaintPageDoesNotJudge(t *testing.T) {
	n := openPages(t)
	row, err := n.journal.Write(t.Context(), &journal.Record{ID: mail.NewID(n.now()), Time: n.now(), Walks: []journal.Walk{{Recipient: "abuse@test.example", Outcome: "delivered"}}})
	n.must(err)
	r := complaint.Report{Tx: row.ID, Time: n.now(), Reporter: "ann@test.example", Proof: "log-in", Form: complaint.FormForward, Originals: []complaint.Original{{MessageID: "<1@x>"}}}
	n.must(n.store.Commit(t.Context(), &intake.Commit{Row: row, Complaints: []complaint.Report{r}}))
	olga := n.logIn("olga")
	olga.wants("before")(olga.get("/complaints"))(200, "Nobody has complained.")
	n.must(n.complaints.Judge(t.Context()))
	olga.wants("after")(olga.get("/complaints"))(200, "Nothing proves it.")
}

// A page has fifty complaints, and leads to the next.
func TestComplaintPages(t *testing.T) {
	n := openPages(t)
	var all []complaint.Complaint
	for i := range 120 {
		all = append(all, complaint.Complaint{
			ID: fmt.Sprintf("c%03d", i), Time: n.now().Add(time.Duration(i-200) * time.Minute).Truncate(time.Microsecond), Form: complaint.FormForward,
			Reporter: mail.Path(fmt.Sprintf("u%03d@x.example", i)), State: complaint.StateUnverified,
		})
	}
	n.must2(n.store.Complaints().Judge(t.Context(), complaint.Judgement{Complaints: all}, complaint.Weigher{Now: n.now(), Measure: n.complaints.Measure()}))
	olga := n.logIn("olga")
	path, seen := "/complaints", 0
	for range 3 {
		_, body := olga.get(path)
		seen += strings.Count(body, "@x.example</bdi>")
		if next := regexp.MustCompile(`rel="next" href="([^"]+)"`).FindStringSubmatch(body); next != nil {
			path = next[1]
		}
	}
	if seen != 120 {
		t.Errorf("three pages show %d", seen)
	}
	olga.wants("the last")(olga.get(path))(200, "u000@x.example", "-u119@x.example", `-rel="next"`)
}
