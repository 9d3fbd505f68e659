package test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"gatepost/internal/control/ops"
	"gatepost/test/machine"
	mta "gatepost/test/peer"
)

// importing runs the import of ann's account, and returns the report.
func importing(t *testing.T, m *machine.Machine, args ...string) (i ops.Import) {
	t.Helper()
	out, errs, _ := m.Try(mta.DovecotPassword+"\n", append([]string{"import"}, append(args, "--json")...)...)
	if err := json.Unmarshal([]byte(out), &i); err != nil {
		t.Fatalf("%v: %s%s", err, out, errs)
	}
	return i
}

// placed puts a message with flags and a date.
func placed(t *testing.T, c *imapclient.Client, folder, subject string, date time.Time, flags ...imap.Flag) {
	t.Helper()
	if _, err := sent(t, c, folder, subject, date, flags...).Wait(); err != nil {
		t.Fatal(err)
	}
}

// sent is placed without the wait for the answer.
func sent(t *testing.T, c *imapclient.Client, folder, subject string, date time.Time, flags ...imap.Flag) *imapclient.AppendCommand {
	t.Helper()
	content := "Subject: " + subject + "\r\n\r\nhello\r\n"
	a := c.Append(folder, int64(len(content)), &imap.AppendOptions{Flags: flags, Time: date})
	if _, err := a.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	return a
}

// here is a log-in to ann's mailbox on the node.
func here(t *testing.T, m *machine.Machine, address string) *imapclient.Client {
	t.Helper()
	c, err := imapclient.DialInsecure(m.IMAP, nil)
	if err == nil {
		err = c.Login(address, password).Wait()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// shown are the messages of a folder, "subject flags date" each.
func shown(t *testing.T, c *imapclient.Client, folder string) (list []string) {
	t.Helper()
	data, err := c.Select(folder, nil).Wait()
	if err != nil {
		t.Fatalf("%s: %v", folder, err)
	}
	if data.NumMessages == 0 {
		return nil
	}
	all, err := c.Fetch(imap.SeqSet{{Start: 1, Stop: 0}}, &imap.FetchOptions{Flags: true, InternalDate: true, Envelope: true}).Collect()
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		var flags []string
		for _, f := range one.Flags {
			if f != `\Recent` {
				flags = append(flags, string(f))
			}
		}
		slices.Sort(flags)
		list = append(list, fmt.Sprint(one.Envelope.Subject, " ", flags, " ", one.InternalDate.UTC().Format("2006-01-02 15:04")))
	}
	return list
}

func wantShown(t *testing.T, c *imapclient.Client, folder string, want ...string) {
	t.Helper()
	if got := shown(t, c, folder); !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", folder, got, want)
	}
}

// flagged changes the flags of all messages of a folder with a subject.
func flagged(t *testing.T, c *imapclient.Client, folder, subject string, op imap.StoreFlagsOp, flags ...imap.Flag) {
	t.Helper()
	if _, err := c.Select(folder, nil).Wait(); err != nil {
		t.Fatal(err)
	}
	found, err := c.UIDSearch(&imap.SearchCriteria{Header: []imap.SearchCriteriaHeaderField{{Key: "Subject", Value: subject}}}, nil).Wait()
	if err != nil || len(found.AllUIDs()) == 0 {
		t.Fatalf("%s: %v, %v", subject, found, err)
	}
	if err := c.Store(imap.UIDSetNum(found.AllUIDs()...), &imap.StoreFlags{Op: op, Flags: flags, Silent: true}, nil).Close(); err != nil {
		t.Fatal(err)
	}
	if slices.Contains(flags, imap.FlagDeleted) {
		if err := c.Expunge().Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// An account comes with folders, subscriptions, flags, keywords and dates; what happens there later follows, but not to what was changed
// here; and what was brought comes once, though the node is killed in the middle.
func TestImport(t *testing.T) {
	t.Parallel()
	d, fingerprint := elsewhere(t, "maildir-ann")
	m := serve(t, collectorConfig, flowZone)
	ann := domain(t, m, "test.example")
	there := old(t, d, "maildir-ann")
	for _, name := range []string{"Sent", "Été.Août", "Big"} {
		if err := there.Create(name, nil).Wait(); err != nil {
			t.Fatal(err)
		}
	}
	if err := there.Subscribe("Été.Août").Wait(); err != nil {
		t.Fatal(err)
	}
	day := time.Date(2019, 7, 14, 8, 30, 0, 0, time.UTC)
	const at = "2019-07-14 08:30"
	placed(t, there, "INBOX", "one", day, imap.FlagSeen, "$Work")
	placed(t, there, "INBOX", "two", day)
	placed(t, there, "INBOX", "pest", day) // which the policy would refuse
	placed(t, there, "Sent", "sent", day, imap.FlagSeen, imap.FlagAnswered)
	placed(t, there, "Été.Août", "sea", day, imap.FlagFlagged)
	args := []string{"imap", ann, "--server", d.IMAP, "--tls", "starttls", "--fingerprint", fingerprint, "--user", "maildir-ann", "--password-file", "-", "--follow", "1h"}
	if i := importing(t, m, args...); i.Fault != "" || i.Taken != 5 || !i.Complete {
		t.Fatalf("got %+v", i)
	}
	c := here(t, m, ann)
	wantShown(t, c, "INBOX", `one [$Work \Seen] `+at, `two [] `+at, `pest [] `+at)
	wantShown(t, c, "Sent", `sent [\Answered \Seen] `+at)
	wantShown(t, c, "Été/Août", `sea [\Flagged] `+at)
	if list, err := c.List("", "*", &imap.ListOptions{SelectSubscribed: true}).Collect(); err != nil || !slices.ContainsFunc(list, func(l *imap.ListData) bool { return l.Mailbox == "Été/Août" }) {
		t.Errorf("subscriptions: %v, %v", list, err)
	}

	flagged(t, c, "INBOX", "two", imap.StoreFlagsAdd, imap.FlagFlagged) // here
	flagged(t, there, "INBOX", "one", imap.StoreFlagsAdd, imap.FlagAnswered)
	flagged(t, there, "INBOX", "two", imap.StoreFlagsAdd, imap.FlagSeen)
	flagged(t, there, "INBOX", "pest", imap.StoreFlagsAdd, imap.FlagDeleted)
	placed(t, there, "INBOX", "three", day)
	for range 2 {
		if i := importing(t, m, "run", ann); i.Fault != "" || i.Taken != 6 {
			t.Fatalf("got %+v", i)
		}
	}
	wantShown(t, c, "INBOX", `one [$Work \Answered \Seen] `+at, `two [\Flagged] `+at, `three [] `+at)

	const many = 300
	var waiting []*imapclient.AppendCommand
	for n := range many {
		waiting = append(waiting, sent(t, there, "Big", fmt.Sprint("letter ", n), day))
	}
	for _, a := range waiting {
		if _, err := a.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	run(t, m, mta.DovecotPassword+"\n", append(append([]string{"import"}, args...), "--detach")...)
	c.Close()
	for waited := 0; ; waited++ {
		if n := len(box(t, m, ann, "Big")); n > 0 || waited > 2000 {
			t.Logf("killed after %d of %d", n, many)
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	m.Kill()
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	if i := importing(t, m, "run", ann); i.Fault != "" || !i.Complete {
		t.Fatalf("got %+v", i)
	}
	got := subjects(t, m, ann, "Big")
	for n := range many {
		if c := got[fmt.Sprint("letter ", n)]; c != 1 {
			t.Errorf("letter %d is there %d times", n, c)
		}
	}
	if report := run(t, m, "", "import", "finish", ann); !strings.Contains(report, "Été/Août") {
		t.Errorf("report: %s", report)
	}
	if list := run(t, m, "", "import", "list"); !strings.Contains(list, "nothing is imported") {
		t.Errorf("left: %s", list)
	}
}
