package app

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/store"
	"gatepost/quarantine"
)

var shownLink = regexp.MustCompile(`>(https?://[^/<]+)(/support/[\w-]{43})<`)

// givesSupport has an owner make a link on the page, and returns its path.
func (v *visitor) givesSupport(hours string) string {
	v.n.t.Helper()
	status, body := v.post("/account/support", "/account/support", "hours", hours, "password", pagesPassword)
	found := shownLink.FindStringSubmatch(body)
	if status != http.StatusOK || found == nil {
		v.n.t.Fatalf("no link: %d\n%s", status, body)
	}
	if found[1] != v.n.url {
		v.n.t.Errorf("the link leads to %s", found[1])
	}
	return found[2]
}

// supports is somebody with support access to Ann's pages.
func (n *pagesNode) supports() *visitor {
	n.t.Helper()
	link, helper := n.logIn("ann@test.example").givesSupport("1"), n.stranger()
	helper.wants("begin")(helper.post(link, link))(http.StatusOK, "Support access to ann@test.example until")
	return helper
}

// acts returns what the audit has of Ann's mailbox, without the times, the oldest first.
func (n *pagesNode) acts() (list []string) {
	n.t.Helper()
	notes, err := n.store.Audit().Notes(n.t.Context(), store.NoteQuery{Whom: "ann@test.example"})
	n.must(err)
	for _, one := range slices.Backward(notes) {
		list = append(list, one.Who+" "+one.What+" "+regexp.MustCompile(`until .*`).ReplaceAllString(one.About, "until then"))
	}
	return list
}

// Ann makes a link, somebody follows it, helps, and is seen doing so; the access ends by a button of either.
func TestSupportAccess(t *testing.T) {
	n := openPagesWith(t, true)
	ann, helper, late := n.logIn("ann@test.example"), n.logIn("hanna"), n.stranger()
	held := n.held("ann@test.example", plainMail, nil)
	ann.wants("the way there")(ann.get("/account"))(200, `href="/account/support"`)
	helper.wants("no way for others")(helper.get("/account"))(200, "-/account/support")
	helper.wants("nor by hand")(helper.get("/account/support"))(403)
	give := func(pairs ...string) (int, string) { return ann.post("/account/support", "/account/support", pairs...) }
	ann.wants("wrong password")(give("hours", "4", "password", "wrong"))(422, "not your current password", `value="4" selected`, "-/support/")
	ann.wants("another time")(give("hours", "3", "password", pagesPassword))(400)
	ann.wants("no time")(give("password", pagesPassword))(400)

	link := ann.givesSupport("4")
	ann.wants("once")(ann.get("/account/support"))(200, "-"+link)
	ann.wants("listed")(ann.get("/account"))(200, "the link was not used yet")
	for range 2 {
		late.wants("look")(late.get(link))(200, "ann@test.example", "Begin", "-You are logged in")
		helper.wants("look")(helper.get(link))(200, "You are logged in with this browser as hanna")
	}
	late.wants("no token")(late.post("/healthz", link))(403)
	late.wants("no link")(late.get(link[:len(link)-1]+"_"))(404, "was used before")
	late.wants("nor one to take")(late.post(link, link[:len(link)-1]+"_"))(404, "was used before")
	helper.wants("take")(helper.post(link, link))(200, "Support access to ann@test.example until", "-hanna", "Offer 1")
	late.wants("twice")(late.post("/login", link))(404, "was used before")
	late.wants("nor looked at")(late.get(link))(404, "was used before")
	ann.wants("in use")(ann.get("/account"))(200, "Support access", "127.0.0.1", "-not used yet")
	if list, err := done[[]ops.Session](t, n.App, ops.SessionList{Name: "ann@test.example"}); err != nil || len(list) != 2 || list[0].Support+list[1].Support != "used" {
		t.Errorf("by command: %+v, %v", list, err)
	}
	if told := n.lettersTo("ann@test.example"); len(told) != 1 || !strings.Contains(told[0], "127.0.0.1") || !strings.Contains(told[0], "Support access to your pages was used") {
		t.Errorf("ann is told %q", told)
	}

	helper.wants("reads")(helper.get("/quarantine/"+held.ID+"/source"))(200, "Subject:")
	helper.wants("releases")(helper.post("/quarantine/"+held.ID, "/quarantine/"+held.ID+"/release"))(200)
	h, err := n.quarantine.Show(t.Context(), held.ID)
	n.must(err)
	if len(h.Acts) == 0 || h.Acts[len(h.Acts)-1].Who != "support of ann@test.example" || h.State != quarantine.StateReleased {
		t.Errorf("released: %+v", h.Acts)
	}
	helper.wants("the mailbox")(helper.get("/mailbox"))(200, `href="/mailbox/rules"`, "-/mailbox/passwords", "-/mailbox/shares")
	helper.wants("vacation")(helper.post("/mailbox", "/mailbox/vacation", "text", "away", "act", "set"))(200, "Support access to")
	helper.wants("log out")(helper.post("/mailbox", "/logout"))(200, `action="/login"`, "-Support access")
	helper.wants("afterwards")(helper.get("/quarantine"))(200, `action="/login"`)
	ann.wants("ended")(ann.get("/account"))(200, "-not used yet", "-support access given at")

	for range access.MaxSupport {
		ann.givesSupport("12")
	}
	ann.wants("a fourth")(give("hours", "1", "password", pagesPassword))(422, "three times already")
	ann.wants("closed")(ann.post("/account", "/account/close-others"))(200)
	want := []string{
		"ann@test.example support-given until then", "support of ann@test.example support-used from 127.0.0.1, until then",
		"support of ann@test.example support-reads /quarantine/" + held.ID + "/source from 127.0.0.1",
		"support of ann@test.example support-reads /quarantine/" + held.ID + " from 127.0.0.1", // for the form
		"support of ann@test.example support-acts /quarantine/" + held.ID + "/release from 127.0.0.1",
		"support of ann@test.example support-reads /quarantine/" + held.ID + " from 127.0.0.1", // where that leads
		"support of ann@test.example support-acts /mailbox/vacation from 127.0.0.1",
		"support of ann@test.example support-ended in use",
	}
	for range access.MaxSupport {
		want = append(want, "ann@test.example support-given until then")
	}
	for range access.MaxSupport {
		want = append(want, "ann@test.example support-ended not used")
	}
	if got := n.acts(); !slices.Equal(got, want) {
		t.Errorf("noted:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Support access ends with what ends sessions: another password, a mailbox that is suspended, a command.
func TestSupportAccessEnds(t *testing.T) {
	n := openPages(t)
	for name, end := range map[string]func() error{
		"by command": func() error {
			_, err := done[ops.SessionsClosed](t, n.App, ops.SessionClose{Name: "ann@test.example"})
			return err
		},
		"suspended": func() error {
			_, err := n.directory.ChangeMailbox(t.Context(), "ann@test.example", func(m *directory.Mailbox) error { m.State = directory.Suspended; return nil })
			return err
		},
	} {
		helper, waits := n.supports(), n.logIn("ann@test.example").givesSupport("1")
		helper.wants("before")(helper.get("/quarantine"))(200, "Support access to")
		n.must(end())
		helper.wants(name)(helper.get("/quarantine"))(200, `action="/login"`)
		helper.wants(name + ", a link")(helper.get(waits))(404)
		n.must2(n.directory.ChangeMailbox(t.Context(), "ann@test.example", func(m *directory.Mailbox) error { m.State = directory.Active; return nil }))
	}
	helper := n.supports()
	n.must(n.directory.SetPassword(t.Context(), "ann@test.example", "another password of hers", "root", ""))
	helper.wants("another password")(helper.get("/quarantine"))(200, `action="/login"`)
	if got := n.acts(); !slices.Contains(got, "gatepost support-ended in use") || !slices.Contains(got, "admin support-ended not used") {
		t.Errorf("noted:\n%s", strings.Join(got, "\n"))
	}
}

// With support access nobody has mail sent on: neither by a new rule nor by one that is there.
func TestSupportForwardsNothing(t *testing.T) {
	n := openPages(t)
	ann := n.logIn("ann@test.example")
	rule := func(v *visitor, pairs ...string) (int, string) {
		return v.post("/mailbox/rules/edit", "/mailbox/rules/edit", append(pairs, "do", "save")...)
	}
	ann.wants("her own")(rule(ann, ruleForm("x", "name", "On", "forward", "ann@far.example")...))(200, "The rule is saved.")
	key := ann.ruleKeys()[0]
	helper := n.supports()
	helper.wants("a new one")(rule(helper, ruleForm("y", "forward", "eve@far.example")...))(403, "a rule that forwards mail")
	helper.wants("a new one that is off")(rule(helper, append(ruleForm("y", "forward", "eve@far.example"), "on", "")...))(403, "a rule that forwards mail")
	helper.wants("hers, to another")(rule(helper, append(ruleForm("x", "forward", "eve@far.example"), "rule", key)...))(403, "a rule that forwards mail")
	helper.wants("one that files")(rule(helper, ruleForm("z", "file", "Z")...))(200, "The rule is saved.")
	do := func(act string) (int, string) {
		return helper.post("/mailbox/rules", "/mailbox/rules", "rule", helper.ruleKeys()[0], "do", act)
	}
	helper.wants("off")(do("off"))(200)
	helper.wants("on")(do("on"))(403, "a rule that forwards mail")
	helper.wants("run")(do("run"))(403, "the owner can")
	if got := n.script("rules"); strings.Contains(got, "eve@") || !strings.Contains(got, "false") {
		t.Errorf("got\n%s", got)
	}
	ann.wants("on, by her")(ann.post("/mailbox/rules", "/mailbox/rules", "rule", ann.ruleKeys()[0], "do", "on"))(200, "-With support access")
}

// Every route that a node has, for who has support access: these are open, and all others are closed. A new one is
// closed here until somebody has thought of it: what opens a mailbox to others, or locks its owner out, is access.MailboxOpen.
func TestRoutesOfSupport(t *testing.T) {
	want := []string{
		"GET /{$}", "POST /logout", "GET /headers", "POST /headers", "GET /quarantine/{id}/headers",
		"GET /mailbox", "POST /mailbox/vacation", "GET /mailbox/deleted", "POST /mailbox/deleted", "GET /mailbox/addresses", "GET /mailbox/addresses.csv", "GET /mailbox/addresses.vcf",
		"GET /mailbox/rules", "POST /mailbox/rules", "GET /mailbox/rules/edit", "POST /mailbox/rules/edit",
		"GET /quarantine", "POST /quarantine", "GET /quarantine/filters", "GET /quarantine/{id}", "POST /quarantine/{id}/{act}",
		"GET /quarantine/{id}/view", "GET /quarantine/{id}/source", "GET /quarantine/{id}/message.eml", "POST /quarantine/{id}/message.eml",
		"GET /lists", "POST /lists", "GET /lists.csv", "GET /lists/import", "POST /lists/import", "POST /lists/remove", "GET /lists/{id}", "POST /lists/{id}",
		"GET /settings", "POST /settings", "GET /programs", "GET /programs/mail.mobileconfig", "GET /messages", "GET /messages/{id}",
	}
	n := openPages(t)
	helper := n.supports()
	p, err := n.person("ann@test.example")
	n.must(err)
	p.Support = true
	var open []string
	for _, r := range n.site.Routes() {
		method, pattern, _ := strings.Cut(r.Pattern, " ")
		if r.Action == access.Public {
			continue
		}
		if access.MayAny(p, r.Action) {
			open = append(open, r.Pattern)
			continue
		}
		path := regexp.MustCompile(`\{[^}]+\}`).ReplaceAllString(pattern, "1")
		status, _ := helper.get(path)
		if method == http.MethodPost {
			status, _ = helper.post("/mailbox", path)
		}
		if status != http.StatusForbidden {
			t.Errorf("%s: got %d, want 403", r.Pattern, status)
		}
	}
	slices.Sort(open)
	slices.Sort(want)
	if !slices.Equal(open, want) {
		t.Errorf("open are\n%s\nwant\n%s", strings.Join(open, "\n"), strings.Join(want, "\n"))
	}
	if got := n.acts(); len(got) != 2 {
		t.Errorf("what was refused is noted:\n%s", strings.Join(got, "\n"))
	}
}

// Support access lasts as long as it was given for, and its end is noted, too.
func TestSupportTime(t *testing.T) {
	n := openPages(t)
	helper := n.supports()
	ann, err := n.person("ann@test.example")
	n.must(err)
	list, err := n.desk.Sessions(t.Context(), ann)
	n.must(err)
	for _, s := range list {
		if s.Support && s.Expires.Sub(s.Created).Round(time.Minute) != time.Hour {
			t.Errorf("it lasts from %v to %v", s.Created, s.Expires)
		}
	}
	n.must(n.desk.Expire(t.Context(), time.Now().Add(time.Hour)))
	helper.wants("its time is over")(helper.get("/quarantine"))(200, `action="/login"`)
	if got := n.acts(); !slices.Equal(got[2:], []string{"gatepost support-ended in use"}) {
		t.Errorf("noted:\n%s", strings.Join(got, "\n"))
	}
}
