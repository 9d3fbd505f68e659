package app

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/store"
	"gatepost/mailbox"
	"gatepost/mailbox/imap"
)

// gives has somebody share a folder of his on the page.
func (v *visitor) gives(folder, with, may string, more ...string) (int, string) {
	return v.post("/mailbox/shares", "/mailbox/shares/give", append([]string{"folder", folder, "with", with, "may", may}, more...)...)
}

// shared are the notes of what ann shared, the newest first.
func (n *pagesNode) shared() (list []string) {
	n.t.Helper()
	notes, err := n.store.Audit().Notes(n.t.Context(), store.NoteQuery{Whom: "ann@test.example", What: directory.NoteShared})
	n.must(err)
	for _, one := range notes {
		list = append(list, one.Who+" "+one.About)
	}
	return list
}

// told is how many letters there are to an address.
func (n *pagesNode) told(address string) int {
	n.t.Helper()
	return len(slices.DeleteFunc(n.sent(), func(text string) bool {
		return !strings.Contains(mail.NewMessage([]byte(text)).Header().Get("To"), address)
	}))
}

// An owner shares a folder, with what is beneath it or alone; who gets it is told, and it is noted. Then she changes what he may.
func TestGiveShare(t *testing.T) {
	n := openPages(t)
	n.sharing()
	ann, bob := n.logIn("ann@test.example"), n.logIn("bob@test.example")
	ann.wants("the form")(ann.get("/mailbox/shares"))(http.StatusOK, `<option value="INBOX"`, `<option value="Recipes &lt;old&gt;">Recipes &lt;old&gt;</option>`, `-value="Quarantine"`)
	before := n.told("bob@test.example")
	ann.wants("given")(ann.gives("Plans", "Bob@Test.example", "read", "beneath", "yes"))(http.StatusOK, "It is shared.", "<bdi>bob@test.example</bdi>", "and 2 folders beneath it", ">none yet<")
	n.has("given", map[string]mailbox.Answer{"Plans": "", "Plans/2026": "", "Plans/2027": ""})
	if got := n.told("bob@test.example") - before; got != 1 {
		t.Errorf("%d letters", got)
	}
	bob.wants("what he may")(bob.get("/mailbox/shares"))(http.StatusOK, "<bdi>Plans</bdi>", "<td data-label=\"Rights\">read</td>")
	ann.wants("changed")(ann.gives("Plans", "bob@test.example", "manage", "beneath", "yes"))(http.StatusOK, "It is shared.", "<td data-label=\"Rights\">read, change and share</td>")
	bob.wants("what he may then")(bob.get("/mailbox/shares"))(http.StatusOK, "<td data-label=\"Rights\">read, change and share</td>")
	if got := n.told("bob@test.example") - before; got != 1 {
		t.Errorf("%d letters after a change", got)
	}
	ann.wants("alone")(ann.gives("Plans", "carl@other.example", "write"))(http.StatusOK, "It is shared.")
	carl := n.logIn("carl@other.example")
	carl.wants("alone")(carl.get("/mailbox/shares"))(http.StatusOK, "<bdi>Plans</bdi>", "-beneath it</span>")
	ann.wants("all, to a domain")(ann.gives("*", "@other.example", "read"))(http.StatusOK, "It is shared.", "<bdi>All folders</bdi>", "everybody at other.example")
	ann.wants("taken back")(ann.post("/mailbox/shares", "/mailbox/shares/remove", "folder", "Plans", "with", "carl@other.example"))(http.StatusOK, "It is taken back.")
	if got, want := n.shared(), []string{
		"ann@test.example carl@other.example: no: Plans", "ann@test.example @other.example: read: *", "ann@test.example carl@other.example: write: Plans",
		"ann@test.example bob@test.example: manage: Plans", "ann@test.example bob@test.example: read: Plans",
	}; strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("noted: %q", got)
	}
}

// Notes are kept for years: who has changed a thousand things within a day gives nothing more, on the page or by a mail program, and
// takes back all the same.
func TestGiveShareWithoutEnd(t *testing.T) {
	n := openPages(t)
	n.sharing()
	ann := n.logIn("ann@test.example")
	ann.wants("given")(ann.gives("Plans", "bob@test.example", "read", "beneath", "yes"))(http.StatusOK, "It is shared.")
	for _, what := range []string{directory.NoteShared, directory.NoteSending} {
		for range changesMost {
			n.must(n.store.Audit().Add(t.Context(), directory.Note{Time: n.now(), Who: "ann@test.example", What: what, Whom: "ann@test.example", About: "x"}, 1<<30, n.now()))
		}
	}
	f, err := n.mailboxes.Folder(t.Context(), n.boxes["ann@test.example"], "Recipes <old>")
	n.must(err)
	offer := imap.Offer{By: "ann@test.example", Grant: mailbox.Grant{Box: f.Box, Folder: f.ID, Name: f.Name, Who: mailbox.BoxWho(n.boxes["bob@test.example"]), Rights: mailbox.MayLookUp | mailbox.MayRead}}
	if _, _, err := n.offers.GiveOwn(t.Context(), offer, mailbox.Replace); !errors.Is(err, mailbox.ErrTooMany) {
		t.Errorf("by a mail program: %v", err)
	}
	ann.wants("on the page")(ann.gives("Recipes <old>", "bob@test.example", "read"))(http.StatusUnprocessableEntity, "too often within a day")
	n.must2(n.addShare(t.Context(), ops.ShareAdd{Owner: "ann@test.example", Folder: "INBOX", With: "bob@test.example", Rights: "read"}))
	ann.wants("nor let")(ann.post("/mailbox/shares", "/mailbox/shares/deputy", "of", "ann@test.example", "who", "bob@test.example", "how", "on-behalf"))(http.StatusOK, "Nothing was changed: there are too many")
	ann.wants("taken back")(ann.post("/mailbox/shares", "/mailbox/shares/remove", "folder", "Plans", "with", "bob@test.example"))(http.StatusOK, "It is taken back.")
	n.has("but by a command", map[string]mailbox.Answer{"INBOX": ""})
	n.maySend("nor let", "bob@test.example", "ann@test.example", mailbox.NoSending)
	inbox, err := n.mailboxes.Folder(t.Context(), f.Box, mailbox.Inbox)
	n.must(err)
	offer.Folder, offer.Name, offer.Rights = inbox.ID, inbox.Name, 0
	if _, _, err = n.offers.GiveOwn(t.Context(), offer, mailbox.Replace); err != nil {
		t.Errorf("taken back by a mail program: %v", err)
	}
	n.has("taken back", map[string]mailbox.Answer{})
}

// What can't be shared is said beside the field, what was typed stands there still, and nothing is done.
func TestGiveShareFaults(t *testing.T) {
	n := openPages(t)
	n.sharing()
	ann, carl := n.logIn("ann@test.example"), n.logIn("carl@other.example")
	for what, c := range map[string]struct{ folder, with, may, want string }{
		"nobody":              {"Plans", "none@test.example", "read", "Nobody on this system"},
		"no domain here":      {"Plans", "@elsewhere.example", "read", "Nobody on this system"},
		"no address":          {"Plans", "bob", "read", "Nobody on this system"},
		"herself":             {"Plans", "ANN@test.example", "read", "your own address"},
		"no such folder":      {"Gone", "bob@test.example", "write", "no such folder"},
		"none":                {"", "bob@test.example", "write", "no such folder"},
		"what can't be named": {"a//b", "bob@test.example", "write", "no such folder"},
		"what is held":        {"Quarantine", "bob@test.example", "write", "no such folder"},
	} {
		ann.wants(what)(ann.gives(c.folder, c.with, c.may, "beneath", "yes"))(http.StatusUnprocessableEntity, c.want, `value="`+c.with+`"`, `value="`+c.may+`" checked`, "name=\"beneath\" value=\"yes\" checked")
	}
	ann.wants("no right")(ann.gives("Plans", "bob@test.example", "lrswipkxtea"))(http.StatusBadRequest)
	carl.wants("another's folder")(carl.gives("Plans", "bob@test.example", "read"))(http.StatusUnprocessableEntity, "no such folder")
	n.has("nothing", map[string]mailbox.Answer{})
	if got := n.shared(); len(got) != 0 {
		t.Errorf("noted: %q", got)
	}
	ann.post("/account", "/account/language", "language", "fr")
	ann.wants("French")(ann.gives("Plans", "none@test.example", "read"))(http.StatusUnprocessableEntity, "Personne sur ce système", "Partager un dossier", "-shares.")
}

// To take a folder back and give it again writes to the other three times a day, and no more: then it is refused on the page, and
// done without a letter for a mail program.
func TestGiveShareInTurn(t *testing.T) {
	n := openPages(t)
	n.sharing()
	ann := n.logIn("ann@test.example")
	before := n.told("bob@test.example")
	take := func() {
		ann.post("/mailbox/shares", "/mailbox/shares/remove", "folder", "Plans", "with", "bob@test.example")
	}
	for range toldEach {
		ann.wants("given")(ann.gives("Plans", "bob@test.example", "read", "beneath", "yes"))(http.StatusOK, "It is shared.")
		take()
	}
	ann.wants("too often")(ann.gives("Plans", "bob@test.example", "read", "beneath", "yes"))(http.StatusUnprocessableEntity, "too often within a day")
	n.has("refused", map[string]mailbox.Answer{})
	ann.wants("another folder")(ann.gives("Recipes <old>", "bob@test.example", "read"))(http.StatusOK, "It is shared.")
	f, err := n.mailboxes.Folder(t.Context(), n.boxes["ann@test.example"], "Plans")
	n.must(err)
	_, _, err = n.offers.GiveOwn(t.Context(), imap.Offer{By: "ann@test.example", Grant: mailbox.Grant{Box: f.Box, Folder: f.ID, Name: f.Name, Who: mailbox.BoxWho(n.boxes["bob@test.example"]), Rights: mailbox.MayLookUp | mailbox.MayRead}}, mailbox.Replace)
	n.must(err)
	n.has("by a mail program", map[string]mailbox.Answer{"Plans": "", "Plans/2026": "", "Plans/2027": "", "Recipes <old>": ""})
	if got := n.told("bob@test.example") - before; got != toldEach+1 {
		t.Errorf("%d letters, want %d", got, toldEach+1)
	}
	n.now = func() time.Time { return time.Now().Add(toldWithin + time.Hour) }
	ann = n.logIn("ann@test.example") // the session before is over
	take()
	ann.wants("the day after")(ann.gives("Plans", "bob@test.example", "read", "beneath", "yes"))(http.StatusOK, "It is shared.")
}
