package app

import (
	"regexp"
	"testing"
	"time"

	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/intake"
	"gatepost/internal/journal"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
)

// passed notes a message in the journal as the intake does, with an outcome for each recipient, and what happened to it.
func (n *pagesNode) passed(login, sender mail.Path, subject, messageID string, outcomes map[mail.Path]string, events ...queue.Event) string {
	n.t.Helper()
	now := time.Now().Truncate(time.Microsecond)
	r := &journal.Record{ID: mail.NewID(now), Time: now, Client: "192.0.2.9", Helo: "x", Login: login, ReversePath: sender, Subject: subject, MessageID: messageID, Size: 100, Reply: "ok"}
	for to, outcome := range outcomes {
		r.Walks = append(r.Walks, journal.Walk{Recipient: to, Outcome: outcome, Decision: journal.Decision{Action: "spam", Entry: "keywords", Filter: "keywords", Reason: "a secret pattern"}})
	}
	row, err := n.journal.Write(n.t.Context(), r)
	n.must(err)
	for i := range events {
		events[i].Tx = r.ID
	}
	n.must(n.store.Commit(n.t.Context(), &intake.Commit{Row: row, Events: events}))
	return r.ID
}

// carried notes that a transfer of a message was taken elsewhere.
func (n *pagesNode) carried(tx string, sender, to mail.Path) {
	n.t.Helper()
	q, d := n.store.Queue(), queue.Destination("mx:"+to.Domain())
	now := time.Now()
	m := &queue.Message{ID: mail.NewID(now), Tx: tx, Sender: sender, Blob: "b", Size: 1, Created: now, Expires: now.Add(time.Hour)}
	n.must(q.Put(n.t.Context(), []*queue.Transfer{{Message: m, Recipient: to, Destination: d, For: []mail.Path{to}}}))
	list, err := q.Claim(n.t.Context(), d, 1, time.Minute)
	n.must(err)
	_, err = q.Settle(n.t.Context(), []queue.Settlement{{Transfer: list[0], Fate: queue.Carried, Reply: queue.Reply{Host: "mx.far.example [192.0.2.8]:25", Code: 250, Enhanced: "2.0.0", Text: "kept as 4711"}}})
	n.must(err)
}

// TestMessagesPage: who sent a message sees what became of it for each recipient; admins and helpdesk see what concerns their domains,
// and of other recipients nothing; operators all.
func TestMessagesPage(t *testing.T) {
	n := openPages(t)
	ours := n.passed("ann@test.example", "ann@test.example", "Plans", "<plans@test.example>", map[mail.Path]string{"eve@far.example": "queued", "bob@test.example": "delivered"})
	n.carried(ours, "ann@test.example", "eve@far.example")
	theirs := n.passed("carl@other.example", "carl@other.example", "Others", "<others@other.example>", map[mail.Path]string{"eve@far.example": "queued"})
	n.carried(theirs, "carl@other.example", "eve@far.example")
	both := n.passed("", "x@shop.example", "Offer", "<offer@shop.example>", map[mail.Path]string{"ann@test.example": "held", "carl@other.example": "delivered"})
	ann, hanna, adam, olga := n.logIn("ann@test.example"), n.logIn("hanna"), n.logIn("adam"), n.logIn("olga")
	find := func(v *visitor, query string) (int, string) { return v.get("/messages?" + query) }

	ann.wants("hers alone")(find(ann, ""))(200, "Plans", "eve@far.example", "bob@test.example", "taken by the other server", "-Others", "-Offer")
	ann.wants("whatever she asks")(find(ann, "message-id=others@other.example&sender=carl@other.example"))(200, "No message was found")
	ann.wants("each recipient, and the other server's words")(ann.get("/messages/"+ours))(200, "bob@test.example", "delivered", "taken by the other server", "250 2.0.0 kept as 4711", ">taken<", "mx.far.example", "-secret pattern")
	ann.wants("not others'")(ann.get("/messages/" + theirs))(404)
	ann.wants("nor what came for her and is held")(ann.get("/messages/" + both))(404)

	for name, v := range map[string]*visitor{"adam": adam, "hanna": hanna} {
		v.wants(name+", his domain")(find(v, ""))(200, "Plans", "Offer", "-Others", "-carl@other.example")
		v.wants(name+", sent elsewhere")(find(v, "recipient=eve@far.example"))(200, "Plans", "-Others")
		v.wants(name+", a message to others, too")(v.get("/messages/"+both))(200, "ann@test.example", "held in quarantine", "a secret pattern", "There are other recipients", "-carl@other.example")
		v.wants(name + ", not others'")(v.get("/messages/" + theirs))(404)
	}
	olga.wants("all")(find(olga, ""))(200, "Plans", "Others", "Offer", `href="/messages"`)
	olga.wants("by Message-ID, in brackets")(find(olga, "message-id=%3Cothers@other.example%3E"))(200, "Others", "-Plans", "-Offer")
	olga.wants("and without")(find(olga, "message-id=offer@shop.example"))(200, "Offer", "-Plans", "-Others")
	for id, want := range map[string]int{"plans@test.example": 2, "<others@other.example>": 1, "none@test.example": 0} {
		if list, err := n.searchJournal(t.Context(), ops.JournalSearch{MessageID: id}); err != nil || len(list) != want {
			t.Errorf("journal search --message-id %s: %d, %v; want %d", id, len(list), err, want)
		}
	}
	olga.wants("by sender")(find(olga, "sender=CARL@other.example&days=1"))(200, "Others", "-Plans")
	olga.wants("all recipients")(olga.get("/messages/"+both))(200, "ann@test.example", "carl@other.example", "-There are other recipients")
	olga.wants("none of that number")(olga.get("/messages/none"))(404)
	olga.wants("French")(olga.post("/account", "/account/language", "language", "fr"))(200)
	for _, path := range []string{"/messages", "/messages/" + ours} {
		if _, body := olga.get(path); regexp.MustCompile(`>msg\.[a-z.]+`).MatchString(body) {
			t.Errorf("in French: %s", body)
		}
	}
}

// Who has sent a message, and the admin of that domain, learn of its recipients not where they have their mail sent on to, nor what
// their rules did, nor why another domain's filters held it. The recipients' own admin sees all of it.
func TestMessageHidesOthersWays(t *testing.T) {
	n := openPages(t)
	tx := n.passed("carl@other.example", "carl@other.example", "Hello", "<hello@other.example>", map[mail.Path]string{"bob@test.example": "held", "ann@test.example": "delivered"},
		queue.Event{Recipient: "bob@test.example", What: "rules", Reply: queue.Reply{Text: "filed into People I avoid"}})
	n.carried(tx, "carl@other.example", "bob@test.example")
	n.carried(tx, "carl@other.example", "bob@private.example")
	hidden := []string{"-private.example", "-People I avoid", "-a secret pattern"}
	carl, olga, adam := n.logIn("carl@other.example"), n.logIn("olga"), n.logIn("adam")
	n.must2(n.directory.ChangeAdmin(t.Context(), "hanna", "olga", func(a *directory.Admin) error {
		a.Role, a.Domains = directory.DomainAdmin, []string{"other.example"}
		return nil
	}))
	hanna := n.logIn("hanna")
	for name, v := range map[string]*visitor{"who sent it": carl, "the admin there": hanna} {
		v.wants(name)(v.get("/messages/"+tx))(200, append([]string{"bob@test.example", "kept as 4711"}, hidden...)...)
	}
	for name, v := range map[string]*visitor{"the recipients' admin": adam, "an operator": olga} {
		v.wants(name)(v.get("/messages/"+tx))(200, "bob@private.example", "People I avoid", "a secret pattern")
	}
}

// Who has an address that somebody else had before sees nothing of what that one has sent.
func TestMessagesOfTheAddressBefore(t *testing.T) {
	n := openPages(t)
	const bob = "bob@test.example"
	tx := n.passed(bob, bob, "Plans", "<plans@test.example>", map[mail.Path]string{"eve@far.example": "queued"})
	before := n.logIn(bob)
	before.wants("his own")(before.get("/messages/"+tx))(200, "Plans")
	n.must(n.directory.RemoveMailbox(t.Context(), bob))
	n.must2(n.directory.AddMailbox(t.Context(), directory.Mailbox{Address: bob}, pagesPassword))
	after, adam := n.logIn(bob), n.logIn("adam")
	after.wants("of the other")(after.get("/messages"))(200, "-Plans")
	after.wants("by its number")(after.get("/messages/" + tx))(404)
	adam.wants("the admin")(adam.get("/messages/"+tx))(200, "Plans")
}
