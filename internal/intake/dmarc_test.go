package intake_test

import (
	"fmt"
	"testing"
	"time"

	"gatepost/internal/intake"
	"gatepost/internal/mail"
)

// aggregate is a mail with a report on a domain's last day.
func aggregate(domain string) string { return aggregateOf(domain, time.Now().Add(-24*time.Hour)) }

func aggregateOf(domain string, begin time.Time) string {
	return "From: noreply@big.example\r\nSubject: Report domain: " + domain + "\r\nMIME-Version: 1.0\r\nContent-Type: text/xml; name=r.xml\r\n\r\n" +
		"<feedback><report_metadata><org_name>Big</org_name><report_id>7</report_id><date_range>" + fmt.Sprintf("<begin>%d</begin><end>%d</end>", begin.Unix(), begin.Unix()+86399) + "</date_range>" +
		"</report_metadata><policy_published><domain>" + domain + "</domain><p>none</p></policy_published><record><row><source_ip>192.0.2.1</source_ip>" +
		"<count>3</count><policy_evaluated><dkim>pass</dkim></policy_evaluated></row></record></feedback>\r\n"
}

// Reports of others count where their sender is proven and the domain is ours, under the
// name that is proven; they are in the commit that accepts them.
func TestDMARCReports(t *testing.T) {
	proven := authority{who: "noreply@big.example", how: "dkim big.example"}
	const counted = "big.example (dkim big.example) on late.example: 3 of 3, 1 networks of big.example"
	for name, c := range map[string]struct {
		authority intake.Authority
		content   string
		to        []mail.Path
		want      string
	}{
		"to the address":       {proven, aggregate("late.example"), []mail.Path{"Spam+x@late.example"}, counted},
		"beside others":        {proven, aggregate("late.example"), []mail.Path{"none@late.example", "spam@late.example"}, counted},
		"on a domain below":    {proven, aggregate("a.late.example"), []mail.Path{"spam@late.example"}, "big.example (dkim big.example) on late.example: 3 of 3, 1 networks of big.example"},
		"of days to come":      {proven, aggregateOf("late.example", time.Now().Add(100*24*time.Hour)), []mail.Path{"spam@late.example"}, ""},
		"of days long gone":    {proven, aggregateOf("late.example", time.Now().Add(-100*24*time.Hour)), []mail.Path{"spam@late.example"}, ""},
		"on another's domain":  {proven, aggregate("other.example"), []mail.Path{"spam@late.example"}, ""},
		"to somebody else":     {proven, aggregate("late.example"), []mail.Path{"none@late.example"}, ""},
		"unproven":             {authority{}, aggregate("late.example"), []mail.Path{"spam@late.example"}, ""},
		"a letter":             {proven, letter, []mail.Path{"spam@late.example"}, ""},
		"nobody takes reports": {nil, aggregate("late.example"), []mail.Path{"spam@late.example"}, ""},
	} {
		w := newChallengeWorld(t)
		w.Store = w.world // which has the commit
		w.Authority, w.Config.DMARCAddresses = c.authority, []mail.Path{"spam@late.example"}
		if v := w.bring(t, "noreply@big.example", c.content, c.to...); v.Answer != mail.OK || len(w.commits) != 1 {
			t.Fatalf("%s: got %v, %d commits", name, v, len(w.commits))
		}
		got := ""
		for _, r := range w.commits[0].DMARC {
			got += fmt.Sprintf("%s (%s) on %s: %d of %d, %d networks of %s", r.Reporting, r.Proof, r.Domain, r.Passed, r.Messages, len(r.Sums), r.Sums[0].Reporter)
			if r.Tx != w.commits[0].Row.ID || len(r.Key) != 32 {
				t.Errorf("%s: of %s, key %q", name, r.Tx, r.Key)
			}
		}
		if got != c.want || len(w.commits[0].Deliveries)+len(w.commits[0].Held) != len(c.to) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}
