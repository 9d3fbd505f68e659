package app

import (
	"net/http"
	"testing"

	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/mailbox"
)

// sharing makes the folders of ann and bob, and shares hers: folder, with whom, rights.
func (n *pagesNode) sharing(shares ...[3]string) {
	n.t.Helper()
	for _, name := range []string{"ann@test.example", "bob@test.example"} {
		n.must(n.mailboxes.OpenBox(n.t.Context(), n.boxes[name], "", n.now()))
	}
	for _, folder := range []string{"Plans", "Plans/2026", "Plans/2027", "Recipes <old>"} {
		n.must2(n.mailboxes.CreateFolder(n.t.Context(), n.boxes["ann@test.example"], folder, ""))
	}
	for _, s := range shares {
		n.must2(n.addShare(n.t.Context(), ops.ShareAdd{Owner: "ann@test.example", Folder: s[0], With: s[1], Rights: s[2], Quiet: true}))
	}
}

// has fails where ann's folders that bob has answered to, or may see, are others.
func (n *pagesNode) has(what string, want map[string]mailbox.Answer) {
	n.t.Helper()
	list, err := n.mailboxes.SharedFolders(n.t.Context(), n.App.people().Visitor(n.boxes["bob@test.example"]))
	n.must(err)
	if len(list) != len(want) {
		n.t.Errorf("%s: %d folders, want %v", what, len(list), want)
	}
	for _, f := range list {
		if answer, ok := want[f.Name]; !ok || answer != f.Answer {
			n.t.Errorf("%s: %s is %q, want %q (%v)", what, f.Name, f.Answer, answer, ok)
		}
	}
}

// Who has folders of another's answers to them on his page, and she sees that on hers and takes them back.
func TestOwnShares(t *testing.T) {
	n := openPages(t)
	n.sharing([3]string{"Plans", "bob@test.example", "write"}, [3]string{"Recipes <old>", "bob@test.example", "read"}, [3]string{"Recipes <old>", "@test.example", "read"}, [3]string{"Recipes <old>", "anyone", "p"})
	n.must2(n.mailboxes.CreateFolder(t.Context(), n.boxes["ann@test.example"], "Plans/2026/May", "")) // which has what is above it
	ann, bob, carl := n.logIn("ann@test.example"), n.logIn("bob@test.example"), n.logIn("carl@other.example")
	answer := func(v *visitor, name, answer string) (int, string) {
		return v.post("/mailbox/shares", "/mailbox/shares/answer", "name", name, "answer", answer)
	}
	take := func(v *visitor, folder, with string) (int, string) {
		return v.post("/mailbox/shares", "/mailbox/shares/remove", "folder", folder, "with", with)
	}
	olga := n.logIn("olga")
	olga.wants("no owner's")(olga.get("/mailbox/shares"))(http.StatusForbidden)
	bob.wants("the way there")(bob.get("/mailbox"))(http.StatusOK, `href="/mailbox/shares"`)
	bob.wants("his")(bob.get("/mailbox/shares"))(http.StatusOK, "<bdi>Plans</bdi>", "and 3 folders beneath it", ">read and change<", "Recipes &lt;old&gt;", ">not answered yet<", "-Plans/2026", "You share no folder.")
	ann.wants("hers")(ann.get("/mailbox/shares"))(http.StatusOK, "Nobody shares a folder with you.", "bob@test.example", "everybody at test.example", "everybody with a mailbox here", "some, but not to read", "each answers alone", ">none yet<")
	carl.wants("what reaches all")(carl.get("/mailbox/shares"))(http.StatusOK, "-Plans", "Recipes &lt;old&gt;", "some, but not to read")

	bob.wants("accepted")(answer(bob, "Shared/ann@test.example/Plans", "accepted"))(http.StatusOK, "Accepted: your", "you accepted")
	n.has("accepted", map[string]mailbox.Answer{"Plans": "accepted", "Plans/2026": "accepted", "Plans/2026/May": "accepted", "Plans/2027": "accepted", "Recipes <old>": ""})
	bob.wants("a part left")(answer(bob, "Shared/ann@test.example/Plans/2026", "left"))(http.StatusOK, "You have left it", "and one folder beneath it", "<bdi>Plans/2026</bdi>", "-<bdi>Plans/2026/May</bdi>", "you declined or left")
	ann.wants("she sees it")(ann.get("/mailbox/shares"))(http.StatusOK, ">accepted<", ">declined or left<")
	bob.wants("declined")(answer(bob, "Shared/ann@test.example/Recipes <old>", "declined"))(http.StatusOK, "Declined: your")
	n.has("declined", map[string]mailbox.Answer{"Plans": "accepted", "Plans/2026": "declined", "Plans/2026/May": "declined", "Plans/2027": "accepted", "Recipes <old>": "declined"})

	carl.wants("what is not his")(answer(carl, "Shared/ann@test.example/Plans", "accepted"))(http.StatusOK, "not shared any more")
	carl.wants("nobody's")(answer(carl, "Shared/none@test.example/Plans", "accepted"))(http.StatusOK, "not shared any more")
	bob.wants("no group's")(answer(bob, "Groups/ann@test.example/Plans", "left"))(http.StatusOK, "not shared any more")
	bob.wants("no answer")(answer(bob, "Shared/ann@test.example/Plans", "perhaps"))(http.StatusBadRequest)
	bob.wants("not hers to take")(take(bob, "Plans", "bob@test.example"))(http.StatusOK, "not shared any more")
	n.has("as before", map[string]mailbox.Answer{"Plans": "accepted", "Plans/2026": "declined", "Plans/2026/May": "declined", "Plans/2027": "accepted", "Recipes <old>": "declined"})

	ann.wants("taken back")(take(ann, "Plans", "bob@test.example"))(http.StatusOK, "It is taken back.", "-<bdi>Plans</bdi>", "Recipes")
	ann.wants("once")(take(ann, "Plans", "bob@test.example"))(http.StatusOK, "not shared any more")
	n.has("taken back", map[string]mailbox.Answer{"Recipes <old>": "declined"})
	ann.wants("of all in a domain")(take(ann, "Recipes <old>", "@test.example"))(http.StatusOK, "It is taken back.", "-everybody at")
}

// All folders of a mailbox are one row, answered and taken back at once; who has more in one of them sees that beside it.
func TestOwnSharesOfAll(t *testing.T) {
	n := openPages(t)
	n.must2(n.directory.AddAlias(t.Context(), directory.Alias{Address: "team@test.example", Targets: []mail.Path{"bob@test.example", "carl@other.example"}}))
	n.sharing([3]string{"*", "bob@test.example", "read"}, [3]string{"Plans/2026", "team@test.example", "manage"}, [3]string{"Plans/2027", "bob@test.example", "read"})
	ann, bob := n.logIn("ann@test.example"), n.logIn("bob@test.example")
	all, err := n.mailboxes.Folders(t.Context(), n.boxes["ann@test.example"])
	n.must(err)
	want := func(answer mailbox.Answer) map[string]mailbox.Answer {
		m := map[string]mailbox.Answer{}
		for _, f := range all {
			if f.Use != mailbox.Quarantine {
				m[f.Name] = answer
			}
		}
		return m
	}
	bob.wants("one row, and one")(bob.get("/mailbox/shares"))(http.StatusOK, "<bdi>All folders</bdi>", "-beneath it</span>", "<bdi>Plans/2026</bdi>", "read, change and share", "-<bdi>Plans</bdi>", "-<bdi>INBOX")
	ann.wants("with a list")(ann.get("/mailbox/shares"))(http.StatusOK, "<bdi>All folders</bdi>", "all whom this address leads to", `name="folder" value="*"`, "<bdi>Plans/2027</bdi>")
	bob.wants("all")(bob.post("/mailbox/shares", "/mailbox/shares/answer", "name", "Shared/ann@test.example", "answer", "accepted"))(http.StatusOK, "Accepted: your", "-not answered yet")
	n.has("accepted", want(mailbox.Accepted))
	bob.wants("left")(bob.post("/mailbox/shares", "/mailbox/shares/answer", "name", "Shared/ann@test.example", "answer", "left"))(http.StatusOK, "You have left it")
	n.has("left", want(mailbox.Declined))
	ann.wants("taken back")(ann.post("/mailbox/shares", "/mailbox/shares/remove", "folder", "*", "with", "bob@test.example"))(http.StatusOK, "-<bdi>All folders", "team@test.example")
	n.has("taken back", map[string]mailbox.Answer{"Plans/2026": mailbox.Declined, "Plans/2027": mailbox.Declined})
	bob.wants("French")(bob.post("/account", "/account/language", "language", "fr"))(http.StatusOK)
	bob.wants("French")(bob.get("/mailbox/shares"))(http.StatusOK, "Dossiers partagés", "refusé ou quitté", "-shares.")
}
