package intake_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"gatepost/internal/complaint"
	"gatepost/internal/intake"
	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// authority proves one who writes.
type authority struct {
	who mail.Path
	how string
	err error
}

func (a authority) Writer(context.Context, *pipeline.Transaction) (mail.Path, string, error) {
	return a.who, a.how, a.err
}

const forwarded = "From: Ann <ann@late.example>\r\nContent-Type: multipart/mixed; boundary=f\r\n\r\n" +
	"--f\r\nContent-Type: message/rfc822\r\n\r\nX-Gatepost-Id: 0pg2b7d4c8e1f5a6k3m9\r\nMessage-ID: <1@bulk.example>\r\nSubject: buy\r\n\r\nx\r\n--f--\r\n"

// What comes to an address for complaints is read, in the commit that accepts it, and
// delivered as it always was; such an address is judged by no filter.
func TestComplaints(t *testing.T) {
	proven := authority{who: "ann@late.example", how: "dkim late.example"}
	for name, c := range map[string]struct {
		authority intake.Authority
		from      mail.Path
		content   string
		to        []mail.Path
		want      string
	}{
		"to abuse":                {proven, "ann@late.example", forwarded, []mail.Path{"Abuse@late.example"}, "forward by ann@late.example (dkim late.example): 0pg2b7d4c8e1f5a6k3m9"},
		"with a tag":              {proven, "ann@late.example", forwarded, []mail.Path{"abuse+x@late.example"}, "forward by ann@late.example (dkim late.example): 0pg2b7d4c8e1f5a6k3m9"},
		"to a feedback address":   {proven, "", forwarded, []mail.Path{"Spam@late.example"}, "forward by ann@late.example (dkim late.example): 0pg2b7d4c8e1f5a6k3m9"},
		"beside others":           {proven, "", forwarded, []mail.Path{"none@late.example", "abuse@early.example"}, "forward by ann@late.example (dkim late.example): 0pg2b7d4c8e1f5a6k3m9"},
		"unproven":                {authority{}, "Eve@evil.example", forwarded, []mail.Path{"abuse@late.example"}, "forward by eve@evil.example (): 0pg2b7d4c8e1f5a6k3m9"},
		"unproven, null path":     {authority{}, "", forwarded, []mail.Path{"abuse@late.example"}, "forward by ann@late.example (): 0pg2b7d4c8e1f5a6k3m9"},
		"the DNS does not say":    {authority{"ann@late.example", "spf", errors.New("no answer")}, "ann@late.example", forwarded, []mail.Path{"abuse@late.example"}, "forward by ann@late.example (): 0pg2b7d4c8e1f5a6k3m9"},
		"to postmaster":           {proven, "ann@late.example", forwarded, []mail.Path{"postmaster@late.example"}, ""},
		"to somebody":             {proven, "ann@late.example", forwarded, []mail.Path{"none@late.example"}, ""},
		"a letter":                {proven, "ann@late.example", letter, []mail.Path{"abuse@late.example"}, ""},
		"nobody takes complaints": {nil, "ann@late.example", forwarded, []mail.Path{"abuse@late.example"}, ""},
	} {
		w := newChallengeWorld(t)
		w.Store = w.world // which has the commit
		w.Authority, w.Config.ComplaintAddresses = c.authority, []mail.Path{"spam@late.example"}
		if v := w.bring(t, c.from, c.content, c.to...); v.Answer != mail.OK || len(w.commits) != 1 {
			t.Fatalf("%s: got %v, %d commits", name, v, len(w.commits))
		}
		commit := w.commits[0]
		got := ""
		for _, r := range commit.Complaints {
			got += describeReport(r)
			if r.Tx != commit.Row.ID || !r.Time.Equal(w.last.Time) {
				t.Errorf("%s: it is of %s, %v", name, r.Tx, r.Time)
			}
		}
		if got != c.want || len(commit.Held) > 0 || len(commit.Deliveries) != len(c.to) {
			t.Errorf("%s: got %q, %d delivered, %d held; want %q", name, got, len(commit.Deliveries), len(commit.Held), c.want)
		}
	}
}

func describeReport(r complaint.Report) string {
	s := fmt.Sprintf("%s by %s (%s):", r.Form, r.Reporter, r.Proof)
	for _, o := range r.Originals {
		s += " " + o.ID
	}
	return s
}
