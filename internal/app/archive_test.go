package app

import (
	"archive/zip"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/intake"
	"gatepost/internal/journal"
	"gatepost/internal/mail"
	"gatepost/mailbox"
)

// record commits a message into the archive of test.example, from an address to others, of which the
// last is in no field of the message.
func (n *boxesNode) record(d mailbox.Direction, when time.Time, from, subject, text string, to ...string) {
	n.Helper()
	m := mail.NewMessage(fmt.Appendf(nil, "From: %s\r\nTo: %s\r\nSubject: %s\r\n\r\n%s\r\n", from, to[0], subject, text))
	id, err := n.blobs.Put(n.Context(), m.Reader(), m.Size())
	n.must(err)
	prefix := mail.AppendField(nil, "Return-Path", "<"+from+">")
	for _, r := range to {
		prefix = mail.AppendField(prefix, "X-Gatepost-Recipient", r)
	}
	view := mail.View{Prefix: prefix}
	archive, ok := n.directory.Snapshot().ArchiveOf("test.example")
	if !ok {
		n.Fatal("no archive")
	}
	r := mailbox.Prepare(archive.ID, mailbox.RecordFolder(d, when), view.Message(m), when)
	r.Record, r.View, r.Blob = true, view, string(id)
	n.must(n.store.Commit(n.Context(), &intake.Commit{Records: []*mailbox.Delivery{&r}, Row: &journal.Row{ID: mail.NewID(when), Time: when}}))
}

// keep gives test.example an archive, with mail of two months.
func (n *boxesNode) keep(days int) {
	n.Helper()
	_, err := n.setDomain(n.Context(), ops.DomainSet{Name: "test.example", ArchiveDays: &days})
	n.must(err)
	n.record(mailbox.In, time.Date(2026, 1, 30, 9, 0, 0, 0, time.UTC), "eve@far.example", "Über alles", "the quick fox", "ann@test.example")
	n.record(mailbox.Out, time.Date(2026, 2, 3, 9, 0, 0, 0, time.UTC), "ann@test.example", "plan", "project x", "eve@far.example", "hidden@far.example")
	n.record(mailbox.In, time.Date(2026, 2, 4, 9, 0, 0, 0, time.UTC), "eve@far.example", "Re: plan", "no", "ann@test.example")
}

// acts are what was done, the earliest first.
func (n *boxesNode) acts() (all []string) {
	n.Helper()
	list, err := n.auditArchive(n.Context(), ops.ArchiveAudit{Domain: "test.example"})
	n.must(err)
	for _, act := range slices.Backward(list) {
		all = append(all, act.Who+" "+act.What+" "+act.About)
	}
	return all
}

func TestSearchArchive(t *testing.T) {
	n := openBoxes(t)
	n.keep(-1)
	day := func(m time.Month, d int) time.Time { return time.Date(2026, m, d, 0, 0, 0, 0, time.UTC) }
	for _, indexed := range []bool{false, true} {
		if indexed {
			for more := true; more; {
				var err error
				more, err = n.textIndexer().work(t.Context())
				n.must(err)
			}
		}
		for name, c := range map[string]struct {
			filter ops.ArchiveFilter
			want   string
		}{
			"everything":              {want: "Re: plan|plan|Über alles"},
			"from":                    {filter: ops.ArchiveFilter{From: "ANN@"}, want: "plan"},
			"to, in a field":          {filter: ops.ArchiveFilter{To: "ann@test"}, want: "Re: plan|Über alles"},
			"to, in the envelope":     {filter: ops.ArchiveFilter{To: "hidden@"}, want: "plan"},
			"subject":                 {filter: ops.ArchiveFilter{Subject: "über"}, want: "Über alles"},
			"text":                    {filter: ops.ArchiveFilter{Text: "Project X"}, want: "plan"},
			"all that is given":       {filter: ops.ArchiveFilter{From: "eve", Subject: "plan"}, want: "Re: plan"},
			"since":                   {filter: ops.ArchiveFilter{Since: day(2, 4)}, want: "Re: plan"},
			"until":                   {filter: ops.ArchiveFilter{Until: day(2, 4)}, want: "plan|Über alles"},
			"until the month's begin": {filter: ops.ArchiveFilter{Until: day(2, 1)}, want: "Über alles"},
			"nothing":                 {filter: ops.ArchiveFilter{Text: "never written"}},
		} {
			list, err := n.searchArchive(t.Context(), ops.ArchiveSearch{Domain: "TEST.example", ArchiveFilter: c.filter})
			n.must(err)
			if got := subjects(list); got != c.want {
				t.Errorf("%s, indexed %v: got %s, want %s", name, indexed, got, c.want)
			}
			var paged []ops.ArchivedMail
			q := ops.ArchiveSearch{Domain: "test.example", ArchiveFilter: c.filter, Page: ops.Page{Limit: 1}}
			for page := list; len(page) > 0; {
				page, err = n.searchArchive(t.Context(), q)
				n.must(err)
				if paged = append(paged, page...); len(page) > 0 {
					q.After = page[0].ID
				}
			}
			if got := subjects(paged); got != c.want {
				t.Errorf("%s, a page a message: got %s, want %s", name, got, c.want)
			}
		}
	}
	if acts := n.acts(); !slices.Contains(acts, `admin search from "eve", subject "plan"`) || !slices.Contains(acts, "admin search everything") {
		t.Errorf("noted: %q", acts)
	}
}

func subjects(list []ops.ArchivedMail) string {
	var all []string
	for _, m := range list {
		all = append(all, m.Subject)
	}
	return strings.Join(all, "|")
}

func TestExportArchive(t *testing.T) {
	n := openBoxes(t)
	n.keep(-1)
	file := filepath.Join(t.TempDir(), "a.zip")
	done, err := n.exportArchive(t.Context(), ops.ArchiveExport{Domain: "test.example", Path: file, ArchiveFilter: ops.ArchiveFilter{Subject: "plan"}})
	n.must(err)
	if done.Messages != 2 || done.Folders != 2 {
		t.Errorf("got %+v", done)
	}
	z, err := zip.OpenReader(file)
	n.must(err)
	defer z.Close()
	var names []string
	for _, f := range z.File {
		names = append(names, f.Name)
	}
	if got := strings.Join(names, " "); strings.Count(got, ".eml") != 2 || !strings.Contains(got, "Out/2026-02/") {
		t.Errorf("in the file: %s", got)
	}
	if acts := n.acts(); !slices.Contains(acts, `admin export subject "plan" to `+file) {
		t.Errorf("noted: %q", acts)
	}
}

// An archive is opened to somebody, told to him by mail, and closed, by hand or by itself.
func TestOpenArchive(t *testing.T) {
	n := openBoxes(t)
	n.keep(365)
	ctx := t.Context()
	until := n.now().Add(time.Hour)
	o, err := n.openArchive(ctx, ops.ArchiveOpen{Domain: "test.example", Reader: "bob@test.example", Until: until, Why: "case 17"})
	n.must(err)
	if o.Name != "Shared/_archive@test.example" || o.Reader != "bob@test.example" {
		t.Errorf("got %+v", o)
	}
	if letters, err := n.listQueue(ctx, ops.QueueList{}); len(letters) != 1 || letters[0].Recipient != "bob@test.example" || err != nil {
		t.Errorf("told: %+v, %v", letters, err)
	}
	sees := func(who string) (names []string) {
		list, err := n.mailboxes.SharedFolders(ctx, n.people().Visitor(n.box[who].ID))
		n.must(err)
		for _, s := range list {
			names = append(names, s.Name+":"+s.Rights.String())
		}
		return names
	}
	if got := fmt.Sprint(sees("bob"), sees("eve")); got != "[In:lr In/2026-01:lr In/2026-02:lr Out:lr Out/2026-02:lr] []" {
		t.Errorf("bob and eve see %s", got)
	}
	list, err := n.listArchives(ctx, ops.ArchiveList{})
	n.must(err)
	if len(list) != 1 || list[0].Days != 365 || list[0].Messages != 3 || len(list[0].Open) != 1 || list[0].Open[0].Why != "case 17" {
		t.Errorf("list: %+v", list)
	}
	n.must(n.endOpenings(ctx, until.Add(-time.Second)))
	if len(sees("bob")) == 0 {
		t.Error("closed before its time")
	}
	n.must(n.endOpenings(ctx, until))
	if got := sees("bob"); len(got) > 0 {
		t.Errorf("its time is over, and bob sees %s", got)
	}
	_, err = n.openArchive(ctx, ops.ArchiveOpen{Domain: "test.example", Reader: "eve@test.example", Quiet: true})
	n.must(err)
	_, err = n.closeArchive(ctx, ops.ArchiveClose{Domain: "test.example", Reader: "eve@test.example"})
	n.must(err)
	if _, err = n.closeArchive(ctx, ops.ArchiveClose{Domain: "test.example", Reader: "eve@test.example"}); err == nil {
		t.Error("closed twice")
	}
	want := []string{
		"admin keep 365 days", "admin open to bob@test.example until " + until.UTC().Format("2006-01-02 15:04 UTC") + ": case 17",
		"gatepost close to bob@test.example: the time is over", "admin open to eve@test.example until it is closed: no reason given", "admin close to eve@test.example",
	}
	got := n.acts()
	slices.Sort(got) // one has the time of an hour from now
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("noted\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Months go once all of their mail is old enough.
func TestExpireArchives(t *testing.T) {
	n := openBoxes(t)
	n.keep(30)
	ctx := t.Context()
	months := func() string {
		list, err := n.listArchives(ctx, ops.ArchiveList{})
		n.must(err)
		return strings.Join(list[0].Months, " ")
	}
	for _, step := range []struct {
		now  time.Time
		want string
	}{
		{time.Date(2026, 3, 2, 23, 59, 0, 0, time.UTC), "In/2026-01 In/2026-02 Out/2026-02"},
		{time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC), "In/2026-02 Out/2026-02"},
		{time.Date(2026, 3, 31, 0, 0, 0, 0, time.UTC), ""},
	} {
		n.must(n.expireArchives(ctx, step.now))
		if got := months(); got != step.want {
			t.Errorf("at %v: got %q, want %q", step.now, got, step.want)
		}
	}
	if acts := n.acts(); len(acts) != 4 || !strings.HasPrefix(acts[1], "gatepost expire In/2026-01: 1 messages, ") {
		t.Errorf("noted: %q", acts)
	}
	off := 0
	_, err := n.setDomain(ctx, ops.DomainSet{Name: "test.example", ArchiveDays: &off})
	n.must(err)
	n.record(mailbox.In, time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), "a@far.example", "old", "", "ann@test.example")
	n.must(n.expireArchives(ctx, n.now()))
	if got := months(); got != "In/2020-01" {
		t.Errorf("nothing more is taken, and what is there went: %q", got)
	}
}

// An archive is no mailbox: what is done with those is not done with it. Its domain can't go before it.
func TestArchiveIsNoMailbox(t *testing.T) {
	n := openBoxes(t)
	n.keep(30)
	ctx := t.Context()
	const address = "_archive@test.example"
	secret, closed := "secret", "closed"
	for name, do := range map[string]func() error{
		"export": func() error {
			_, err := n.exportMailbox(ctx, ops.MailboxExport{Address: address, Path: "/x"})
			return err
		},
		"import": func() error {
			_, err := n.importMailbox(ctx, ops.MailboxImport{Address: address, Path: "/x"})
			return err
		},
		"share": func() error {
			_, err := n.addShare(ctx, ops.ShareAdd{Owner: address, Folder: "*", With: "bob@test.example", Rights: "manage"})
			return err
		},
		"group": func() error {
			_, err := n.addGroup(ctx, ops.GroupAdd{Address: address, Members: []string{"bob@test.example"}})
			return err
		},
		"password": func() error {
			_, err := n.setMailbox(ctx, ops.MailboxSet{Address: address, Password: &secret})
			return err
		},
		"state": func() error {
			_, err := n.setMailbox(ctx, ops.MailboxSet{Address: address, State: &closed})
			return err
		},
		"remove": func() error { return n.removeMailbox(ctx, address) },
		"alias": func() error {
			_, err := n.directory.AddAlias(ctx, directory.Alias{Address: "x@test.example", Targets: []mail.Path{address}})
			if err == nil {
				_, err = n.directory.Snapshot().Resolve("x@test.example")
			}
			return err
		},
	} {
		if err := do(); err == nil {
			t.Errorf("%s: it was done", name)
		}
	}
	n.must(n.directory.RemoveAlias(ctx, "x@test.example"))
	for who := range n.box {
		n.must(n.removeMailbox(ctx, mail.Path(who+"@test.example")))
	}
	if err := n.directory.RemoveDomain(ctx, "test.example"); !errors.Is(err, directory.ErrInUse) || !strings.Contains(err.Error(), "archive") {
		t.Errorf("remove the domain: %v", err)
	}
	_, err := n.removeArchive(ctx, ops.ArchiveRemove{Domain: "test.example"})
	n.must(err)
	n.must(n.directory.RemoveDomain(ctx, "test.example"))
	if acts := n.acts(); !strings.HasPrefix(acts[len(acts)-1], "admin remove all of it: 3 messages") {
		t.Errorf("noted: %q", acts)
	}
	report, err := n.checkStore(ctx, ops.CheckStore{})
	n.must(err)
	if len(report.Damage) > 0 {
		t.Errorf("check store: %q", report.Damage)
	}
}
