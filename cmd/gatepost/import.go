package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gatepost/internal/config"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

func (p *program) imports() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "import",
		Short: "Whole accounts from another server",
		Long: `Brings whole accounts from another server into mailboxes: all folders with their subscriptions,
messages with flags, keywords and dates. What was brought is not brought twice, whatever is killed when. With --follow
it goes on until the mailbox is switched over: new messages, flags, and what was removed there.`,
		Example: `  gatepost import imap ann@example.org --server imap.old.example --user ann --password-file - --follow 10m
  gatepost import show ann@example.org
  gatepost import finish ann@example.org`,
	})
	c.AddCommand(p.importIMAP(), p.importRun(), p.importList(), p.importShow(), p.importFinish())
	return c
}

func (p *program) importIMAP() *cobra.Command {
	var r ops.ImportAdd
	var passwordFile, follow, accounts, master string
	var detach bool
	c := &cobra.Command{
		Use:   "imap ADDRESS --server HOST --user USER --password-file FILE | imap --accounts FILE --server HOST",
		Short: "Bring an account over IMAP",
		Long: `Brings an account over IMAP, and reports. Cut off, it is gone on with by the same command, or by the
server that runs. With --follow the server visits the account again after each interval, until import finish. The password is
read from a file or from standard input (-) and kept encrypted. With --accounts each line of a CSV file is an account: the mailbox
here, the user there, and his password, where --master-user does not read everybody's mail by --password-file (SASL PLAIN or
SCRAM with an authorization identity).`,
		Example: `  gatepost import imap ann@example.org --server imap.old.example --user ann --password-file -
  gatepost import imap --accounts example.org.csv --server imap.old.example --master-user admin --password-file /root/p --follow 30m`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if (accounts == "") == (len(args) == 0) || accounts != "" && r.User != "" {
				return usage("name a mailbox and --user, or --accounts and a file")
			}
			if follow != "" {
				if r.Follow, err = config.ParseDuration(follow); err != nil || r.Follow <= 0 {
					return usage("--follow %q: write a time such as 10m", follow)
				}
			}
			if passwordFile != "" {
				if r.Password, err = p.passwordIn(passwordFile); err != nil {
					return err
				}
			}
			if accounts != "" {
				return p.importAccounts(cmd, accounts, master, r)
			}
			if r.Address = args[0]; r.User == "" && master == "" || r.Password == "" {
				return usage("give --user and --password-file")
			}
			asMaster(&r, master)
			var added ops.Import
			if err := p.do(cmd.Context(), r, &added); err != nil {
				return err
			}
			if detach {
				return p.print(added, func() {
					p.say("the server imports into %s; see gatepost import show %s", printable(r.Address), printable(r.Address))
				})
			}
			return p.importAll(cmd, r.Address)
		},
	}
	f := c.Flags()
	f.StringVar(&r.Server, "server", "", "the other server, `host[:port]`")
	f.StringVar(&r.Security, "tls", "tls", "`how` the connection is made safe: tls, starttls, none, clear; see gatepost collector add")
	f.StringVar(&r.Fingerprint, "fingerprint", "", "take the one certificate with this SHA-256 (`hex`)")
	f.StringVar(&r.User, "user", "", "the log-in there (`name`)")
	f.StringVar(&passwordFile, "password-file", "", "a `file` with the password; - is standard input")
	f.StringVar(&master, "master-user", "", "log in as this `name`, who may read everybody's mail, for the user")
	f.StringVar(&accounts, "accounts", "", "a CSV `file`: mailbox, user, password")
	f.StringVar(&follow, "follow", "", "go on after each `interval`, until import finish")
	f.BoolVar(&detach, "detach", false, "leave it to the server that runs, and don't wait")
	require(c, "server")
	return c
}

// asMaster has a master user log in for the user.
func asMaster(r *ops.ImportAdd, master string) {
	if master != "" {
		r.For, r.User = r.User, master
	}
}

// importAll visits an account until all was brought, and prints the report.
func (p *program) importAll(cmd *cobra.Command, address string) error {
	for {
		var i ops.Import
		if err := p.do(cmd.Context(), ops.ImportRun{Address: address}, &i); err != nil {
			return err
		}
		if i.Fault == "" && !i.Complete {
			if !p.json {
				p.say("%d messages so far", i.Taken)
			}
			continue
		}
		if err := p.print(i, func() { p.showImport(i) }); err != nil || i.Fault == "" {
			return err
		}
		return errors.New("not all is brought: " + printable(i.Fault) + "; the same command goes on, and so does the server")
	}
}

// maxAccounts bounds the lines of a file of accounts.
const maxAccounts = 100_000

// importAccounts leaves the accounts of a file to the server. What is wrong with one line does not keep it from the others.
func (p *program) importAccounts(cmd *cobra.Command, file, master string, like ops.ImportAdd) error {
	in, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("accounts: %w", err)
	}
	defer in.Close()
	lines := csv.NewReader(io.LimitReader(in, 64<<20))
	lines.Comment, lines.FieldsPerRecord, lines.TrimLeadingSpace = '#', -1, true
	added, faults := 0, 0
	for n := 0; n < maxAccounts; n++ {
		fields, err := lines.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		at, _ := lines.FieldPos(0)
		if err == nil {
			err = p.importAccount(cmd, fields, master, like)
		}
		if err != nil {
			faults++
			fmt.Fprintf(p.errs, "gatepost: line %d: %v\n", at, err)
			continue
		}
		added++
	}
	p.say("%d accounts are imported by the server; see gatepost import list", added)
	if faults > 0 {
		return fmt.Errorf("%d lines are wrong; once they are mended the same command takes the whole file", faults)
	}
	return nil
}

func (p *program) importAccount(cmd *cobra.Command, fields []string, master string, like ops.ImportAdd) error {
	want := 3
	if like.Password != "" {
		want = 2
	}
	if len(fields) != want {
		return fmt.Errorf("%d fields, want %s", len(fields), strings.Join([]string{"mailbox", "user", "password"}[:want], ", "))
	}
	r := like
	r.Address, r.User = fields[0], fields[1]
	if want == 3 {
		r.Password = fields[2]
	}
	asMaster(&r, master)
	var i ops.Import
	return p.do(cmd.Context(), r, &i)
}

func (p *program) importRun() *cobra.Command {
	return &cobra.Command{
		Use:     "run ADDRESS",
		Short:   "Bring what is new now",
		Long:    "Visits the account now, until all that is there was brought, and reports.",
		Example: `  gatepost import run ann@example.org`,
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return p.importAll(cmd, args[0]) },
	}
}

func (p *program) importList() *cobra.Command {
	var page ops.Page
	c := &cobra.Command{
		Use:     "list",
		Short:   "List the imports",
		Long:    "Lists the accounts that are imported, with how far they are and what went wrong.",
		Example: `  gatepost import list`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			request := func(at ops.Page) control.Request { return ops.ImportList{Page: at} }
			head := []string{"MAILBOX", "SERVER", "USER", "STATE", "LAST", "TAKEN", "UNFIT", "FAULT"}
			return askPages(p, cmd, page, search[ops.Import]{request, func(i ops.Import) string { return i.Address }}, listing[ops.Import]{"nothing is imported", head, func(i ops.Import) []any {
				return []any{i.Address, i.Server, importUser(i), importState(i), sometime(i.Last), i.Taken, i.Left, i.Fault}
			}})
		},
	}
	paging(c, &page)
	return c
}

func importUser(i ops.Import) string {
	if i.For != "" {
		return i.For + " by " + i.User
	}
	return i.User
}

func importState(i ops.Import) string {
	switch {
	case i.Failures > 0:
		return fmt.Sprintf("failed %d times", i.Failures)
	case i.Last == nil:
		return "not visited"
	case !i.Complete:
		return "under way"
	case i.Follow:
		return "following each " + i.Interval.Round(time.Second).String()
	}
	return "complete"
}

func (p *program) importShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show ADDRESS",
		Short:   "Show the report of an import",
		Long:    "Shows what was brought, folder by folder, and which messages can't be taken, by their UID there.",
		Example: `  gatepost import show ann@example.org`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.ImportShow{Address: args[0]}, p.showImport)
		},
	}
}

func (p *program) importFinish() *cobra.Command {
	return &cobra.Command{
		Use:   "finish ADDRESS",
		Short: "End an import",
		Long: `Forgets the account, its password and what was brought from where, and shows the last report; the mail stays.
Bring what is new before that by import run. An import that is begun again after it brings all again.`,
		Example: `  gatepost import run ann@example.org
  gatepost import finish ann@example.org`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.ImportFinish{Address: args[0]}, p.showImport)
		},
	}
}

func (p *program) showImport(i ops.Import) {
	p.record("mailbox", i.Address, "server", i.Server, "user", importUser(i), "state", importState(i), "last visit", sometime(i.Last),
		"messages", i.Taken, "bytes", i.Size, "unfit", i.Left)
	if i.Fault != "" {
		p.record("fault", i.Fault)
	}
	if len(i.Folders) > 0 {
		p.say("")
		t := p.table("FOLDER THERE", "HERE", "TAKEN", "UNFIT", "FLAGS FOLLOWED", "REMOVED", "FAULT")
		for _, f := range i.Folders {
			t.row(f.Name, f.Target, f.Messages, f.Unfit, f.Changed, f.Removed, f.Fault)
		}
		t.flush()
	}
	if len(i.Unfit) > 0 {
		p.say("")
		t := p.table("NOT TAKEN: FOLDER", "UID", "BYTES", "WHY")
		for _, u := range i.Unfit {
			t.row(u.Folder, u.UID, u.Size, u.Why)
		}
		t.flush()
	}
}
