package app

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gatepost/internal/access"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/mailbox"
	"gatepost/mailbox/imap"
	"gatepost/quarantine/digest"
)

// ownerRoutes has each route that an owner may use, by the page that shuts it; "" is none. A page that is new has to be put in here: whoever
// adds it says whether it can be shut.
func ownerRoutes() map[directory.Page][]string {
	return map[directory.Page][]string{
		directory.PageForwards: nil, // a part of the rules' page
		directory.PageRules:    {"GET /mailbox/rules", "POST /mailbox/rules", "GET /mailbox/rules/edit", "POST /mailbox/rules/edit"},
		directory.PageVacation: {"POST /mailbox/vacation"},
		directory.PagePassword: {
			"GET /account/password", "POST /account/password", "GET /mailbox/passwords", "POST /mailbox/passwords", "POST /mailbox/passwords/remove",
			"GET /account/recovery", "POST /account/recovery",
		},
		directory.PageAntiSpam: {
			"GET /lists", "POST /lists", "POST /lists/remove", "GET /lists.csv", "GET /lists/import", "POST /lists/import", "GET /lists/{id}", "POST /lists/{id}",
		},
		directory.PageShares: {
			"GET /mailbox/shares", "POST /mailbox/shares/give", "POST /mailbox/shares/answer", "POST /mailbox/shares/remove",
			"POST /mailbox/shares/ask", "POST /mailbox/shares/ask/back", "POST /mailbox/shares/deputy", "GET /mailbox/shares/requests/{id}", "POST /mailbox/shares/requests/{id}",
		},
		"": {
			"GET /{$}", "POST /logout", "GET /account", "POST /account/language", "POST /account/close", "POST /account/close-others",
			"GET /account/factor", "POST /account/factor", "POST /account/factor/codes", "POST /account/factor/end",
			"GET /mailbox", "GET /mailbox/deleted", "POST /mailbox/deleted", "GET /mailbox/addresses", "GET /mailbox/addresses.csv", "GET /mailbox/addresses.vcf",
			"GET /settings", "POST /settings", "POST /settings/lock", // language and lock; what is of anti-spam is a part
			"GET /programs", "GET /programs/mail.mobileconfig", "GET /headers", "POST /headers", "GET /quarantine/{id}/headers",
			"GET /quarantine", "POST /quarantine", "GET /quarantine/filters", "GET /quarantine/{id}", "GET /quarantine/{id}/view", "GET /quarantine/{id}/source",
			"GET /quarantine/{id}/message.eml", "POST /quarantine/{id}/message.eml", "POST /quarantine/{id}/{act}", // allowing and blocking there is a part
			"GET /messages", "GET /messages/{id}",
			"GET /mailbox/collected", "POST /mailbox/collected", "GET /mailbox/collected/edit", "POST /mailbox/collected/edit", // a domain leaves them to owners, or not
			"GET /mailbox/collected/confirm/{secret}", "POST /mailbox/collected/confirm/{secret}",
			"GET /account/support", "POST /account/support",
		},
	}
}

// What the words of a page that is shut have in them.
const (
	shutToMailbox = "has shut this for your mailbox"
	shutToDomain  = "has shut this for all of its mailboxes"
)

// shutTo shuts pages to a mailbox or, without an @, to all of a domain, and opens all others.
func (n *pagesNode) shutTo(whom string, pages ...directory.Page) {
	n.t.Helper()
	names := texts(pages)
	if strings.Contains(whom, "@") {
		n.must2(done[ops.Mailbox](n.t, n.App, ops.MailboxSet{Address: whom, ShutPages: &names}))
	} else {
		n.must2(done[ops.Domain](n.t, n.App, ops.DomainSet{Name: whom, ShutPages: &names}))
	}
}

// Each route that an owner has, under each page that is shut: it is shut with its page, whoever has shut that, and with no other, in the
// session that is open. Those who look after the domain, and owners of other mailboxes, have all theirs.
func TestShutPages(t *testing.T) {
	n := openPagesWith(t, true)
	person, err := n.person("ann@test.example")
	n.must(err)
	byRoute := map[string]directory.Page{}
	for page, patterns := range ownerRoutes() {
		for _, pattern := range patterns {
			byRoute[pattern] = page
		}
	}
	var routes []string
	for _, r := range n.site.Routes() {
		if r.Action == access.Public || !access.MayAny(person, r.Action) {
			continue
		}
		page, ok := byRoute[r.Pattern]
		if !ok || page != r.Page {
			t.Errorf("%s: shut with %q; the table knows it: %v, as %q", r.Pattern, r.Page, ok, page)
		}
		delete(byRoute, r.Pattern)
		if r.Pattern != "POST /logout" {
			routes = append(routes, r.Pattern)
		}
	}
	if len(byRoute) > 0 {
		t.Errorf("routes that no owner has: %v", byRoute)
	}
	field := regexp.MustCompile(`\{[^}]+\}`)
	ask := func(v *visitor, pattern string) (int, string) {
		method, path, _ := strings.Cut(pattern, " ")
		path = field.ReplaceAllString(strings.TrimSuffix(path, "{$}"), "none")
		if method == http.MethodGet {
			return v.get(path)
		}
		return v.post("/account", path)
	}
	table := ownerRoutes()
	ann, bob, adam := n.logIn("ann@test.example"), n.logIn("bob@test.example"), n.logIn("adam")
	for _, whom := range []string{"ann@test.example", "test.example"} {
		words := map[string]string{"ann@test.example": shutToMailbox, "test.example": shutToDomain}[whom]
		for _, page := range directory.Pages() {
			n.shutTo(whom, page)
			n.shutTo(whom, page) // again, which is noted once
			for _, pattern := range routes {
				status, body := ask(ann, pattern)
				shut := slices.Contains(table[page], pattern)
				if shut != (status == http.StatusForbidden) || shut && !strings.Contains(body, words) || status >= 500 {
					t.Errorf("%s shut to %s: %s: got %d, want it shut: %v\n%.300s", page, whom, pattern, status, shut, body)
				}
			}
			for _, pattern := range table[page] {
				if method, path, _ := strings.Cut(pattern, " "); method == http.MethodGet {
					for _, at := range []string{"/mailbox", "/account", "/settings", "/quarantine"} {
						if _, body := ann.get(at); strings.Contains(body, `href="`+path+`"`) {
							t.Errorf("%s shut to %s: %s leads to %s", page, whom, at, path)
						}
					}
					if status, _ := ask(bob, pattern); !field.MatchString(path) && (status == http.StatusForbidden) != (whom == "test.example") {
						t.Errorf("%s shut to %s: bob gets %d of %s", page, whom, status, pattern)
					}
				}
			}
			adam.wants("an admin's")(adam.get("/lists"))(http.StatusOK)
			adam.wants("an admin's own")(adam.get("/account/password"))(http.StatusOK)
		}
		n.shutTo(whom)
	}
	notes, err := done[[]ops.AuditNote](t, n.App, ops.AuditList{Whom: "test.example"})
	n.must(err)
	if len(notes) != len(directory.Pages())+1 || notes[1].What != "pages" || notes[1].About != "shares" || notes[0].About != "" {
		t.Errorf("noted of the domain: %+v", notes)
	}
}

// What is but a part of a page is shut with that part alone, for the form of the page as for one that was made elsewhere.
func TestShutParts(t *testing.T) {
	n := openPages(t)
	ann, adam := n.logIn("ann@test.example"), n.logIn("adam")
	n.must2(n.directory.ChangeDomain(t.Context(), "test.example", func(d *directory.Domain) error {
		d.Owners = []directory.May{directory.MayDisposition, directory.MayLevel, directory.MayDigest, directory.MayLock}
		return nil
	}))
	held := n.held("ann@test.example", plainMail, nil)
	at := "/quarantine/" + held.ID
	save := func(pairs ...string) (int, string) {
		return ann.post("/account", "/mailbox/rules/edit", append(ruleForm("x", pairs...), "do", "save")...)
	}
	ann.wants("vacation")(ann.get("/mailbox"))(200, "/mailbox/vacation")
	ann.wants("filters")(ann.get("/settings"))(200, `name="disposition"`, `name="level"`)
	ann.wants("lists")(ann.get(at))(200, at+"/block")
	ann.wants("forwards")(ann.get("/mailbox/rules/edit"))(200, `name="forward"`)
	ann.wants("a rule")(save("forward", "pal@far.example", "name", "Away"))(200, "Away")
	ann.wants("another")(save("flag", "yes", "name", "Flag"))(200, "Flag")
	old := ann.ruleKeys()

	n.shutTo("ann@test.example", directory.PageForwards, directory.PageVacation, directory.PageAntiSpam)
	ann.wants("vacation, shut")(ann.get("/mailbox"))(200, "-/mailbox/vacation", "/mailbox/rules", "/mailbox/passwords")
	ann.wants("filters, shut")(ann.get("/settings"))(200, `-name="disposition"`, `-name="level"`, `name="language"`, shutToMailbox, "Lock it")
	for _, name := range []string{"disposition", "level", "digest"} {
		ann.wants("filters, by a form")(ann.post("/settings", "/settings", "language", "", name, ""))(403, shutToMailbox)
	}
	ann.wants("her language")(ann.post("/settings", "/settings", "language", "en"))(200, "The settings are saved")
	adam.wants("by an admin")(adam.post("/settings?mailbox=ann@test.example", "/settings", "mailbox", "ann@test.example", "language", "en", "disposition", "junk", "level", "2", "digest", "on"))(200)
	if m, _ := n.directory.Snapshot().Mailbox("ann@test.example"); m.Level != 2 || m.Disposition != directory.Junk || m.NoDigest {
		t.Errorf("what an admin set: %+v", m)
	}
	ann.wants("lists, shut")(ann.get(at))(200, "-"+at+"/block", at+"/delete")
	ann.wants("lists, in a menu")(ann.get("/quarantine"))(200, `-value="block"`, `-value="allow"`, `-href="/lists"`, `value="delete"`)
	ann.wants("block")(ann.post("/account", at+"/block", "confirm", "yes"))(403, shutToMailbox)
	ann.wants("release and allow")(ann.post("/account", at+"/release", "allow", "yes"))(403, shutToMailbox)
	ann.wants("block many")(ann.post("/account", "/quarantine", "act", "block", "confirm", "yes", "id", held.ID))(403, shutToMailbox)
	ann.wants("block all")(ann.post("/account", "/quarantine", "act", "block", "confirm", "yes", "all", "yes"))(403, shutToMailbox)
	ann.wants("forwards, shut")(ann.get("/mailbox/rules/edit"))(200, `-name="forward"`, `-name="away"`, "can forward nothing", shutToMailbox)
	ann.wants("a rule that forwards")(save("forward", "pal@far.example"))(403, shutToMailbox)
	ann.wants("one that does not")(save("seen", "yes", "name", "Seen"))(200, "Seen")
	ann.wants("the old one")(ann.get("/mailbox/rules/edit?rule="+old[0]))(200, "pal@far.example", "readonly", `-value="save"`, `value="remove"`)
	ann.wants("the old one, without")(save("rule", old[0], "keep", "yes"))(403, shutToMailbox)
	ann.wants("off")(ann.post("/account", "/mailbox/rules", "rule", old[0], "do", "off"))(200, "Away")
	off := ann.ruleKeys()[0]
	ann.wants("is off")(ann.get("/mailbox/rules"))(200, "Away", `-value="on"`)
	ann.wants("on")(ann.post("/account", "/mailbox/rules", "rule", off, "do", "on"))(403, shutToMailbox)
	ann.wants("another, off")(ann.post("/account", "/mailbox/rules", "rule", old[1], "do", "off"))(200)
	ann.wants("another, on")(ann.post("/account", "/mailbox/rules", "rule", ann.ruleKeys()[1], "do", "on"))(200)
	ann.wants("all, if laid aside")(ann.post("/account", "/mailbox/rules", "do", "run"))(403, shutToMailbox)
	ann.wants("remove")(ann.post("/account", "/mailbox/rules/edit", append(ruleForm("x"), "rule", off, "do", "remove")...))(200, "-Away", "Flag")
	ann.wants("release")(ann.post("/account", at+"/release"))(200, "Delivered to the inbox")
}

// Links that were mailed before are worth nothing while what they lead to is shut; they say so, and work again.
func TestShutLinks(t *testing.T) {
	n := openPagesWith(t, true)
	ctx, v := t.Context(), n.stranger()
	box := n.boxes["ann@test.example"]
	n.must2(n.mailboxRecovery(ctx, ops.MailboxRecovery{Address: "ann@test.example", Set: new("ann@elsewhere.example")}))
	made, err := n.resetMailbox(ctx, ops.MailboxReset{Address: "ann@test.example"})
	n.must(err)
	reset := strings.TrimPrefix(made.Link, n.url)
	n.must(n.mailboxes.OpenBox(ctx, n.boxes["bob@test.example"], "", n.now()))
	folders, err := n.mailboxes.Folders(ctx, n.boxes["bob@test.example"])
	n.must(err)
	give := func(how mailbox.How, r mailbox.Rights) error {
		g := mailbox.Grant{Box: n.boxes["bob@test.example"], Folder: folders[0].ID, Name: folders[0].Name, Who: mailbox.BoxWho(box), Rights: r}
		_, _, err := n.offers.GiveOwn(ctx, imap.Offer{By: "bob@test.example", Grant: g}, how)
		return err
	}
	n.must(give(mailbox.Replace, mailbox.MayRead|mailbox.MayLookUp))
	var share string
	for _, text := range n.sent() {
		m := mail.NewMessage([]byte(text))
		body, _ := m.Text(m.Root(), 1<<20)
		if found := regexp.MustCompile(`/share/\w+`).FindString(body); found != "" {
			share = found
		}
	}
	if share == "" {
		t.Fatal("no link to a share was sent")
	}
	for _, shut := range []bool{false, true, false} {
		status, text := http.StatusOK, ""
		if n.shutTo("test.example"); shut {
			n.shutTo("test.example", directory.PagePassword, directory.PageShares)
			status, text = http.StatusForbidden, shutToDomain
		}
		for _, path := range []string{reset, share} {
			v.wants(fmt.Sprint("shut: ", shut, " ", path))(v.get(path))(status, text)
		}
		if shut {
			v.wants("reset")(v.post("/login", reset, "new", "a new long password", "again", "a new long password"))(status, text)
			v.wants("share")(v.post("/login", share, "answer", "accepted"))(status, text)
			_, err := n.resetMailbox(ctx, ops.MailboxReset{Address: "ann@test.example"})
			wantKind(t, "a link by command", err, control.Misuse)
			before := len(n.sent())
			n.must(recoveries{n.App}.send(ctx, "ann@test.example"))
			if after := len(n.sent()); after != before {
				t.Errorf("%d letters more, to who has lost a password", after-before)
			}
			for what, err := range map[string]error{
				"more": give(mailbox.Add, mailbox.MayInsert), "others": give(mailbox.Replace, mailbox.MayRead),
			} {
				if err != mailbox.ErrSharingShut {
					t.Errorf("%s by a mail program: %v", what, err)
				}
			}
			n.must(give(mailbox.Remove, mailbox.MayInsert))
		}
	}
	n.must(give(mailbox.Replace, 0))
}

// Pages that are not there are refused before anything is changed, and those that are shut are told.
func TestShutPagesByCommand(t *testing.T) {
	n := openPages(t)
	_, err := n.setMailbox(t.Context(), ops.MailboxSet{Address: "ann@test.example", Language: new("fr"), ShutPages: &[]string{"rules", "webmail"}})
	wantKind(t, "an unknown page", err, control.Misuse)
	if err == nil || !strings.Contains(err.Error(), `"webmail"`) || !strings.Contains(err.Error(), "anti-spam") {
		t.Errorf("got %v", err)
	}
	_, err = n.setDomain(t.Context(), ops.DomainSet{Name: "test.example", Language: new("fr"), ShutPages: &[]string{"imap"}})
	wantKind(t, "a service", err, control.Misuse)
	s := n.directory.Snapshot()
	if m, _ := s.Mailbox("ann@test.example"); m.Language != "" || m.ShutPages != nil {
		t.Errorf("the mailbox: %+v", m)
	}
	if d, _ := s.Domain("test.example"); d.Language != "" || d.ShutPages != nil {
		t.Errorf("the domain: %+v", d)
	}
	m, err := n.setMailbox(t.Context(), ops.MailboxSet{Address: "ann@test.example", Language: new("fr"), ShutPages: &[]string{"password", "rules", "rules"}})
	if err != nil || m.Language != "fr" || !slices.Equal(m.ShutPages, []string{"rules", "password"}) {
		t.Errorf("got %+v, %v", m, err)
	}
	d, err := n.setDomain(t.Context(), ops.DomainSet{Name: "test.example", Zone: new("Europe/Paris"), ShutPages: &[]string{"shares"}})
	if err != nil || d.Zone != "Europe/Paris" || !slices.Equal(d.ShutPages, []string{"shares"}) {
		t.Errorf("got %+v, %v", d, err)
	}
	d, err = n.setDomain(t.Context(), ops.DomainSet{Name: "test.example", Zone: new("")})
	if err != nil || !slices.Equal(d.ShutPages, []string{"shares"}) {
		t.Errorf("they stay: %+v, %v", d, err)
	}
}

// A mailbox whose lists are shut to its owner lists nobody by the folders for that: the message stays where it was put, and shows that.
func TestShutLists(t *testing.T) {
	n := openBoxes(t)
	_, err := n.directory.ShutPages(t.Context(), "ann@test.example", []directory.Page{directory.PageAntiSpam}, "root")
	n.must(err)
	email := n.bring("ann", "INBOX", "Filters/Block", brought("news@shop.example", "spf=pass"), "MOVE", true)
	if !slices.Contains(n.emails("ann", "Filters/Block"), email) {
		t.Error("it is moved on")
	}
	if e, ok := n.directory.Snapshot().FindSender("news@shop.example", "ann@test.example"); ok {
		t.Errorf("listed: %+v", e)
	}
}

// Digests have no links by which to allow and block where that is shut, and those of before say who has shut it.
func TestShutDigests(t *testing.T) {
	s := openDigestSite(t)
	s.hold("free", nil)
	old := map[string]string{}
	for _, a := range []digest.Act{digest.Release, digest.Allow, digest.Block} {
		url, err := s.digestLinks.Act(t.Context(), a, digest.Row{ID: "free"}, s.now())
		if err != nil {
			t.Fatal(err)
		}
		old[string(a)] = strings.TrimPrefix(url, s.base)
	}
	if _, err := s.directory.ShutDomainPages(t.Context(), "test.example", []directory.Page{directory.PageAntiSpam}, "root"); err != nil {
		t.Fatal(err)
	}
	_, _, parts := s.tell("ann@test.example")
	for name := range s.links(parts[0]) {
		if strings.HasPrefix(name, "allow") || strings.HasPrefix(name, "block") {
			t.Errorf("a digest has a link to %s", name)
		}
	}
	for _, name := range []string{"allow", "block"} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			if status, body := s.ask(method, old[name], act(name)); status != http.StatusForbidden || !strings.Contains(body, "toutes ses boîtes") && !strings.Contains(body, "all of its mailboxes") {
				t.Errorf("%s %s: got %d\n%s", method, name, status, body)
			}
		}
	}
	if status, body := s.ask(http.MethodPost, old["release"], act("release")); status != http.StatusOK {
		t.Errorf("release: got %d\n%s", status, body)
	}
	if e, ok := s.directory.Snapshot().FindSender("free@friend.example", "ann@test.example"); ok {
		t.Errorf("listed: %+v", e)
	}
}
