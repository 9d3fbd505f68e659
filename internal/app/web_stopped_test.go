package app

import (
	"cmp"
	"fmt"
	"net/netip"
	"regexp"
	"testing"

	"gatepost/internal/access"
	"gatepost/internal/allowance"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/test/browser"
)

// stop has the limits stop a log-in that has come from somewhere.
func (n *pagesNode) stop(box int64, o allowance.Over) {
	n.t.Helper()
	n.must2(n.store.Submission().Stop(n.t.Context(), allowance.Stop{Box: box, Since: n.now(), Reason: o.String()}))
	n.must(n.store.Submission().Save(n.t.Context(), "other", []allowance.Count{{Box: box, Hour: n.now().Unix() / 3600, Messages: 321, Refused: 89, Fresh: 1234, Excess: 55, Wrong: 67, Networks: 4}}))
	n.must(n.store.Accounts().AddLogins(n.t.Context(), []access.Login{
		{Box: box, Door: "submission", Client: netip.MustParseAddr("192.0.2.77"), First: n.now(), Last: n.now(), Count: 1},
		{Box: box, Door: "imap", Client: netip.MustParseAddr("192.0.2.78"), First: n.now(), Last: n.now(), Count: 1},
	}, access.MaxLogins))
	n.must(n.allowance.Sync(n.t.Context()))
}

// TestStoppedPage: who looks after a domain sees whose log-ins are stopped there, why, and from where they came; he lets them go on
// once he has said that the password was changed. Owners are told; nobody sees other domains.
func TestStoppedPage(t *testing.T) {
	n := openPages(t)
	ann, bob, adam, hanna, olga := n.logIn("ann@test.example"), n.logIn("bob@test.example"), n.logIn("adam"), n.logIn("hanna"), n.logIn("olga")
	sender, _, err := n.directory.AddSender(t.Context(), directory.Sender{Name: "scanner@test.example"}, true)
	n.must(err)
	adam.wants("nobody")(adam.get("/stopped"))(200, "Nobody is stopped.")
	ann.wants("an owner")(ann.get("/stopped"))(403)
	n.stop(n.boxes["ann@test.example"], allowance.Over{What: allowance.InHour, Asked: 410, Limit: 200})
	n.stop(n.boxes["carl@other.example"], allowance.Over{What: allowance.ToOthers, Asked: 4000, Limit: 2000})
	n.must2(n.allowance.StopNow(t.Context(), allowance.Stop{Box: sender.ID, Since: n.now(), Reason: "a <b>strange</b>\u202e noise", Who: "an admin (olga)"}))

	adam.wants("his domain's")(adam.get("/stopped"))(200, "ann@test.example", "410 messages in an hour were asked for; 200 are allowed", "192.0.2.77", "-192.0.2.78",
		"Messages sent: 321; put off: 89.", "Different recipients: 1234; put off: 55.", "came back: 67.", "from 4 different networks", "/messages?sender=ann%40test.example",
		"scanner@test.example", "server or device", "&lt;b&gt;strange&lt;/b&gt;", "-\u202e", "an admin (olga)", "-carl@", `action="/stopped/resume"`, `action="/stopped/stop"`)
	olga.wants("all")(olga.get("/stopped"))(200, "carl@other.example", "4000 different recipients in a day were asked for; 2000 are allowed", "ann@test.example")
	olga.wants("some")(olga.get("/stopped?name=CARL@"))(200, "carl@other.example", "-ann@test.example")
	adam.wants("not others', by name")(adam.get("/stopped?name=carl"))(200, "Nobody of that name is stopped", "-carl@")
	hanna.wants("helpdesk looks")(hanna.get("/stopped"))(200, "ann@test.example", "-/stopped/resume", "-/stopped/stop")
	hanna.wants("and does nothing")(hanna.post("/account", "/stopped/resume", "name", "ann@test.example", "changed", "yes"))(403)
	for _, page := range []string{"/mailbox", "/account"} {
		ann.wants("the owner is told")(ann.get(page))(200, "You may not send mail since", "410 messages in an hour", "change it under “Account”")
		bob.wants("others are not")(bob.get(page))(200, "-may not send")
	}

	adam.wants("only what is changed")(adam.post("/stopped", "/stopped/resume", "name", "ann@test.example"))(200, "Nothing was done", "410 messages in an hour")
	adam.wants("not others'")(adam.post("/stopped", "/stopped/resume", "name", "carl@other.example", "changed", "yes"))(404)
	adam.wants("nor nobody's")(adam.post("/stopped", "/stopped/resume", "name", "nobody@test.example", "changed", "yes"))(404)
	if _, stopped := n.allowance.Stopped(n.boxes["ann@test.example"]); !stopped {
		t.Fatal("she may send again")
	}
	adam.wants("let go on")(adam.post("/stopped", "/stopped/resume", "name", "ann@test.example", "changed", "yes"))(200, "ann@test.example may send again", "-410 messages")
	adam.wants("once")(adam.post("/stopped", "/stopped/resume", "name", "ann@test.example", "changed", "yes"))(200, "It was not stopped any more.")
	ann.wants("told no more")(ann.get("/mailbox"))(200, "-may not send")

	adam.wants("stopped by hand")(adam.post("/stopped", "/stopped/stop", "name", " Bob@test.example ", "reason", "it is on a list"))(200, "bob@test.example may send nothing", "it is on a list", "(adam)")
	bob.wants("and told")(bob.get("/mailbox"))(200, "it is on a list", "Your administrator can let you send again", "-change it under")
	adam.wants("too long")(adam.post("/stopped", "/stopped/stop", "name", "ann@test.example", "reason", fmt.Sprintf("%0201d", 0)))(422, "one line of 200 octets", `value="ann@test.example"`)
	for _, name := range []string{"carl@other.example", "nobody@other.example", "", "@"} {
		adam.wants("not another's "+name)(adam.post("/stopped", "/stopped/stop", "name", name))(404, "Nobody of yours logs in by this address.")
	}
	adam.wants("in French")(adam.post("/account", "/account/language", "language", "fr"))(200)
	status, body := adam.get("/stopped")
	adam.wants("in French")(status, body)(200, "Bloqué depuis le", "Comptes bloqués")
	if key := regexp.MustCompile(`stopped\.[a-z.]+`).FindString(body); key != "" {
		t.Errorf("%s has no text", key)
	}
}

// TestStoppedLooks goes through the pages as TestQueueLooks does.
func TestStoppedLooks(t *testing.T) {
	n := openPages(t)
	n.stop(n.boxes["ann@test.example"], allowance.Over{What: allowance.InHour, Asked: 410, Limit: 200})
	long, err := n.directory.AddMailbox(t.Context(), directory.Mailbox{Address: mail.Path("somebody.with.a.name.as.long.as.names.of.machines.are@test.example")}, pagesPassword)
	n.must(err)
	n.stop(long.ID, allowance.Over{What: allowance.ToOthers, Asked: 12345, Limit: 2000})
	for name, o := range map[string]browser.Options{"en": {}, "fr-phone": {Size: browser.Phone, Language: "fr", Dark: true}} {
		t.Run(name, func(t *testing.T) {
			for who, path := range map[string]string{"adam": "/stopped", "ann@test.example": "/mailbox"} {
				b := browser.Open(t, o)
				enter(b, n, who)
				b.Go(n.url + path)
				b.Has("h1")
				b.Shoot("stopped-" + path[1:] + "-" + name)
				b.Accessible()
				if wide := browser.Eval[string](b, fmt.Sprintf(wider, cmp.Or(o.Size.Width, browser.Desktop.Width))); wide != "" {
					t.Errorf("%s is wider than the window: %s", path, wide)
				}
			}
		})
	}
}
