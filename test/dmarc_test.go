package test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const dmarcConfig = `
hostname: mx.test.example
dmarc: {addresses: [dmarc@test.example]}
policies:
  - name: default
    pipeline: [spf, dkim, arc, dmarc]
`

const dmarcZone = flowZone + `
_dmarc.test.example. TXT "v=DMARC1; p=reject; rua=mailto:dmarc@test.example"
test.example. TXT "v=spf1 ip4:198.51.100.9 -all"
big.example.  TXT "v=spf1 ip4:198.51.100.10 -all"
`

// dmarcSum is one line of `dmarc list --json`.
type dmarcSum struct {
	Domain, Reporter, Network string
	Own                       bool
	Messages, Passed, Acted   int64
}

func (s dmarcSum) String() string {
	return fmt.Sprintf("%s %s %s %d/%d %d", s.Domain, s.Reporter, s.Network, s.Passed, s.Messages, s.Acted)
}

// A domain that wants what is forged in its name refused has it held; what came in its name
// here, and what others report, is summed up, theirs once and only where they are proven.
func TestDMARC(t *testing.T) {
	t.Parallel()
	m := serve(t, dmarcConfig, dmarcZone)
	ann := domain(t, m, "test.example")
	run(t, m, password, "mailbox", "add", "dmarc@test.example", "--password-stdin")
	from := func(author, subject string) string {
		return "From: Ann <" + author + ">\r\nSubject: " + subject + "\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
	}

	forged := mailFrom(t, m, goodClient, sender, from(ann, "forged"), ann)
	followed(t, m, forged.id(t), ann+" held dmarc")
	genuine := mailFrom(t, m, "198.51.100.9", "bounce@test.example", from(ann, "true"), ann)
	followed(t, m, genuine.id(t), ann+" delivered")
	mailFrom(t, m, goodClient, sender, from("eve@sender.example", "other"), ann).id(t)
	for subject, want := range map[string]string{
		"true":  "dmarc=pass header.from=test.example policy.dmarc=reject",
		"other": "dmarc=none header.from=sender.example",
	} {
		got := withSubject(box(t, m, ann, "INBOX"), subject)
		if len(got) != 1 {
			t.Fatalf("%s is there %d times", subject, len(got))
		}
		unfolded := strings.ReplaceAll(got[0], "\r\n ", " ")
		for _, one := range []string{"Authentication-Results: mx.test.example; spf=pass ", "; dkim=none; arc=none; ", want} {
			if strings.Count(unfolded, one) != 1 {
				t.Errorf("%s: %q is there %d times in\n%s", subject, one, strings.Count(unfolded, one), got[0])
			}
		}
	}

	day := time.Now().Add(-24 * time.Hour).Unix()
	report := "From: noreply@big.example\r\nSubject: Report domain: test.example Submitter: big.example Report-ID: <7>\r\nMIME-Version: 1.0\r\nContent-Type: text/xml; name=r.xml\r\n\r\n" +
		"<feedback><report_metadata><org_name>Big</org_name><report_id>7</report_id><date_range>" + fmt.Sprintf("<begin>%d</begin><end>%d</end>", day, day+86399) + "</date_range>" +
		"</report_metadata><policy_published><domain>test.example</domain><p>reject</p></policy_published><record><row><source_ip>203.0.113.9</source_ip>" +
		"<count>30</count><policy_evaluated><disposition>reject</disposition><dkim>fail</dkim><spf>fail</spf></policy_evaluated></row></record></feedback>\r\n"
	for range 2 {
		mailFrom(t, m, "198.51.100.10", "noreply@big.example", report, "dmarc@test.example").id(t)
	}
	mailFrom(t, m, goodClient, "", report, "dmarc@test.example").id(t) // nothing proves it

	var got []string
	for _, s := range asked[[]dmarcSum](t, m, "dmarc", "list") {
		got = append(got, s.String())
	}
	if want := "test.example big.example  0/30 30\ntest.example mx.test.example  1/2 1"; strings.Join(got, "\n") != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
	shown := asked[struct {
		Sources []dmarcSum
		Reports []struct{ Reporter, Proof, ID string }
	}](t, m, "dmarc", "show", "test.example")
	got = nil
	for _, s := range shown.Sources {
		got = append(got, s.String())
	}
	want := "test.example big.example 203.0.113.0/24 0/30 30\ntest.example mx.test.example 192.0.2.0/24 0/1 1\ntest.example mx.test.example 198.51.100.0/24 1/1 0"
	if strings.Join(got, "\n") != want || fmt.Sprint(shown.Reports) != "[{big.example spf 7}]" {
		t.Errorf("got\n%s\n%v\nwant\n%s", strings.Join(got, "\n"), shown.Reports, want)
	}
}
