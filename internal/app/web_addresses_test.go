package app

import (
	"fmt"
	"net/http"
	"testing"

	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
)

// listed opens the address list of ann's domain, or shuts it.
func (n *pagesNode) listed(list string) {
	n.t.Helper()
	n.must2(n.setDomain(n.t.Context(), ops.DomainSet{Name: "test.example", AddressList: &list}))
}

// Owners see the list of their domain once it is open, and nobody of another; what is hidden, locked or not in use is in none.
func TestAddressPage(t *testing.T) {
	n := openPages(t)
	ctx, off, on, suspended := t.Context(), false, true, string(directory.Suspended)
	for _, name := range []string{"hidden", "shut", "held-shut"} {
		n.must2(n.directory.AddMailbox(ctx, directory.Mailbox{Address: mail.Path(name + "@test.example")}, ""))
	}
	name := `Bob "<b>" Lefèvre`
	n.must2(n.setMailbox(ctx, ops.MailboxSet{Address: "bob@test.example", Name: &name}))
	n.must2(n.setMailbox(ctx, ops.MailboxSet{Address: "hidden@test.example", Listed: &off}))
	n.must2(n.setMailbox(ctx, ops.MailboxSet{Address: "shut@test.example", State: &suspended}))
	n.must2(n.setMailbox(ctx, ops.MailboxSet{Address: "held-shut@test.example", Lock: &on}))
	ann, carl, olga := n.logIn("ann@test.example"), n.logIn("carl@other.example"), n.logIn("olga")
	ann.wants("shut")(ann.get("/mailbox/addresses"))(http.StatusNotFound, "-bob@test.example")
	ann.wants("no way there")(ann.get("/mailbox"))(http.StatusOK, "-/mailbox/addresses")

	n.listed("domain")
	ann.wants("the way there")(ann.get("/mailbox"))(http.StatusOK, `href="/mailbox/addresses"`)
	ann.wants("open")(ann.get("/mailbox/addresses"))(http.StatusOK, "Bob &#34;&lt;b&gt;&#34; Lefèvre", `href="mailto:bob@test.example"`, "ann@test.example</bdi>",
		"no name given", "-hidden@", "-shut@", "-carl@", "-Next page")
	ann.wants("a word")(ann.get("/mailbox/addresses?search=lefevre"))(http.StatusOK, "bob@test.example", "-<bdi>ann@test.example", `value="lefevre"`)
	ann.wants("nobody's")(ann.get("/mailbox/addresses?search=carl"))(http.StatusOK, "Nobody in this list has such a name", "-carl@other")
	ann.wants("no group")(ann.get("/mailbox/addresses?of=bob@test.example"))(http.StatusNotFound)
	carl.wants("another domain")(carl.get("/mailbox/addresses"))(http.StatusNotFound, "-bob@")
	olga.wants("no owner's")(olga.get("/mailbox/addresses"))(http.StatusForbidden)

	ann.wants("French")(ann.post("/account", "/account/language", "language", "fr"))(http.StatusOK)
	ann.wants("French")(ann.get("/mailbox/addresses"))(http.StatusOK, "Liste d’adresses", "sans nom", "->addresses.")
	n.listed("off")
	ann.wants("shut again")(ann.get("/mailbox/addresses"))(http.StatusNotFound)
}

// Members of a group see each other where the domain leaves that open, but nobody of another domain; a group that is open to a
// whole domain shows nobody for that.
func TestAddressPageOfGroups(t *testing.T) {
	n := openPages(t)
	ctx := t.Context()
	n.must2(n.directory.AddMailbox(ctx, directory.Mailbox{Address: "dan@test.example"}, ""))
	n.must2(n.directory.AddMailbox(ctx, directory.Mailbox{Address: "eve@test.example"}, ""))
	n.must2(n.directory.AddAlias(ctx, directory.Alias{Address: "staff@test.example", Targets: []mail.Path{"dan@test.example"}}))
	n.must2(n.addGroup(ctx, ops.GroupAdd{Address: "desk@test.example", Members: []string{"bob@test.example", "staff@test.example", "carl@other.example"}}))
	n.must2(n.addGroup(ctx, ops.GroupAdd{Address: "open@test.example", Members: []string{"@test.example", "anyone"}}))
	n.listed("groups")
	ann, bob := n.logIn("ann@test.example"), n.logIn("bob@test.example")
	ann.wants("in no group")(ann.get("/mailbox/addresses"))(http.StatusOK, "You are in no group.", "-bob@", `-role="search"`)
	ann.wants("of no group of hers")(ann.get("/mailbox/addresses?of=desk@test.example"))(http.StatusNotFound)
	ann.wants("open to all")(ann.get("/mailbox/addresses?of=open@test.example"))(http.StatusNotFound)
	desk := []string{`<option value="desk@test.example" selected>`, "<bdi>bob@test.example", "<bdi>dan@test.example", "-<bdi>ann@", "-<bdi>eve@", "-<bdi>carl@", "-Everybody at"}
	bob.wants("his group")(bob.get("/mailbox/addresses"))(http.StatusOK, desk...)
	bob.wants("by name")(bob.get("/mailbox/addresses?of=desk@test.example&search=d"))(http.StatusOK, `<option value="desk@test.example" selected>`, "<bdi>dan@test.example")
	n.listed("domain")
	bob.wants("all")(bob.get("/mailbox/addresses"))(http.StatusOK, "Everybody at test.example", "<bdi>ann@test.example", "<bdi>eve@test.example", "-<bdi>carl@", "-selected>")
	bob.wants("the group")(bob.get("/mailbox/addresses?of=desk@test.example"))(http.StatusOK, desk[:6]...)
}

// More than a page has goes on behind it, with what was asked.
func TestAddressPageGoesOn(t *testing.T) {
	n := openPages(t)
	n.listed("domain")
	for i := range 51 {
		n.must2(n.directory.AddMailbox(t.Context(), directory.Mailbox{Address: mail.Path(fmt.Sprintf("p%02d@test.example", i))}, ""))
	}
	ann := n.logIn("ann@test.example")
	ann.wants("the first")(ann.get("/mailbox/addresses?search=p"))(http.StatusOK, "<bdi>ann@test.example", "-<bdi>p50@", "Next page", "after=p47%40test.example&amp;of=&amp;search=p")
	ann.wants("the second")(ann.get("/mailbox/addresses?search=p&after=p47@test.example"))(http.StatusOK, "-<bdi>p47@", "<bdi>p48@", "<bdi>p50@", "-Next page")
}
