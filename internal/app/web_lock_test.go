package app

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/quarantine"
)

func (n *pagesNode) lock(address mail.Path, locked bool) {
	n.t.Helper()
	_, err := n.lockMailbox(n.t.Context(), address, locked, "root")
	n.must(err)
}

// What a locked mailbox has is closed to those who look after its domain at each door, and to nobody else; what is beside it they
// see as before. It is so at once, in sessions that are open.
func TestLockedMailbox(t *testing.T) {
	n := openPages(t)
	n.must2(n.directory.AddAlias(t.Context(), directory.Alias{Address: "boss@test.example", Targets: []mail.Path{"ann@test.example"}}))
	n.must2(n.directory.AddAlias(t.Context(), directory.Alias{Address: "team@test.example", Targets: []mail.Path{"ann@test.example", "bob@test.example"}}))
	hers := n.held("ann@test.example", plainMail, func(h *quarantine.Held) { h.Subject = "Her secret" })
	copied := n.held("boss@test.example", plainMail, func(h *quarantine.Held) { h.Subject, h.Box = "Her copy", quarantine.Elsewhere })
	refused := n.held("pal@far.example", plainMail, func(h *quarantine.Held) {
		h.Subject, h.Box, h.Filter, h.Domain = "Her forward", quarantine.Anywhere, quarantine.Undeliverable, "test.example"
	})
	sent := n.held("pal@far.example", plainMail, func(h *quarantine.Held) {
		h.Subject, h.Box, h.Domain, h.Sender, h.Proof = "Her own words", quarantine.Anywhere, "test.example", "boss@test.example", "log-in"
	})
	receipt := n.held("pal@far.example", plainMail, func(h *quarantine.Held) {
		h.Subject, h.Box, h.Domain, h.Sender, h.Proof = "Her receipt", quarantine.Anywhere, "test.example", mail.Null, "log-in"
	})
	shared := n.held("pal@far.example", plainMail, func(h *quarantine.Held) {
		h.Subject, h.Box, h.Domain, h.Sender, h.Proof, h.By = "Her part", quarantine.Anywhere, "test.example", "team@test.example", "log-in", n.boxes["ann@test.example"]
	})
	n.held("pal@far.example", plainMail, func(h *quarantine.Held) {
		h.Subject, h.Box, h.Domain, h.Sender, h.Proof, h.By = "Bobs part", quarantine.Anywhere, "test.example", "team@test.example", "log-in", n.boxes["bob@test.example"]
	})
	n.held("pal@far.example", plainMail, func(h *quarantine.Held) {
		h.Subject, h.Box, h.Domain, h.Sender, h.Proof = "Bobs words", quarantine.Anywhere, "test.example", "bob@test.example", "log-in"
	})
	bobs := n.held("bob@test.example", plainMail, func(h *quarantine.Held) { h.Subject = "Bobs own" })
	entry := n.entry(directory.Allow, "lover@far.example", "ann@test.example")
	n.entry(directory.Allow, "friend@far.example", "bob@test.example")
	to := n.passed("", "x@shop.example", "Offer to her", "<1@shop.example>", map[mail.Path]string{"Ann+shop@test.example": "delivered"})
	from := n.passed("ann@test.example", "ann@test.example", "Plans of hers", "<2@test.example>", map[mail.Path]string{"eve@far.example": "queued"})
	both := n.passed("", "x@shop.example", "Offer to both", "<3@shop.example>", map[mail.Path]string{"boss@test.example": "delivered", "bob@test.example": "delivered"})
	team := n.passed("", "x@shop.example", "Offer to the team", "<4@shop.example>", map[mail.Path]string{"team@test.example": "delivered"},
		queue.Event{Recipient: "ann@test.example", What: "rules", Reply: queue.Reply{Text: "filed into Lovers"}},
		queue.Event{Recipient: "bob@test.example", What: "rules", Reply: queue.Reply{Text: "filed into Football"}})
	delegates := []*visitor{n.logIn("adam"), n.logIn("hanna"), n.logIn("rosa")}
	adam, ann, olga := delegates[0], n.logIn("ann@test.example"), n.logIn("olga")
	secrets := []string{"Her secret", "Her copy", "Her forward", "Her own words", "Her receipt", "Her part"}

	adam.wants("before")(adam.get("/quarantine"))(200, append(secrets, "Bobs own")...)
	_, form := adam.get("/quarantine/" + hers.ID) // whose buttons he has still
	n.lock("ann@test.example", true)
	none := []string{"-Her secret", "-Her copy", "-Her forward", "-Her own words", "-Her receipt", "-Her part"}
	for _, v := range delegates {
		for _, search := range []string{"", "?text=her", "?recipient=ann@test.example", "?filter=keywords", "?state=any", "?domain=test.example&subject=her"} {
			v.wants("list "+search)(v.get("/quarantine"+search))(200, none...)
		}
		v.wants("bob's")(v.get("/quarantine"))(200, "Bobs own", "Bobs words", "Bobs part")
		for _, h := range []quarantine.Held{hers, copied, refused, sent, receipt, shared} {
			for _, page := range []string{"", "/view", "/source", "/message.eml"} {
				v.wants("held"+page)(v.get("/quarantine/"+h.ID+page))(404, none...)
			}
			for _, act := range []string{"release", "delete", "allow", "block", "ask"} {
				v.wants(act)(v.post("/quarantine/"+bobs.ID, "/quarantine/"+h.ID+"/"+act, "confirm", "yes"))(404)
			}
		}
		v.wants("messages")(v.get("/messages"))(200, "-Offer to her", "-Plans of hers", "Offer to both", "Offer to the team", "-boss@test.example")
		v.wants("to her")(v.get("/messages/" + to))(404)
		v.wants("from her")(v.get("/messages/" + from))(404)
		v.wants("to both")(v.get("/messages/"+both))(200, "bob@test.example", "-boss@test.example")
		v.wants("to the team")(v.get("/messages/"+team))(200, "team@test.example", "Football", "-Lovers")
		v.wants("lists")(v.get("/lists"))(200, "-lover@far.example", "friend@far.example")
		v.wants("csv")(v.get("/lists.csv"))(200, "-lover@far.example", "friend@far.example")
		v.wants("her lists")(v.get("/lists?scope=ann@test.example"))(404)
		v.wants("her entry")(v.get("/lists/" + fmt.Sprint(entry.ID)))(404)
		v.wants("her settings")(v.get("/settings?mailbox=ann@test.example"))(200, "ann@test.example", "locked", "by root", "-Unlock it")
	}
	adam.wants("many")(adam.post("/quarantine", "/quarantine", "act", "delete", "confirm", "yes", "id", hers.ID, "id", copied.ID, "id", refused.ID))(200, "-Her")
	adam.wants("how many, by a word")(adam.post("/quarantine", "/quarantine", "act", "delete", "all", "yes", "subject", "her"))(200, "No message is held any more")
	adam.wants("all, by a word")(adam.post("/quarantine", "/quarantine", "act", "delete", "all", "yes", "confirm", "yes", "subject", "her"))(200, "-not held any more")
	adam.wants("all")(adam.post("/quarantine", "/quarantine", "act", "delete", "all", "yes"))(200, none...)
	adam.wants("all, done")(adam.post("/quarantine", "/quarantine", "act", "release", "all", "yes", "confirm", "yes"))(200, "-Her")
	adam.wants("his old form")(adam.post("/quarantine", "/quarantine/"+hers.ID+"/release", "csrf", csrfField.FindStringSubmatch(form)[1]))(404)
	adam.wants("an entry for her")(adam.post("/lists", "/lists", "list", "block", "value", "far.example", "scope", "ann@test.example"))(404)
	adam.wants("by import")(adam.post("/lists/import", "/lists/import", "csv", "list,kind,value,scope\nblock,address,x@far.example,ann@test.example\n"))(200, "this scope is not yours")
	adam.wants("unlock")(adam.post("/settings?mailbox=ann@test.example", "/settings/lock", "mailbox", "ann@test.example", "lock", "no"))(403)
	adam.wants("her digest")(adam.post("/settings?mailbox=ann@test.example", "/settings", "mailbox", "ann@test.example", "language", "fr"))(200)
	for _, h := range []quarantine.Held{hers, copied, refused, sent, receipt, shared} {
		if n.state(h.ID) != quarantine.StateHeld {
			t.Errorf("%s is %s", h.Subject, n.state(h.ID))
		}
	}
	if n.state(bobs.ID) != quarantine.StateReleased {
		t.Error("bob's was not released")
	}
	olga.wants("operator")(olga.get("/quarantine"))(200, secrets...)
	olga.wants("operator's journal")(olga.get("/messages"))(200, "Offer to her", "Plans of hers")
	ann.wants("owner")(ann.get("/quarantine"))(200, "Her secret")
	ann.wants("owner's journal")(ann.get("/messages"))(200, "Plans of hers", "-Offer to her")
	ann.wants("owner's lists")(ann.get("/lists"))(200, "lover@far.example")
	ann.wants("owner releases")(ann.post("/quarantine/"+hers.ID, "/quarantine/"+hers.ID+"/release"))(200)
	n.lock("ann@test.example", false)
	adam.wants("unlocked")(adam.get("/messages"))(200, "Offer to her", "Plans of hers")
}

// What a locked mailbox sends under an address of another domain is closed to those who look after that one, in lists as well, though
// nothing of theirs is locked.
func TestLockedMailboxOfAnotherDomain(t *testing.T) {
	n := openPages(t)
	n.must2(n.directory.ChangeAdmin(t.Context(), "adam", "root", func(a *directory.Admin) error { a.Domains = []string{"other.example"}; return nil }))
	adam := n.logIn("adam")
	held := func(subject, by string) quarantine.Held {
		return n.held("pal@far.example", plainMail, func(h *quarantine.Held) {
			h.Subject, h.Box, h.Domain, h.Sender, h.Proof, h.By = subject, quarantine.Anywhere, "other.example", "desk@other.example", "log-in", n.boxes[by]
		})
	}
	hers, _ := held("Her part", "ann@test.example"), held("Bobs part", "bob@test.example")
	from := func(by string) func(*queue.Message) {
		return func(m *queue.Message) { m.Sender, m.By = "desk@other.example", n.boxes[by] }
	}
	waits := n.waits("other.example", from("ann@test.example"), "one@far.example")
	n.waits("other.example", from("bob@test.example"), "two@far.example")
	adam.wants("before")(adam.get("/quarantine"))(200, "Her part", "Bobs part")
	adam.wants("queue before")(adam.get("/queue"))(200, "one@far.example", "two@far.example")
	n.lock("ann@test.example", true)
	adam.wants("held")(adam.get("/quarantine"))(200, "-Her part", "Bobs part")
	adam.wants("hers")(adam.get("/quarantine/" + hers.ID))(404)
	adam.wants("queue")(adam.get("/queue"))(200, "-one@far.example", "two@far.example")
	adam.wants("her transfer")(adam.get(fmt.Sprint("/queue/", waits[0])))(404)
}

// Owners lock where their domain leaves it to them, operators always; each is noted, and owners are told of what others did.
func TestWhoLocks(t *testing.T) {
	n := openPages(t)
	ann, olga := n.logIn("ann@test.example"), n.logIn("olga")
	set := func(v *visitor, address, lock string) (int, string) {
		return v.post("/settings?mailbox="+address, "/settings/lock", "mailbox", address, "lock", lock)
	}
	ann.wants("not left to her")(ann.get("/settings"))(200, "-Lock it")
	ann.wants("all the same")(set(ann, "ann@test.example", "yes"))(200, "Only who runs the server")
	n.must2(n.directory.ChangeDomain(t.Context(), "test.example", func(d *directory.Domain) error { d.Owners = []directory.May{directory.MayLock}; return nil }))
	if n.directory.Snapshot().Locked(n.boxes["ann@test.example"]) {
		t.Fatal("she locked it all the same")
	}
	ann.wants("left to her")(ann.get("/settings"))(200, "Lock it", "not locked")
	ann.wants("bob's")(set(ann, "bob@test.example", "yes"))(200, "locked") // an owner's form is for the own mailbox
	if s := n.directory.Snapshot(); !s.Locked(n.boxes["ann@test.example"]) || s.Locked(n.boxes["bob@test.example"]) {
		t.Fatal("hers alone is to be locked")
	}
	ann.wants("hers")(ann.get("/settings"))(200, "by ann@test.example", "Unlock it")
	if got := n.inbox("ann@test.example"); got != 0 {
		t.Errorf("%d letters of her own act", got)
	}
	olga.wants("operator")(set(olga, "ann@test.example", "no"))(200, "not locked any more")
	if got := n.inbox("ann@test.example"); got != 1 {
		t.Errorf("%d letters, want one of who unlocked it", got)
	}
	shown, err := done[ops.Mailbox](t, n.App, ops.MailboxSet{Address: "ann@test.example", Lock: new(true)})
	if err != nil || !shown.Locked || len(shown.Shut) > 0 {
		t.Errorf("by command: %+v, %v", shown, err)
	}
	notes, err := done[[]ops.AuditNote](t, n.App, ops.AuditList{Whom: "ann@test.example"})
	n.must(err)
	var got []string
	for _, one := range notes {
		got = append(got, one.Who+" "+one.What)
	}
	if want := "admin locked, olga unlocked, ann@test.example locked"; strings.Join(got, ", ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What a locked mailbox sends, and what is sent on from it, waits in the queue unseen by those who look after its domain, and nothing
// they do to all that they find touches it.
func TestLockedMailboxInQueue(t *testing.T) {
	n := openPages(t)
	from := func(sender mail.Path) func(*queue.Message) { return func(m *queue.Message) { m.Sender = sender } }
	hers := n.waits("test.example", from("prvs=12345678ab=ann@test.example"), "one@far.example")
	shared := n.waits("test.example", func(m *queue.Message) { m.Sender, m.By = "team@test.example", n.boxes["ann@test.example"] }, "two@far.example")
	told := n.waits("test.example", from(mail.Null), "ann@test.example")
	bobs := n.waits("test.example", from("bob@test.example"), "three@far.example", "four@far.example")
	n.lock("ann@test.example", true)
	adam, olga := n.logIn("adam"), n.logIn("olga")
	own := []string{"three@far.example", "four@far.example", "-one@far.example", "-two@far.example", "-ann@test.example"}
	for _, search := range []string{"", "?home=test.example", "?state=waiting"} {
		adam.wants("queue "+search)(adam.get("/queue"+search))(200, own...)
	}
	for _, search := range []string{fmt.Sprint("?number=", hers[0]), "?recipient=one@far.example", "?sender=ann@test.example"} {
		adam.wants("queue "+search)(adam.get("/queue"+search))(200, "Nothing in the queue is like that.")
	}
	adam.wants("hers")(adam.get(fmt.Sprint("/queue/", hers[0])))(404)
	adam.wants("hers under a name that others have, too")(adam.get(fmt.Sprint("/queue/", shared[0])))(404)
	adam.wants("what she is told")(adam.get(fmt.Sprint("/queue/", told[0])))(404)
	adam.wants("bob's")(adam.get(fmt.Sprint("/queue/", bobs[0])))(200, "three@far.example")
	ticked := []string{"act", "hold", "id", fmt.Sprint(hers[0]), "id", fmt.Sprint(shared[0]), "id", fmt.Sprint(told[0]), "id", fmt.Sprint(bobs[0])}
	adam.wants("ticked")(adam.post("/queue", "/queue", ticked...))(200)
	if waiting, held := n.inQueue(); waiting != 4 || held != 1 {
		t.Errorf("%d wait and %d are held, want bob's first one alone held", waiting, held)
	}
	adam.wants("all, asked")(adam.post("/queue", "/queue", "act", "delete", "all", "yes"))(200, own...)
	adam.wants("all")(adam.post("/queue", "/queue", "act", "delete", "all", "yes", "confirm", "yes", "until", fmt.Sprint(time.Now().Add(time.Hour).UnixMicro())))(200)
	if waiting, held := n.inQueue(); waiting != 3 || held != 0 {
		t.Errorf("%d wait and %d are held, want hers", waiting, held)
	}
	olga.wants("operator")(olga.get("/queue"))(200, "one@far.example", "ann@test.example")
}
