package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/tools/txtar"

	"gatepost/internal/app"
	"gatepost/internal/config"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/systemd"
	"gatepost/pipeline"
)

var update = flag.Bool("update", false, "write what the tests got into testdata")

// A fake is a machine that answers with what a test put there, and notes what it
// was asked.
type fake struct {
	control.Handlers
	asked *[]string
}

func (f fake) Handle(ctx context.Context, op string, params json.RawMessage) (any, error) {
	*f.asked = append(*f.asked, op+" "+string(params))
	return f.Handlers.Handle(ctx, op, params)
}

func (f fake) Run(ctx context.Context) error { <-ctx.Done(); return nil }
func (fake) SupervisedBy(systemd.Supervisor) {}

func (f fake) ReloadFrom(func() (*config.Config, error), func(*config.Config)) {
}
func (fake) Alive(context.Context) error { return nil }
func (fake) LogsFrom(*slog.LevelVar)     {}
func (fake) HandsOver(app.Handover)      {}
func (fake) Successor() *app.Successor   { return nil }
func (f fake) Close() error              { return nil }
func at(minute int) time.Time            { return time.Date(2026, 11, 22, 14, minute, 0, 0, time.UTC) }
func answer[P control.Request, R any](r R) func(context.Context, P) (R, error) {
	return func(context.Context, P) (R, error) { return r, nil }
}

// setDomain answers with a domain and the pages that are to be shut.
func setDomain(d ops.Domain) func(context.Context, ops.DomainSet) (ops.Domain, error) {
	return func(_ context.Context, r ops.DomainSet) (ops.Domain, error) {
		shown := d
		if r.ShutPages != nil {
			shown.ShutPages = *r.ShutPages
		}
		return shown, nil
	}
}

func handlers() control.Handlers {
	h := control.Handlers{}
	domain := ops.Domain{
		Name: "example.org", Disposition: "junk", Mailboxes: 2, Created: at(0),
		LearnOutgoing: "mailbox", Challenge: "reply", DigestHours: "6,14", Owners: []string{"digest"}, Keys: []string{"gp2026a active"}, Admins: []string{"adam admin"},
		Sends: &ops.SubmissionLimits{Owner: "example.org", PerMinute: -1, PerHour: 500}, Warnings: []string{"challenge is reply, but web.url is empty"},
	}
	entry := ops.Entry{ID: 12, List: "allow", Kind: "ip", Value: "192.0.2.0/24", Scope: "global", Origin: "admin", Note: "backup MX", Created: at(1)}
	held := ops.Held{
		ID: "4711", Recipient: "ann@example.org", Subject: "Win \x1b[31mred\u202e now", Filter: "spf",
		Reason: "192.0.2.7 may not send for example.net", Score: 9.5, State: "held", Size: 1200, Time: at(2), Expires: at(3), Client: "192.0.2.7",
	}
	walk := ops.Walk{
		Recipient: "ann@example.org", Policy: "default", Score: 2, Action: "spam", Entry: "spf", Reason: held.Reason, Outcome: "held",
		Steps: []ops.Step{
			{Entry: "rdns", Filter: "rdns", Result: "nofwd", Effect: "score 1.5", Points: 1.5, Micros: 1200, Reason: "mail.example.net does not lead back"},
			{
				Entry: "bayes", Filter: "bayes", Result: "unsure", Effect: "score", Score: 4, Points: 4, Micros: 800, Reason: "it scores 4.000 of 15; from 7.5 on it is spam",
				Evidence: []ops.Evidence{{Key: "score", Value: "4.000"}, {Key: "feature", Value: "+1.25 subject:watches"}, {Key: "feature", Value: "-0.50 from:ann"}},
			},
			{Entry: "spf", Filter: "spf", Result: "fail", Effect: "spam", Micros: 300, Reason: held.Reason},
		},
	}
	control.On(h, answer[ops.LogLevel](ops.LogLevels{Level: "debug", Was: "info"}))
	control.On(h, answer[ops.Upgrade](ops.Upgraded{Process: 4711, Version: "v1.2.3", Waited: 1534 * time.Millisecond}))
	control.On(h, answer[ops.Reload](ops.Reloaded{Changed: []string{"limits.errors", "listen.smtp"}, NeedsRestart: []string{"store.dsn"}}))
	control.On(h, answer[ops.DomainAdd](domain))
	control.On(h, setDomain(domain))
	control.On(h, answer[ops.DomainList]([]ops.Domain{domain}))
	control.On(h, func(_ context.Context, r ops.DomainShow) (ops.Domain, error) {
		return ops.Domain{}, control.NotFound("domain %s: no such domain", r.Name)
	})
	control.On(h, func(_ context.Context, r ops.DomainRemove) (ops.Nothing, error) {
		return ops.Nothing{}, errors.New("domain example.org: still in use")
	})
	routeHandlers(h)
	dkimHandlers(h)
	certificateHandlers(h)
	adminHandlers(h)
	control.On(h, answer[ops.MailboxAdd](ops.Mailbox{Address: "ann@example.org", State: "active", Digest: true, Created: at(0)}))
	control.On(h, answer[ops.MailboxList]([]ops.Mailbox(nil)))
	control.On(h, answer[ops.AliasAdd](ops.Alias{Address: "sales@example.org", Targets: []string{"ann@example.org", "bob@example.org"}}))
	explained := entry
	explained.Effects = []string{"policy default: ip-allow asks for it, and nothing can decide before; it spares spf, rdns, the sum of scores"}
	control.On(h, answer[ops.ListAdd](explained))
	control.On(h, answer[ops.ListShow](explained))
	listFileHandlers(h)
	trustHandlers(h)
	learnHandlers(h)
	bayesHandlers(h)
	proposalHandlers(h)
	fingerprintHandlers(h)
	control.On(h, answer[ops.ListSet](entry))
	control.On(h, answer[ops.ListList]([]ops.Entry{entry}))
	control.On(h, answer[ops.ListRemove](ops.Nothing{}))
	control.On(h, func(_ context.Context, q ops.QuarantineDigest) (ops.Digest, error) {
		d := ops.Digest{Address: q.Address, Last: at(4), Sent: q.Send}
		if q.Address == "ann@example.org" {
			d.New, d.Text = 1, "For ann@example.org\n\n1 new message was held back.\n"
		}
		return d, nil
	})
	banHandlers(h)
	shareHandlers(h)
	archiveHandlers(h)
	submissionHandlers(h)
	ownerHandlers(h)
	quarantineHandlers(h, held, walk)
	control.On(h, answer[ops.JournalSearch]([]ops.Record{{ID: "01JD", Sender: "bob@example.net", Recipient: "ann@example.org", State: "delivered", Time: at(4)}}))
	control.On(h, answer[ops.Explain](ops.Explanation{Reply: "250 2.0.0 accepted", Walks: []ops.Walk{walk}}))
	greylistHandlers(h)
	control.On(h, answer[ops.PolicyExplain](ops.EffectivePolicy{
		Recipient: "ann@example.org", Domain: "example.org", Mailboxes: []string{"ann@example.org"}, Policy: "default", Disposition: "junk", Level: 3, Required: 7.5,
		Precedence: "the nearer before the wider",
		Ban:        &ops.ClientBan{Network: "192.0.2.7/32", Cause: "honeypot", Until: at(59), Void: "bans.never has 192.0.2.0/24"},
		Listed: []ops.ListedEntry{
			{Of: "client", ID: 12, List: "allow", Value: "192.0.2.0/24", Scope: "ann@example.org", Counts: true},
			{Of: "client", ID: 3, List: "block", Value: "192.0.2.7", Scope: "global", Expires: at(5)},
		},
		Filters: []ops.PolicyEntry{
			{Gate: true, Entry: "rate", Filter: "rate", Stage: "connect", Effects: []string{"over: defer"}},
			{Entry: "ip-allow", Filter: "ip-allow", Stage: "connect", Effects: []string{"allowed: accept"}, Listed: 12, Says: "accept"},
			{Entry: "spf", Filter: "spf", Stage: "mail", Effects: []string{"fail: spam", "softfail: score 2"}, Unless: "ip-allow", Says: "not asked: ip-allow has ended the walk"},
			{Entry: "antivirus", Filter: "antivirus", Stage: "data", Effects: []string{}, Always: true, Shadow: true},
		},
	}))
	queueHandlers(h)
	dnsblHandlers(h)
	packHandlers(h)
	engineHandlers(h)
	dmarcHandlers(h)
	complaintHandlers(h)
	control.On(h, answer[ops.CheckStore](ops.StoreReport{Messages: 7, Bytes: 1234, Damage: []string{"blob 3: checksum differs"}}))
	return h
}

func kinds(*config.Config) []pipeline.Kind {
	return []pipeline.Kind{{
		Name: "spf", Stage: pipeline.Mail, Doc: "spf checks the client.",
		Results: []pipeline.Result{{Word: "pass", Effect: "none", Doc: "may send"}, {Word: "fail", Effect: "spam", Doc: "may not"}},
	}}
}

// quarantineHandlers answer for held messages.
func quarantineHandlers(h control.Handlers, held ops.Held, walk ops.Walk) {
	control.On(h, answer[ops.QuarantineList]([]ops.Held{held}))
	control.On(h, func(_ context.Context, r ops.QuarantineShow) (ops.HeldDetail, error) {
		if r.ID == "4711" {
			return ops.HeldDetail{Held: held, Walks: []ops.Walk{walk}}, nil
		}
		gone := held
		gone.State, gone.Guarded, gone.Asked, gone.Proof = "released", true, at(4), "spf"
		return ops.HeldDetail{
			Held: gone, Delivery: "on its way to 1 of 2",
			Ways: []ops.Way{
				{Recipient: "ann@far.example", What: "deferred", Attempts: 2, Next: at(50), Time: at(8), Host: "192.0.2.1:25", Code: 451, Status: "4.3.0", Reply: "tired"},
				{Recipient: "bob@far.example", What: "carried", Attempts: 1, Time: at(6), Host: "192.0.2.1:25", Code: 250, Status: "2.0.0", Reply: "ok"},
			},
			History: []ops.Act{{Time: at(4), State: "asked", By: "ann@example.org"}, {Time: at(5), State: "released", By: "admin"}},
		}, nil
	})
	control.On(h, answer[ops.QuarantineRelease]([]ops.Held{}))
	control.On(h, answer[ops.QuarantineDelete]([]ops.Held{held}))
	control.On(h, answer[ops.QuarantineAllow]([]ops.Held{held}))
	control.On(h, answer[ops.QuarantineBlock]([]ops.Held{held}))
	control.On(h, answer[ops.QuarantineAsk]([]ops.Held{held}))
	control.On(h, func(_ context.Context, r ops.QuarantineCount) (ops.HeldCount, error) {
		return ops.HeldCount{Count: 7, More: r.Filter == "spf"}, nil
	})
	control.On(h, func(_ context.Context, r ops.QuarantineBulk) (ops.HeldBulk, error) {
		switch {
		case r.Filter == "spf":
			return ops.HeldBulk{Done: 3, Skipped: 1, Failed: 1, Failures: []ops.HeldFailure{{ID: "4712", Error: "no such mailbox\x1b[2J"}}}, nil
		case r.After == "":
			return ops.HeldBulk{Done: 500, More: true, Next: "1/4711"}, nil
		}
		return ops.HeldBulk{Done: 7}, nil
	})
	control.On(h, answer[ops.QuarantineFilters]([]ops.HeldTally{{Filter: "keywords", Held: 400, Released: 30, Asked: 2}, {Filter: "spf", Held: 1000}}))
}

// trustHandlers answer for who is trusted.
func trustHandlers(h control.Handlers) {
	bob := ops.Trust{
		ID: "m12 bob@example.net", For: "ann@example.org", Sender: "bob@example.net", Weight: 2.5, Learnt: "outgoing, release", Last: at(5), Used: at(6),
	}
	control.On(h, answer[ops.TrustList]([]ops.Trust{bob}))
	control.On(h, func(_ context.Context, r ops.TrustShow) ([]ops.Trust, error) {
		if r.Sender == bob.Sender {
			return []ops.Trust{bob}, nil
		}
		return nil, nil
	})
	control.On(h, answer[ops.TrustSet](bob))
	control.On(h, answer[ops.TrustForget](ops.Nothing{}))
}

// routeHandlers answer for all that leads mail somewhere.
func routeHandlers(h control.Handlers) {
	host := ops.Host{
		Name: "exit", Address: "smtp.example.net:587", Roles: []string{"imap", "smtp-out"}, Protocol: "smtp", TLS: "verify", Priority: 10,
		User: "us", Password: true, Domains: 2, Node: true, Created: at(0),
	}
	machine := ops.Sender{
		Name: "scanner@example.org", Domains: []string{"example.org", "example.net"}, Login: true, Keys: []string{strings.Repeat("ab", 32)},
		Networks: []string{"10.0.0.0/8"}, Created: at(0), Warnings: []string{"10.0.0.0/8 is wide: whoever gets at any of its addresses may send"},
	}
	fresh := machine
	fresh.Password = "abcde-fghij-kmnpq-rstuv"
	control.On(h, answer[ops.SenderAdd](fresh))
	control.On(h, answer[ops.SenderSet](machine))
	control.On(h, answer[ops.SenderShow](machine))
	control.On(h, answer[ops.SenderList]([]ops.Sender{machine}))
	control.On(h, answer[ops.SenderRemove](ops.Nothing{}))
	list := ops.Distribution{Address: "staff@example.org", Post: "domain", Owner: "ann@example.org", Size: 2, Created: at(0)}
	forward := ops.Forward{Address: "away@example.org", Target: "Me@elsewhere.example", Created: at(0)}
	control.On(h, answer[ops.HostAdd](host))
	control.On(h, answer[ops.HostSet](host))
	control.On(h, answer[ops.HostShow](host))
	control.On(h, answer[ops.HostList]([]ops.Host{host}))
	control.On(h, func(_ context.Context, r ops.HostRemove) (ops.Nothing, error) {
		return ops.Nothing{}, errors.New("mail host exit: still in use: domain example.org uses it; change that first")
	})
	control.On(h, answer[ops.AliasList]([]ops.Alias{{Address: "sales@example.org", Targets: []string{"ann@example.org"}}}))
	control.On(h, answer[ops.ForwardAdd](forward))
	control.On(h, answer[ops.ForwardSet](forward))
	control.On(h, answer[ops.ForwardShow](forward))
	control.On(h, answer[ops.ForwardList]([]ops.Forward{forward}))
	control.On(h, answer[ops.ForwardRemove](ops.Nothing{}))
	control.On(h, answer[ops.DistributionAdd](list))
	control.On(h, answer[ops.DistributionSet](list))
	control.On(h, answer[ops.DistributionList]([]ops.Distribution{list}))
	control.On(h, answer[ops.DistributionShow](ops.DistributionDetail{Distribution: list, Members: []string{"ann@example.org", "bob@example.net"}}))
	control.On(h, answer[ops.DistributionRemove](ops.Nothing{}))
	control.On(h, func(_ context.Context, r ops.MailboxSet) (ops.Mailbox, error) {
		m := ops.Mailbox{
			Address: "ann@example.org", State: "active", Copies: []string{"bob@example.net"}, Digest: true, Created: at(0), Bytes: 900, Messages: 3,
			Quota: 5 << 30, QuotaMessages: 100_000, Full: 91, Inbound: 200, InboundNow: 17, InboundBytes: 1 << 30, InboundBytesNow: 5120, Own: ops.Limits{Bytes: 5 << 30}, Kept: 77,
		}
		if r.ShutPages != nil {
			m.ShutPages = *r.ShutPages
		}
		return m, nil
	})
	control.On(h, answer[ops.MailboxDeleted]([]ops.DeletedMail{
		{ID: "12", Deleted: at(9), Folder: "Trash", Date: at(1), Size: 1234, From: "bob@example.net", Subject: "Lunch \x1b[31m"},
		{ID: "7", Deleted: at(8), Folder: "INBOX", Date: at(0), Size: 5},
	}))
	control.On(h, answer[ops.MailboxReindex](ops.Reindexed{Mailboxes: 1}))
	control.On(h, answer[ops.MailboxRecover](ops.Recovered{Messages: 2, Folders: []string{"INBOX", "Recovered"}, Full: true}))
	control.On(h, func(_ context.Context, r ops.RouteShow) (ops.Route, error) {
		if r.From != nil {
			return ops.Route{Address: r.Address, Reason: "eve@example.net may not post to this list", Steps: []ops.RouteStep{}}, nil
		}
		return ops.Route{Address: r.Address, Domain: "example.org", Taken: true, Steps: []ops.RouteStep{
			{Address: "info@example.org", Is: "alias", Why: "an alias, stores nothing"},
			{Depth: 1, Address: "ann@example.org", Is: "mailbox", Why: "a mailbox here"},
		}}, nil
	})
}

// listFileHandlers answer for lists in files: an export of two pages, an import with a
// fault.
func listFileHandlers(h control.Handlers) {
	control.On(h, func(_ context.Context, r ops.ListExport) (ops.ListFile, error) {
		if r.After == 0 {
			return ops.ListFile{CSV: "list,kind,value\nallow,ip,192.0.2.0/24\n", Next: 12}, nil
		}
		return ops.ListFile{CSV: "block,domain,example.net\n"}, nil
	})
	control.On(h, func(_ context.Context, r ops.ListImport) (ops.ListImported, error) {
		if r.Head != "list,value" {
			return ops.ListImported{}, control.Misused("not valid: there is no column value; the first line names the columns")
		}
		fault := ops.ListFault{Line: r.After + 2, Text: `not valid: list "grey\x1b"; known are allow, block`}
		return ops.ListImported{Added: 1, Existing: 2, Failed: 1, Faults: []ops.ListFault{fault}}, nil
	})
}

// adminHandlers answer for who may do what.
func adminHandlers(h control.Handlers) {
	control.On(h, answer[ops.AuditList]([]ops.AuditNote{
		{ID: "01jd", Time: at(5), Who: "ann@example.org", What: "unlocked", Whom: "ann@example.org"},
		{ID: "01jc", Time: at(1), Who: "admin (root)", What: "locked", Whom: "ann@example.org"},
	}))
	dora := ops.Admin{Name: "dora", Role: "helpdesk", Domains: []string{"example.net", "example.org"}, Rights: []string{"held.release", "queue.view"}, State: "active", Created: at(0)}
	root := ops.Admin{Name: "root", Role: "operator", Domains: []string{}, Rights: []string{}, State: "active", Created: at(0)}
	control.On(h, answer[ops.AdminAdd](root))
	control.On(h, answer[ops.AdminSet](dora))
	control.On(h, answer[ops.AdminShow](dora))
	control.On(h, answer[ops.AdminList]([]ops.Admin{dora, root}))
	control.On(h, func(_ context.Context, r ops.AdminRemove) (ops.Nothing, error) {
		return ops.Nothing{}, errors.New("remove admin root: the last operator who can log in has to stay one")
	})
	control.On(h, answer[ops.AdminResetFactor](ops.Nothing{}))
	control.On(h, answer[ops.MailboxResetFactor](ops.Nothing{}))
	control.On(h, answer[ops.SessionList]([]ops.Session{{ID: "0123456789ab", Client: "192.0.2.7", Agent: "Browser/1\x1b[2J", Since: at(0), Seen: at(5), Expires: at(60)},
		{ID: "ba9876543210", Since: at(0), Seen: at(0), Support: "offered", Expires: at(240)}}))
	control.On(h, answer[ops.SessionClose](ops.SessionsClosed{Closed: 2}))
}

// queueHandlers answer for what is carried on.
func queueHandlers(h control.Handlers) {
	transfer := ops.Transfer{
		ID: 4711, Tx: "01JD", Sender: "bob@example.net", Recipient: "ann@far.example", Destination: "domain:far.example", State: "waiting", Size: 2048,
		Created: at(0), Due: at(5), Expires: at(9), Attempts: 1, Host: "192.0.2.1:25", Code: 451, Status: "4.3.0", Reply: "tired\x1b[2J", Command: "RCPT",
	}
	tried := ops.Delivery{Time: at(1), Recipient: "ann@far.example", What: "deferred", Host: "192.0.2.1:25", Code: 451, Status: "4.3.0", Reply: "tired", Command: "RCPT"}
	trying := transfer
	trying.ID, trying.Trying, trying.Due = 4712, true, at(30)
	control.On(h, answer[ops.QueueList]([]ops.Transfer{transfer, trying}))
	control.On(h, answer[ops.QueueWhy](ops.TransferDetail{Transfer: transfer, Subject: "hello", Why: "it is tried again at noon", Events: []ops.Delivery{tried}}))
	control.On(h, answer[ops.QueueChange](ops.Changed{Changed: 3}))
	control.On(h, answer[ops.QueueFlush](ops.Changed{Changed: 2}))
}

// gatepost runs the program with a fake machine and returns what it wrote.
func gatepost(t *testing.T, in string, args ...string) (status int, out, errs string, asked []string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"box.mbox": "From a Mon\nSubject: 1\n\none\n\nFrom b Tue Nov 24 09:00:00 2026\nSubject: 2\n\n>From two\n", "mail.eml": "From bob Mon Nov 22\nSubject: x\n\nhello\n", "password": "top secret\n", "lists.csv": "\ufefflist,value\r\nallow,x.example\r\ngrey,y.example\r\n", "empty": "", "members": "ann@example.org\n\n# a remark\nbob@example.net # Bob\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var o, e bytes.Buffer
	p := program{
		in: strings.NewReader(in), out: &o, errs: &e, env: nil, now: func() time.Time { return at(30) }, zone: time.UTC,
		node: node{
			open: func(context.Context, *config.Config, *slog.Logger) (machine, error) {
				return fake{handlers(), &asked}, nil
			},
			check:   func(*config.Config) error { return nil },
			try:     func(context.Context, *config.Config) error { return nil },
			catalog: kinds,
			demo:    func(_ context.Context, _ *config.Config, _ *slog.Logger, w io.Writer) error { return nil },
		},
	}
	status = p.run(t.Context(), args)
	return status, o.String(), e.String(), asked
}

// TestCommands holds every case of testdata: the comment is the command line, then
// stand what comes in, what was asked of the machine, and what was written.
func TestCommands(t *testing.T) {
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, name := range cases {
		path, err := filepath.Abs(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) { testCommand(t, path) })
	}
}

func testCommand(t *testing.T, path string) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	in := ""
	if len(archive.Files) > 0 && archive.Files[0].Name == "in" {
		in = string(archive.Files[0].Data)
	}
	status, out, errs, asked := gatepost(t, in, arguments(string(archive.Comment))...)
	got := txtar.Archive{Comment: archive.Comment}
	for _, f := range []txtar.File{
		{Name: "in", Data: []byte(in)},
		{Name: "asked", Data: []byte(strings.Join(asked, "\n"))},
		{Name: "out", Data: []byte(out)},
		{Name: "errs", Data: []byte(errs)},
		{Name: "status", Data: []byte{byte('0' + status)}},
	} {
		if len(f.Data) > 0 {
			got.Files = append(got.Files, f)
		}
	}
	if *update {
		if err := os.WriteFile(path, txtar.Format(&got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if g, w := string(txtar.Format(&got)), string(txtar.Format(archive)); g != w {
		t.Errorf("got\n%s\nwant\n%s", g, w)
	}
}

// arguments parts a command line at blanks; quotes keep some together.
func arguments(line string) []string {
	args := []string{}
	for i, part := range strings.Split(strings.TrimSpace(line), `"`) {
		if i%2 == 1 {
			args = append(args, part)
			continue
		}
		args = append(args, strings.Fields(part)...)
	}
	return args
}

// TestHelp: every command explains itself with an example that it takes.
func TestHelp(t *testing.T) {
	root := (&program{now: time.Now, zone: time.UTC}).root()
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		if c.Short == "" || c.Example == "" {
			t.Errorf("%s: no help or no example", c.CommandPath())
		}
		for _, line := range strings.Split(c.Example, "\n") {
			_, line, _ = strings.Cut(line, "gatepost ")
			line, _, _ = strings.Cut(line, "<")
			takes(t, root, line)
		}
		seen := map[string]bool{}
		for _, sub := range c.Commands() {
			if seen[sub.Name()] {
				t.Errorf("%s: two commands of the name", sub.CommandPath())
			}
			seen[sub.Name()] = true
			if sub.IsAvailableCommand() && sub.Name() != "help" && sub.Name() != "completion" {
				visit(sub)
			}
		}
	}
	visit(root)
}

// TestAdminGuide: the commands of docs/admin.md are taken, too.
func TestAdminGuide(t *testing.T) {
	text, err := os.ReadFile("../../docs/admin.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for line := range strings.Lines(string(text)) {
		before, line, ok := strings.Cut(line, "gatepost ")
		before = strings.TrimSuffix(before, "bin/")
		if !ok || before != "    " && !strings.HasSuffix(before, "| ") { // in a sentence, or the name of something
			continue
		}
		line, _, _ = strings.Cut(line, "#")
		line, _, _ = strings.Cut(line, "<")
		takes(t, (&program{now: time.Now, zone: time.UTC}).root(), line)
		found++
	}
	if found < 20 {
		t.Errorf("found %d commands", found)
	}
}

// takes checks that a command line is one that root takes.
func takes(t *testing.T, root *cobra.Command, line string) {
	t.Helper()
	found, rest, err := root.Find(arguments(line))
	if err == nil {
		err = found.ParseFlags(rest)
	}
	if err == nil {
		err = found.ValidateArgs(found.Flags().Args())
	}
	if err != nil || found.HasSubCommands() && found.Flags().NArg() > 0 {
		t.Errorf("example %q of %s: %v", line, found.CommandPath(), err)
	}
}

// TestMoment reads times as people write them.
func TestMoment(t *testing.T) {
	now := at(30)
	cases := []struct {
		in   string
		want time.Time
	}{
		{"36h", now.Add(-36 * time.Hour)},
		{"7d", now.AddDate(0, 0, -7)},
		{"2026-11-01T10:00:00Z", time.Date(2026, 11, 1, 10, 0, 0, 0, time.UTC)},
		{"2026-11-01", time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)},
		{"2026-11-01 10:30", time.Date(2026, 11, 1, 10, 30, 0, 0, time.UTC)},
		{"9:00", time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)},
		{"23:59", time.Date(2026, 11, 21, 23, 59, 0, 0, time.UTC)},
		{"25:00", time.Time{}},
		{"yesterday", time.Time{}},
		{"", time.Time{}},
	}
	for _, c := range cases {
		t.Run(c.in, func(t *testing.T) {
			var got time.Time
			err := moment{&got, func() time.Time { return now }, time.UTC}.Set(c.in)
			if !got.Equal(c.want) || (err != nil) != c.want.IsZero() {
				t.Errorf("got %v, %v; want %v", got, err, c.want)
			}
		})
	}
}
