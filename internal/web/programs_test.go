package web

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"gatepost/internal/autoconfig"
)

// onePlace has the mailboxes of example.org.
type onePlace struct{}

func (onePlace) Site(domain string) (autoconfig.Site, bool) {
	if !strings.EqualFold(domain, "example.org") {
		return autoconfig.Site{}, false
	}
	return autoconfig.Site{Domain: "example.org", Name: "mail.example.org", Services: []autoconfig.Service{
		{Protocol: autoconfig.IMAPS, Host: "mail.example.org", Port: 993}, {Protocol: autoconfig.Submission, Host: "mail.example.org", Port: 587},
	}}, true
}

// What mail programs ask needs no log-in, and says nothing of who has a mailbox.
func TestProgramsAsk(t *testing.T) {
	_, s := live(t, Config{Programs: onePlace{}, URL: "https://mail.example.org"})
	b := s.as(t, "")
	for _, path := range []string{"/mail/config-v1.1.xml?emailaddress=ann@example.org", "/.well-known/autoconfig/mail/config-v1.1.xml?emailaddress=nobody%40EXAMPLE.org"} {
		b.get(path).wants(t, http.StatusOK, "<hostname>mail.example.org</hostname>", "%EMAILADDRESS%")
	}
	b.get("/mail/config-v1.1.xml").wants(t, http.StatusNotFound) // the host is none of ours
	b.get("/mail/config-v1.1.xml?emailaddress=ann@example.net").wants(t, http.StatusNotFound)
	b.get("/autodiscover/autodiscover.json?Email=ann@example.org&Protocol=AutodiscoverV1").wants(t, http.StatusOK, `"Url":"https://mail.example.org/autodiscover/autodiscover.xml"`)
	b.get("/autodiscover/autodiscover.json/v1.0/ann@example.org?Protocol=autodiscoverv1").wants(t, http.StatusOK, `"Url":"https://mail.example.org/autodiscover/autodiscover.xml"`)
	b.get("/autodiscover/autodiscover.json?Email=ann@example.org&Protocol=ActiveSync").wants(t, http.StatusNotFound)

	for name, c := range map[string]struct {
		path, body string
		status     int
		want       string
	}{
		"outlook":       {"/autodiscover/autodiscover.xml", "<Autodiscover><Request><EMailAddress>ann@example.org</EMailAddress></Request></Autodiscover>", http.StatusOK, "<LoginName>ann@example.org</LoginName>"},
		"other letters": {"/Autodiscover/Autodiscover.xml", "<Autodiscover><Request><EMailAddress>ann@example.org</EMailAddress></Request></Autodiscover>", http.StatusOK, "<Server>mail.example.org</Server>"},
		"not here":      {"/autodiscover/autodiscover.xml", "<Autodiscover><Request><EMailAddress>ann@example.net</EMailAddress></Request></Autodiscover>", http.StatusNotFound, ""},
		"no question":   {"/autodiscover/autodiscover.xml", "Email=ann@example.org", http.StatusBadRequest, ""},
		"too large":     {"/autodiscover/autodiscover.xml", strings.Repeat(" ", autoconfig.MaxQuestion+1), http.StatusRequestEntityTooLarge, ""},
	} {
		resp, err := http.Post(s.url+c.path, "text/xml", strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != c.status || !strings.Contains(string(got), c.want) {
			t.Errorf("%s: got %s\n%s", name, resp.Status, got)
		}
	}
}

func TestProgramsPage(t *testing.T) {
	_, s := live(t, Config{Programs: onePlace{}})
	s.as(t, "").get("/programs").wants(t, http.StatusSeeOther)
	owner, admin := s.as(t, ""), s.as(t, "")
	owner.login("ann@example.org")
	admin.login("adam")
	owner.get("/settings").wants(t, http.StatusOK, `href="/programs"`)
	page := owner.get("/programs")
	page.wants(t, http.StatusOK, "ann@example.org", "mail.example.org", "993", "Reading mail (IMAP)", "STARTTLS", "mail.mobileconfig")
	if strings.Contains(page.body, "IN SRV") {
		t.Error("an owner is shown records of the DNS")
	}
	owner.get("/programs/mail.mobileconfig").wants(t, http.StatusOK, "com.apple.mail.managed", "<string>ann@example.org</string>")
	owner.get("/programs/mail.mobileconfig?mailbox=zoe@example.net").wants(t, http.StatusOK, "<string>ann@example.org</string>") // the own one
	admin.get("/programs").wants(t, http.StatusOK, "Which mailbox?")
	admin.get("/programs?mailbox=ann@example.org").wants(t, http.StatusOK, "_imaps._tcp.example.org. IN SRV 10 1 993 mail.example.org.", "mailbox=ann%40example.org")
	admin.get("/programs?mailbox=zoe@example.net").wants(t, http.StatusNotFound)
	admin.get("/programs/mail.mobileconfig?mailbox=zoe@example.net").wants(t, http.StatusNotFound)
}
