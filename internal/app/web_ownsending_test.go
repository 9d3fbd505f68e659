package app

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/internal/blob"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/store"
	"gatepost/mailbox"
)

// lettersTo are the texts of what stands in somebody's inbox, the oldest first.
func (n *pagesNode) lettersTo(address string) (texts []string) {
	n.t.Helper()
	inbox, err := n.mailboxes.Folder(n.t.Context(), n.boxes[address], mailbox.Inbox)
	n.must(err)
	list, err := n.mailboxes.Messages(n.t.Context(), inbox.ID, mailbox.UIDSet{{First: 1, Last: 1 << 30}}, mailbox.Whole)
	n.must(err)
	for _, m := range list {
		c, err := n.blobs.Open(n.t.Context(), blob.ID(m.Blob))
		n.must(err)
		content := m.View.Message(mail.NewSpooled(c, c.Size()))
		text, _ := content.Text(content.Root(), 1<<20)
		n.must(c.Close())
		texts = append(texts, content.Header().Text("Subject")+"\n"+strings.ReplaceAll(text, "\r\n", "\n"))
	}
	return texts
}

// maySend fails where somebody may send for a mailbox in another way.
func (n *pagesNode) maySend(what, who, of string, want mailbox.Sending) {
	n.t.Helper()
	how, err := senders{directory: n.directory, groups: n.mailboxes}.MaySend(n.t.Context(), mail.Path(who), n.boxes[of])
	n.must(err)
	if how != want {
		n.t.Errorf("%s: %s may send for %s: %q, want %q", what, who, of, how, want)
	}
}

// waiting returns the ID of the one request for a mailbox.
func (n *pagesNode) waiting(of string) string {
	n.t.Helper()
	list, err := n.shareRequests(n.t.Context(), ops.ShareRequests{Owner: of})
	n.must(err)
	if len(list) != 1 {
		n.t.Fatalf("%d requests for %s", len(list), of)
	}
	return list[0].ID
}

func (v *visitor) asks(address, how string) (int, string) {
	return v.post("/mailbox/shares", "/mailbox/shares/ask", "address", address, "how", how)
}

const askedDone = "If you can ask for that address"

// Bob asks to send for Ann; she reads it, in her language, grants it on her page and ends it there.
func TestAskToSend(t *testing.T) {
	n := openPagesWith(t, true)
	n.sharing()
	n.must2(n.directory.ChangeMailbox(t.Context(), "ann@test.example", func(m *directory.Mailbox) error { m.Language = "fr"; return nil }))
	n.must2(n.directory.AddAlias(t.Context(), directory.Alias{Address: "annie@test.example", Targets: []mail.Path{"ann@test.example"}}))
	ann, bob, carl := n.logIn("ann@test.example"), n.logIn("bob@test.example"), n.logIn("carl@other.example")

	bob.wants("asked")(bob.asks("Annie@test.example", "as"))(http.StatusOK, askedDone, "You have asked", "annie@test.example")
	told := n.lettersTo("ann@test.example")
	id := n.waiting("ann@test.example")
	page := "/mailbox/shares/requests/" + id
	if len(told) != 1 || !strings.Contains(told[0], "bob@test.example demande à envoyer du courrier en tant que ann@test.example") || !strings.Contains(told[0], n.url+page) {
		t.Fatalf("ann is told %q", told)
	}
	n.maySend("asked", "bob@test.example", "ann@test.example", mailbox.NoSending)
	for name, v := range map[string]*visitor{"who asks": bob, "a stranger": carl} {
		v.wants(name + " looks")(v.get(page))(http.StatusNotFound)
		v.wants(name + " answers")(v.post("/mailbox/shares", page, "answer", "granted"))(http.StatusNotFound)
		v.wants(name + " ends what is not")(v.post("/mailbox/shares", "/mailbox/shares/deputy", "of", "ann@test.example", "who", "bob@test.example", "how", ""))(http.StatusOK)
	}
	olga := n.logIn("olga")
	olga.wants("no owner's")(olga.get(page))(http.StatusForbidden)
	n.maySend("nobody's to answer", "bob@test.example", "ann@test.example", mailbox.NoSending)

	ann.wants("in English")(ann.post("/account", "/account/language", "language", "en"))(http.StatusOK)
	ann.wants("on her page")(ann.get("/mailbox/shares"))(http.StatusOK, page)
	ann.wants("the request")(ann.get(page))(http.StatusOK, "bob@test.example asks to send mail as ann@test.example", ">Grant it<", ">Decline it<")
	ann.wants("no answer")(ann.post(page, page, "answer", "perhaps"))(http.StatusBadRequest)
	ann.wants("granted")(ann.post(page, page, "answer", "granted"))(http.StatusOK, "Granted: bob@test.example can send", "-"+page, "as the address", "End it")
	n.maySend("granted", "bob@test.example", "ann@test.example", mailbox.SendAs)
	ann.wants("twice")(ann.get(page))(http.StatusNotFound, "does not wait any more")
	ann.wants("twice")(ann.post("/mailbox/shares", page, "answer", "declined"))(http.StatusNotFound)
	if told := n.lettersTo("bob@test.example"); len(told) != 1 || !strings.Contains(told[0], "You may send mail as annie@test.example") || strings.Contains(told[0], "ann@") {
		t.Errorf("bob is told %q", told)
	}
	bob.wants("he may")(bob.asks("ann@test.example", "on-behalf"))(http.StatusUnprocessableEntity, "You may do that already.")

	end := func(v *visitor, of, who string) (int, string) {
		return v.post("/mailbox/shares", "/mailbox/shares/deputy", "of", of, "who", who, "how", "")
	}
	carl.wants("not his to end")(end(carl, "ann@test.example", "bob@test.example"))(http.StatusOK, "That is not so any more")
	n.maySend("not his to end", "bob@test.example", "ann@test.example", mailbox.SendAs)
	ann.wants("ended")(end(ann, "ann@test.example", "bob@test.example"))(http.StatusOK, "It is ended.", "Nobody but you sends for you.")
	n.maySend("ended", "bob@test.example", "ann@test.example", mailbox.NoSending)
	ann.wants("once")(end(ann, "ann@test.example", "bob@test.example"))(http.StatusOK, "That is not so any more")

	bob.wants("again")(bob.asks("ann@test.example", "on-behalf"))(http.StatusOK, askedDone)
	page = "/mailbox/shares/requests/" + n.waiting("ann@test.example")
	ann.wants("declined")(ann.post(page, page, "answer", "declined"))(http.StatusOK, "Declined: bob@test.example is told")
	n.maySend("declined", "bob@test.example", "ann@test.example", mailbox.NoSending)
	if told := n.lettersTo("bob@test.example"); len(told) != 2 || !strings.Contains(told[1], "You may not send mail for ann@test.example") {
		t.Errorf("bob is told %q", told)
	}
	bob.wants("after a no")(bob.asks("ann@test.example", "as"))(http.StatusUnprocessableEntity, "within the last two weeks")
	n.noted("bob@test.example send-asked bob@test.example: as", "ann@test.example sending bob@test.example: as", "ann@test.example sending bob@test.example: no",
		"bob@test.example send-asked bob@test.example: on-behalf", "ann@test.example send-declined bob@test.example: on-behalf")
}

// TestSendRequestTakenBack: who asked takes it back on his page, be the address anybody's or nobody's; then nobody answers it. Another can't.
func TestSendRequestTakenBack(t *testing.T) {
	n := openPages(t)
	ann, bob, carl := n.logIn("ann@test.example"), n.logIn("bob@test.example"), n.logIn("carl@other.example")
	for _, address := range []string{"ann@test.example", "nobody@test.example"} {
		bob.wants("asked")(bob.asks(address, "as"))(http.StatusOK, askedDone)
	}
	waiting := n.waiting("ann@test.example")
	_, page := bob.get("/mailbox/shares")
	ids := regexp.MustCompile(`name="id" value="([^"]+)"><button aria-label="Take back: ([^"]+)"`).FindAllStringSubmatch(page, -1)
	if len(ids) != 2 || ids[0][1] != waiting || ids[0][2] != "ann@test.example" || ids[1][2] != "nobody@test.example" {
		t.Fatalf("he can take back %q, and %s waits", ids, waiting)
	}
	back := func(v *visitor, id string) (int, string) {
		return v.post("/mailbox/shares", "/mailbox/shares/ask/back", "id", id)
	}
	carl.wants("another's")(back(carl, waiting))(http.StatusOK, "That is not so any more")
	ann.wants("nor who answers it")(back(ann, waiting))(http.StatusOK, "That is not so any more")
	for _, one := range ids {
		bob.wants("taken back: "+one[2])(back(bob, one[1]))(http.StatusOK, "It is taken back", "-Take back: "+one[2])
		bob.wants("once: "+one[2])(back(bob, one[1]))(http.StatusOK, "That is not so any more")
	}
	ann.wants("nothing to answer")(ann.get("/mailbox/shares"))(http.StatusOK, "-Somebody asks you")
	request := "/mailbox/shares/requests/" + waiting
	ann.wants("too late")(ann.post("/mailbox/shares", request, "answer", "granted"))(http.StatusNotFound, "does not wait any more")
	n.maySend("taken back", "bob@test.example", "ann@test.example", mailbox.NoSending)
	bob.wants("not again at once")(bob.asks("ann@test.example", "as"))(http.StatusUnprocessableEntity, "within the last two weeks")
	n.noted("bob@test.example send-asked bob@test.example: as", "bob@test.example send-taken-back bob@test.example: as")
}

// noted fails where other things were noted of who sends for Ann's mailbox, the oldest first.
func (n *pagesNode) noted(want ...string) {
	n.t.Helper()
	notes, err := n.store.Audit().Notes(n.t.Context(), store.NoteQuery{Whom: "ann@test.example"})
	n.must(err)
	slices.SortFunc(notes, func(x, y directory.Note) int { return x.Time.Compare(y.Time) }) // of one millisecond IDs have no order
	var got []string
	for _, note := range notes {
		if note.What == directory.NoteShared {
			continue
		}
		got = append(got, note.Who+" "+note.What+" "+note.About)
	}
	if !slices.Equal(got, want) {
		n.t.Errorf("noted:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Who asks for an address that nobody has hears and sees the same as who asks for one that somebody has, to the last request.
func TestAskToSendTellsNothing(t *testing.T) {
	n := openPages(t)
	n.sharing()
	for _, a := range []mail.Path{"dora@test.example", "eva@test.example", "fred@test.example", "gwen@test.example", "hans@test.example"} {
		n.must2(n.directory.AddMailbox(t.Context(), directory.Mailbox{Address: a}, ""))
	}
	n.must2(n.directory.AddAlias(t.Context(), directory.Alias{Address: "team@test.example", Targets: []mail.Path{"ann@test.example", "eva@test.example"}}))
	ann, bob, carl := n.logIn("ann@test.example"), n.logIn("bob@test.example"), n.logIn("carl@other.example")
	// Of each three: somebody has it, nobody has it, somebody in another domain, or several, have it.
	for i, round := range [][3]string{
		{"dora@test.example", "nora@test.example", "carl@other.example"},
		{"eva@test.example", "ivan@none.example", "team@test.example"},
		{"fred@test.example", "olaf@other.example", "carl@other.example"},
	} {
		for j, v := range []*visitor{ann, bob} {
			address := round[(i+j)%2]
			v.wants("ask for "+address)(v.asks(address, "as"))(http.StatusOK, askedDone, address)
			v.wants("again for "+address)(v.asks(address, "as"))(http.StatusUnprocessableEntity, "within the last two weeks")
		}
		if i < 2 {
			bob.wants("ask for "+round[2])(bob.asks(round[2], "as"))(http.StatusOK, askedDone, round[2])
			ann.wants("ask for "+round[2])(ann.asks(map[string]string{"carl@other.example": "none@other.example", "team@test.example": "band@test.example"}[round[2]], "as"))(http.StatusOK, askedDone)
		}
	}
	for _, v := range []*visitor{ann, bob} {
		v.wants("too many")(v.asks("gwen@test.example", "as"))(http.StatusUnprocessableEntity, "Some of your requests wait")
		v.wants("too many")(v.asks("nobody@test.example", "as"))(http.StatusUnprocessableEntity, "Some of your requests wait")
	}
	carl.wants("to a stranger")(carl.asks("ann@test.example", "as"))(http.StatusOK, askedDone)
	for _, one := range []string{"carl@other.example", "ann@test.example"} {
		if list, err := n.shareRequests(t.Context(), ops.ShareRequests{Owner: one}); err != nil || len(list) != 0 {
			t.Errorf("strangers ask %s: %v, %v", one, list, err)
		}
	}
	if told := n.lettersTo("ann@test.example"); len(told) != 0 {
		t.Errorf("ann is told %q", told)
	}
	carl.wants("no address")(carl.asks("nobody", "as"))(http.StatusUnprocessableEntity, "That is no address.", `value="nobody"`)
	carl.wants("his own")(carl.asks("carl+x@other.example", "as"))(http.StatusUnprocessableEntity, "your own address")
	carl.wants("no way")(carl.asks("ann@test.example", "loud"))(http.StatusBadRequest)
	now := n.now()
	n.App.now = func() time.Time { return now.Add(mailbox.SendRequestFor) }
	if list, err := n.shareRequests(t.Context(), ops.ShareRequests{}); err != nil || len(list) != 0 {
		t.Errorf("still wait: %v, %v", list, err)
	}
}

// managedGroup makes a group, desk@other.example, that ann manages, and bob writes in.
func (n *pagesNode) managedGroup() {
	n.t.Helper()
	n.must2(n.addGroup(n.t.Context(), ops.GroupAdd{Address: "desk@other.example", Members: []string{"bob@test.example"}}))
	desk, _ := n.directory.Snapshot().Mailbox("desk@other.example")
	n.boxes["desk@other.example"] = desk.ID
	no := "no"
	n.must2(n.setGroup(n.t.Context(), ops.GroupSet{Address: "desk@other.example", Join: []string{"ann@test.example"}, Rights: "manage", Send: &no}))
	n.must2(n.setGroup(n.t.Context(), ops.GroupSet{Address: "desk@other.example", Join: []string{"bob@test.example"}, Rights: "write", Send: &no}))
}

// Who manages a group answers for it; its other members don't.
func TestAskToSendForGroup(t *testing.T) {
	n := openPages(t)
	n.sharing()
	n.managedGroup()
	ann, bob := n.logIn("ann@test.example"), n.logIn("bob@test.example")
	bob.wants("offered to ask")(bob.get("/mailbox/shares"))(http.StatusOK, "Ask to send on behalf of desk@other.example")
	before := len(n.lettersTo("ann@test.example"))
	bob.wants("asked")(bob.asks("desk@other.example", "on-behalf"))(http.StatusOK, askedDone)
	if told := n.lettersTo("ann@test.example"); len(told) != before+1 || !strings.Contains(told[before], "on behalf of desk@other.example") || !strings.Contains(told[before], "Mailbox, Shared folders") {
		t.Errorf("ann is told %q", told)
	}
	page := "/mailbox/shares/requests/" + n.waiting("desk@other.example")
	bob.wants("a member")(bob.post("/mailbox/shares", page, "answer", "granted"))(http.StatusNotFound)
	ann.wants("who manages it")(ann.post(page, page, "answer", "granted"))(http.StatusOK, "Granted: bob@test.example", "desk@other.example")
	n.maySend("granted", "bob@test.example", "desk@other.example", mailbox.SendOnBehalf)
	bob.wants("not offered any more")(bob.get("/mailbox/shares"))(http.StatusOK, "-Ask to send on behalf of")
	bob.wants("not his to end")(bob.post("/mailbox/shares", "/mailbox/shares/deputy", "of", "desk@other.example", "who", "bob@test.example", "how", ""))(http.StatusOK, "That is not so any more")
	n.maySend("not his to end", "bob@test.example", "desk@other.example", mailbox.SendOnBehalf)
	ann.wants("ended")(ann.post("/mailbox/shares", "/mailbox/shares/deputy", "of", "desk@other.example", "who", "bob@test.example", "how", ""))(http.StatusOK, "It is ended.")
	n.maySend("ended", "bob@test.example", "desk@other.example", mailbox.NoSending)
}

// Whose page of shared folders is shut is not asked, for the letter would lead to a page that does not answer; and who manages a group
// lets nobody send for it where sharing is shut to that, as he gives nobody rights in its folders.
func TestAskToSendOfShut(t *testing.T) {
	n := openPages(t)
	n.sharing()
	n.managedGroup()
	ann, bob := n.logIn("ann@test.example"), n.logIn("bob@test.example")
	bob.wants("asked")(bob.asks("desk@other.example", "as"))(http.StatusOK, askedDone)
	page := "/mailbox/shares/requests/" + n.waiting("desk@other.example")
	n.shutTo("other.example", directory.PageShares)
	ann.wants("granted")(ann.post("/mailbox/shares", page, "answer", "granted"))(http.StatusForbidden, shutToDomain)
	n.maySend("shut", "bob@test.example", "desk@other.example", mailbox.NoSending)
	ann.wants("declined")(ann.post("/mailbox/shares", page, "answer", "declined"))(http.StatusOK, "Declined")

	n.shutTo("ann@test.example", directory.PageShares)
	before := len(n.lettersTo("ann@test.example"))
	_, err := n.shareAsk(t.Context(), ops.ShareAsk{Asker: "bob@test.example", Address: "ann@test.example", Send: "as"})
	wantKind(t, "by command", err, control.Misuse)
	bob.wants("asked")(bob.asks("ann@test.example", "as"))(http.StatusOK, askedDone)
	if told := n.lettersTo("ann@test.example"); len(told) != before {
		t.Errorf("ann is told %q", told[before:])
	}
	if list, err := n.shareRequests(t.Context(), ops.ShareRequests{Owner: "ann@test.example"}); err != nil || len(list) != 0 {
		t.Errorf("she is asked: %v, %v", list, err)
	}
}

// With whom the inbox is shared her page offers to let him send on her behalf, and his page to ask for it.
func TestInboxOffersOnBehalf(t *testing.T) {
	n := openPages(t)
	n.sharing([3]string{"Plans", "carl@other.example", "read"}, [3]string{"INBOX", "bob@test.example", "read"}, [3]string{"INBOX", "anyone", "read"})
	ann, bob, carl := n.logIn("ann@test.example"), n.logIn("bob@test.example"), n.logIn("carl@other.example")
	let := func(who, how string) (int, string) {
		return ann.post("/mailbox/shares", "/mailbox/shares/deputy", "of", "ann@test.example", "who", who, "how", how)
	}
	ann.wants("offered")(ann.get("/mailbox/shares"))(http.StatusOK, "Let send on my behalf: bob@test.example", "-Let send on my behalf: carl", "-Let send on my behalf: anyone")
	bob.wants("may ask")(bob.get("/mailbox/shares"))(http.StatusOK, "Ask to send on behalf of ann@test.example")
	ann.wants("not offered")(let("carl@other.example", "on-behalf"))(http.StatusOK, "That is not so any more")
	ann.wants("no button")(let("bob@test.example", "as"))(http.StatusBadRequest)
	n.maySend("not offered", "carl@other.example", "ann@test.example", mailbox.NoSending)
	n.maySend("no button", "bob@test.example", "ann@test.example", mailbox.NoSending)
	carl.wants("not hers")(carl.post("/mailbox/shares", "/mailbox/shares/deputy", "of", "ann@test.example", "who", "bob@test.example", "how", "on-behalf"))(http.StatusOK, "That is not so any more")
	ann.wants("let")(let("bob@test.example", "on-behalf"))(http.StatusOK, "can be sent on your behalf", "-Let send on my behalf: bob", "End it: bob@test.example")
	n.maySend("let", "bob@test.example", "ann@test.example", mailbox.SendOnBehalf)
	if told := n.lettersTo("bob@test.example"); len(told) != 1 || !strings.Contains(told[0], "You may send mail on behalf of ann@test.example") {
		t.Errorf("bob is told %q", told)
	}
	bob.wants("may")(bob.get("/mailbox/shares"))(http.StatusOK, "-Ask to send on behalf of ann@test.example")
	bob.wants("French")(bob.post("/account", "/account/language", "language", "fr"))(http.StatusOK)
	bob.wants("French")(bob.get("/mailbox/shares"))(http.StatusOK, "Envoyer pour quelqu’un d’autre", "-sending.")
	n.noted("ann@test.example sending bob@test.example: on-behalf")
}

// To let somebody send and end it in turn writes to him three times a day, and no more; commands are told of as often as they are run.
func TestLetSendInTurn(t *testing.T) {
	n := openPages(t)
	n.sharing([3]string{"INBOX", "bob@test.example", "read"})
	ann := n.logIn("ann@test.example")
	for range toldEach + 2 {
		for _, how := range []string{"on-behalf", ""} {
			ann.wants("changed")(ann.post("/mailbox/shares", "/mailbox/shares/deputy", "of", "ann@test.example", "who", "bob@test.example", "how", how))(http.StatusOK)
		}
	}
	if told := n.lettersTo("bob@test.example"); len(told) != toldEach {
		t.Errorf("%d letters, want %d", len(told), toldEach)
	}
	m, _ := n.directory.Snapshot().Mailbox("ann@test.example")
	for range toldEach + 1 {
		n.must(n.letSend(t.Context(), m, "bob@test.example", mailbox.SendAs, byCommand(t.Context()), true))
	}
	n.maySend("at last", "bob@test.example", "ann@test.example", mailbox.SendAs)
	if told := n.lettersTo("bob@test.example"); len(told) != 2*toldEach+1 {
		t.Errorf("%d letters after commands, want %d", len(told), 2*toldEach+1)
	}
}

// The commands ask, list and decide, and share says how somebody may send, too.
func TestSendRequestCommands(t *testing.T) {
	n := openPages(t)
	n.sharing()
	ctx := t.Context()
	ask := func(asker, address, how string) error {
		_, err := n.shareAsk(ctx, ops.ShareAsk{Asker: asker, Address: address, Send: how})
		return err
	}
	for what, err := range map[string]error{
		"nobody":       ask("bob@test.example", "none@test.example", "as"),
		"a stranger":   ask("bob@test.example", "carl@other.example", "as"),
		"himself":      ask("bob@test.example", "bob@test.example", "as"),
		"no way":       ask("bob@test.example", "ann@test.example", "no"),
		"who is not":   ask("none@test.example", "ann@test.example", "as"),
		"no such one":  func() error { _, err := n.shareDecide(ctx, ops.ShareDecide{ID: "x", Grant: true}); return err }(),
		"both of them": func() error { _, err := n.shareRequests(ctx, ops.ShareRequests{Owner: "a", With: "b"}); return err }(),
	} {
		if kind := control.KindOf(err); kind != control.Missing && kind != control.Misuse {
			t.Errorf("%s: %v", what, err)
		}
	}
	n.must(ask("bob@test.example", "ann@test.example", "on-behalf"))
	if err := ask("bob@test.example", "ann@test.example", "as"); control.KindOf(err) != control.Misuse {
		t.Errorf("twice: %v", err)
	}
	id := n.waiting("ann@test.example")
	n.must2(n.shareDecide(ctx, ops.ShareDecide{ID: id, Grant: true}))
	n.maySend("granted", "bob@test.example", "ann@test.example", mailbox.SendOnBehalf)
	n.must2(n.addShare(ctx, ops.ShareAdd{Owner: "ann@test.example", Folder: "INBOX", With: "carl@other.example", Rights: "read", Send: "on-behalf", Quiet: true}))
	n.maySend("shared", "carl@other.example", "ann@test.example", mailbox.SendOnBehalf)
	n.must2(n.senders(ctx, ops.MailboxSenders{Address: "ann@test.example", None: []string{"bob@test.example"}}))
	n.noted("admin send-asked bob@test.example: on-behalf", "admin sending bob@test.example: on-behalf", "admin sending carl@other.example: on-behalf", "admin sending bob@test.example: no")
}
