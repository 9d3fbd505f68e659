package app

import (
	"context"
	"slices"
	"testing"

	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/test/fresh"
)

// took is a carrier that writes down what it was given.
type took struct {
	ways []string
	jobs int
}

func (k *took) Carry(_ context.Context, job queue.Job) queue.Report {
	report := queue.Report{}
	k.jobs++
	for _, t := range job.Transfers {
		k.ways = append(k.ways, string(t.Recipient)+" to "+string(job.Destination))
		report.Results = append(report.Results, queue.Result{Fate: queue.Carried, Reply: queue.Reply{Text: string(t.Recipient)}})
	}
	return report
}

// What was queued for a smarthost that was replaced goes over the new one; what waits for a
// domain that moved goes where it is now.
func TestQueuedMailFollows(t *testing.T) {
	db := fresh.Open(t)
	rows := db.Directory()
	dir, err := directory.New(t.Context(), directory.Config{Rows: rows, Entries: rows, Hostname: "mx.example"})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"one", "two"} {
		if _, err := dir.AddHost(t.Context(), "root", directory.Host{Name: name, Address: "127.0.0.1:25", Roles: []directory.Role{directory.SMTPOut, directory.SMTPIn}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range []directory.Domain{{Name: "own.example", Smarthost: "two"}, {Name: "plain.example"}, {Name: "hosted.example", Hosts: []string{"one"}}} {
		if _, err := dir.AddDomain(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := dir.AddMailbox(t.Context(), directory.Mailbox{Address: "ann@plain.example"}, ""); err != nil {
		t.Fatal(err)
	}
	away, here := &took{}, &took{}
	c := carriers{local: here, remote: away, routes: routes{directory: dir, smarthost: "one"}}
	transfer := func(to, of, from mail.Path) *queue.Transfer {
		return &queue.Transfer{Message: &queue.Message{Sender: from}, Recipient: to, For: []mail.Path{of}}
	}
	report := c.Carry(t.Context(), queue.Job{Destination: queue.ToHost("gone"), Transfers: []*queue.Transfer{
		transfer("a@far.example", "a@far.example", "u@own.example"), transfer("b@far.example", "list@plain.example", "x@far.example"),
		transfer("ann@plain.example", "ann@plain.example", ""), transfer("c@hosted.example", "c@hosted.example", "x@far.example"),
	}})
	for i, want := range []string{"a@far.example", "b@far.example", "ann@plain.example", "c@hosted.example"} {
		if got := report.Results[i].Reply.Text; got != want {
			t.Errorf("result %d is that of %s, want %s", i, got, want)
		}
	}
	away.jobs = 0
	c.leaves = func(t *queue.Transfer) leaving { return leaving{domain: t.Message.Sender.Domain()} }
	c.Carry(t.Context(), queue.Job{Destination: queue.ToHost("one"), Transfers: []*queue.Transfer{
		transfer("a@far.example", "a@far.example", "u@plain.example"), transfer("b@far.example", "b@far.example", "x@far.example"), transfer("c@far.example", "c@far.example", "u@plain.example"),
	}})
	if away.jobs != 2 {
		t.Errorf("%d jobs of what leaves from two addresses", away.jobs)
	}
	away.ways = away.ways[:3]
	slices.Sort(away.ways)
	if want := []string{"a@far.example to host:two", "b@far.example to host:one", "c@hosted.example to domain:hosted.example"}; !slices.Equal(away.ways, want) {
		t.Errorf("away: got %q, want %q", away.ways, want)
	}
	if want := []string{"ann@plain.example to local"}; !slices.Equal(here.ways, want) {
		t.Errorf("here: got %q, want %q", here.ways, want)
	}
}

// A mail host that is a domain's own is bounded, and never the way out of all others though relay.smarthost names it.
func TestOwnHostIsNoSmarthost(t *testing.T) {
	db := fresh.Open(t)
	rows := db.Directory()
	dir, err := directory.New(t.Context(), directory.Config{Rows: rows, Entries: rows, Hostname: "mx.example"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dir.AddDomain(t.Context(), directory.Domain{Name: "own.example"}); err != nil {
		t.Fatal(err)
	}
	for name, domain := range map[string]string{"own": "own.example", "node": ""} {
		if _, err := dir.AddHost(t.Context(), "root", directory.Host{Name: name, Domain: domain, Address: "192.0.2.1:25", Roles: []directory.Role{directory.SMTPOut}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		smarthost, host string
		want, bounded   bool
	}{{"node", "node", true, false}, {"node", "own", true, true}, {"own", "own", false, false}, {"", "own", true, true}} {
		got, err := routes{directory: dir, smarthost: c.smarthost}.Hosts(queue.ToHost(c.host))
		if (err == nil) != c.want || c.want && got[0].Bounded != c.bounded {
			t.Errorf("%+v: got %+v, %v", c, got, err)
		}
	}
}
