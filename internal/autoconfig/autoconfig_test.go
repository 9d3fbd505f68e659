package autoconfig

import (
	"bytes"
	"encoding/xml"
	"errors"
	"os/exec"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func site(t *testing.T, services ...string) Site {
	t.Helper()
	s := Site{Domain: "example.org", Name: "Mail & more", Web: "https://mail.example.org"}
	for _, text := range services {
		service, err := ParseService(text)
		if err != nil {
			t.Fatal(err)
		}
		s.Services = append(s.Services, service)
	}
	return s
}

func TestParseService(t *testing.T) {
	for text, want := range map[string]string{
		"imaps://mail.example.org":          "imaps://mail.example.org:993",
		"imap://mail.example.org:1430":      "imap://mail.example.org:1430",
		"submission://MAIL.example.org/":    "submission://mail.example.org:587",
		"submissions://[2001:db8::1]":       "submissions://[2001:db8::1]:465",
		"sieve://mail.example.org":          "sieve://mail.example.org:4190",
		"http://mail.example.org":           "",
		"mail.example.org:993":              "",
		"imaps://":                          "",
		"imaps://:993":                      "",
		"imaps://mail.example.org:0":        "",
		"imaps://mail.example.org:70000":    "",
		"imaps://ann@mail.example.org":      "",
		"imaps://mail.example.org/INBOX":    "",
		"imaps://mail.example.org?x=y":      "",
		"imaps://mail.example.org:993#here": "",
	} {
		got, err := ParseService(text)
		if (err != nil) != (want == "") || err == nil && got.String() != want {
			t.Errorf("%s: got %v, %v, want %q", text, got, err, want)
		}
	}
}

func TestRecords(t *testing.T) {
	var got []string
	for _, r := range site(t, "imaps://mail.example.org", "imaps://other.example.org:1993", "submission://mail.example.org").Records() {
		got = append(got, r.String())
	}
	want := []string{
		"_imaps._tcp.example.org. IN SRV 10 1 993 mail.example.org.",
		"_imaps._tcp.example.org. IN SRV 20 1 1993 other.example.org.",
		"_imap._tcp.example.org. IN SRV 0 0 0 .",
		"_pop3s._tcp.example.org. IN SRV 0 0 0 .",
		"_pop3._tcp.example.org. IN SRV 0 0 0 .",
		"_submissions._tcp.example.org. IN SRV 0 0 0 .",
		"_submission._tcp.example.org. IN SRV 30 1 587 mail.example.org.",
		"_sieve._tcp.example.org. IN SRV 0 0 0 .",
		"_autodiscover._tcp.example.org. IN SRV 0 0 443 mail.example.org.",
		"autoconfig.example.org. IN CNAME mail.example.org.",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestThunderbird(t *testing.T) {
	got, err := site(t, "imaps://mail.example.org", "pop3://mail.example.org", "submissions://mail.example.org", "sieve://mail.example.org").Thunderbird()
	if err != nil {
		t.Fatal(err)
	}
	want := `<?xml version="1.0" encoding="UTF-8"?>
<clientConfig version="1.1">
  <emailProvider id="example.org">
    <domain>example.org</domain>
    <displayName>Mail &amp; more</displayName>
    <displayShortName>Mail &amp; more</displayShortName>
    <incomingServer type="imap">
      <hostname>mail.example.org</hostname>
      <port>993</port>
      <socketType>SSL</socketType>
      <username>%EMAILADDRESS%</username>
      <authentication>password-cleartext</authentication>
    </incomingServer>
    <incomingServer type="pop3">
      <hostname>mail.example.org</hostname>
      <port>110</port>
      <socketType>STARTTLS</socketType>
      <username>%EMAILADDRESS%</username>
      <authentication>password-cleartext</authentication>
    </incomingServer>
    <outgoingServer type="smtp">
      <hostname>mail.example.org</hostname>
      <port>465</port>
      <socketType>SSL</socketType>
      <username>%EMAILADDRESS%</username>
      <authentication>password-cleartext</authentication>
    </outgoingServer>
  </emailProvider>
</clientConfig>
`
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestOutlook(t *testing.T) {
	question := `<?xml version="1.0" encoding="utf-8"?><Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request>` +
		`<EMailAddress>ann@example.org</EMailAddress><AcceptableResponseSchema>` + outlookSchema + `</AcceptableResponseSchema></Request></Autodiscover>`
	address, err := Question(strings.NewReader(question))
	if err != nil || address != "ann@example.org" {
		t.Errorf("question: got %q, %v", address, err)
	}
	for _, bad := range []string{"", "<a/>", "{}", strings.Replace(question, "outlook/response", "mobilesync/response", 1), strings.Replace(question, "ann@", "ann", 1),
		strings.Replace(question, "<Request>", "<Request>"+strings.Repeat(" ", MaxQuestion), 1)} {
		if got, err := Question(strings.NewReader(bad)); !errors.Is(err, ErrQuestion) {
			t.Errorf("%.80s: got %q, %v", bad, got, err)
		}
	}
	got, err := site(t, "imap://mail.example.org", "submissions://mail.example.org").Outlook(`ann&"<@example.org`)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		XMLName  xml.Name `xml:"http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006 Autodiscover"`
		Response struct {
			XMLName  xml.Name `xml:"http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a Response"`
			Protocol []struct {
				Type, Server, Port, LoginName, Encryption string
			} `xml:"Account>Protocol"`
		}
	}
	if err := xml.Unmarshal(got, &answer); err != nil {
		t.Fatal(err)
	}
	p := answer.Response.Protocol
	if len(p) != 2 || p[0].Type != "IMAP" || p[0].Port != "143" || p[0].Encryption != "TLS" || p[0].LoginName != `ann&"<@example.org` || p[1].Type != "SMTP" || p[1].Encryption != "SSL" {
		t.Errorf("got %+v\n%s", p, got)
	}
}

// plistScript reads a profile as Apple's devices do, with Python's plistlib.
const plistScript = `
import plistlib, sys
p = plistlib.loads(sys.stdin.buffer.read())
a = p["PayloadContent"][0]
print(p["PayloadType"], a["PayloadType"], a["EmailAddress"], a["EmailAccountType"], a["IncomingMailServerHostName"], a["IncomingMailServerPortNumber"], a["IncomingMailServerUseSSL"], a["OutgoingMailServerPortNumber"], p["PayloadUUID"] != a["PayloadUUID"])
`

func TestApple(t *testing.T) {
	got, err := site(t, "pop3s://mail.example.org", "imaps://mail.example.org", "submission://mail.example.org").Apple("ann&co@example.org")
	if err != nil {
		t.Fatal(err)
	}
	python := exec.Command("python3", "-c", plistScript)
	python.Stdin = strings.NewReader(string(got))
	out, err := python.CombinedOutput()
	if want := "Configuration com.apple.mail.managed ann&co@example.org EmailTypeIMAP mail.example.org 993 True 587 True\n"; err != nil || string(out) != want {
		t.Errorf("%v\ngot  %s\nwant %s\n%s", err, out, want, got)
	}
	if _, err := site(t, "imaps://mail.example.org").Apple("ann@example.org"); err == nil {
		t.Error("a profile without anything to send by")
	}
}

// TestAppleTwo: the profile of one address does not take the place of another's, and does of its own.
func TestAppleTwo(t *testing.T) {
	s := site(t, "imaps://mail.example.org", "submission://mail.example.org")
	identifiers := func(address string) [][]byte {
		profile, err := s.Apple(address)
		if err != nil {
			t.Fatal(err)
		}
		return regexp.MustCompile(`<key>Payload(?:Identifier|UUID)</key>\s*<string>(.+)</string>`).FindAll(profile, -1)
	}
	ann, bob := identifiers("ann@example.org"), identifiers("bob@example.org")
	if len(ann) != 4 || !reflect.DeepEqual(ann, identifiers("ann@example.org")) {
		t.Errorf("got %q, and %q the next time", ann, identifiers("ann@example.org"))
	}
	for _, id := range ann {
		if slices.ContainsFunc(bob, func(other []byte) bool { return bytes.Equal(id, other) }) {
			t.Errorf("both have %s", id)
		}
	}
}

func FuzzQuestion(f *testing.F) {
	f.Add("<Autodiscover><Request><EMailAddress>a@b</EMailAddress></Request></Autodiscover>")
	f.Add("<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>")
	f.Fuzz(func(t *testing.T, text string) {
		address, err := Question(strings.NewReader(text))
		if (err == nil) != strings.Contains(address, "@") {
			t.Errorf("%q: %q, %v", text, address, err)
		}
	})
}
