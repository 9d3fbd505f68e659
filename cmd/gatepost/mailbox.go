package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"gatepost/internal/config"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

func (p *program) mailbox() *cobra.Command {
	c := group(&cobra.Command{
		Use:     "mailbox",
		Short:   "Mailboxes that are kept on this node",
		Long:    "Adds, lists, shows, changes and removes mailboxes. A password is read from standard input, never from the command line.",
		Example: `  gatepost mailbox add ann@example.org --password-stdin < password`,
	})
	c.AddCommand(p.mailboxAdd(), p.mailboxList(), p.mailboxShow(), p.mailboxSet(), p.mailboxSenders(), p.mailboxRemove(), p.mailboxDeleted(), p.mailboxRecover(),
		p.mailboxReindex(), p.mailboxExport(), p.mailboxImport(), p.mailboxForward(), p.appPassword(), p.mailboxLogins(), p.mailboxRecovery(), p.mailboxReset(),
		p.resetFactor("a mailbox's owner", "ADDRESS", "gatepost mailbox reset-factor ann@example.org",
			func(address string) control.Request { return ops.MailboxResetFactor{Address: address} }))
	return c
}

func (p *program) mailboxAdd() *cobra.Command {
	var r ops.MailboxAdd
	var stdin bool
	c := &cobra.Command{
		Use:     "add ADDRESS --password-stdin",
		Short:   "Add a mailbox",
		Long:    "Adds a mailbox in a domain of this node. Without --password-stdin it takes mail, but nobody can log in until a password is set.",
		Example: `  echo "correct horse battery staple" | gatepost mailbox add ann@example.org --password-stdin`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			r.Address, r.Copies = args[0], given(r.Copies)
			if stdin {
				if r.Password, err = p.readPassword(); err != nil {
					return err
				}
			}
			return ask(p, cmd, r, p.showMailbox)
		},
	}
	passwordFlag(c, &stdin)
	c.Flags().StringVar(&r.Name, "name", "", "`name` of the person or group, for the address list")
	c.Flags().StringVar(&r.Language, "language", "", "`code` of the owner's language: en, fr")
	copyFlag(c, &r.Copies)
	return c
}

func copyFlag(c *cobra.Command, to *[]string) {
	c.Flags().StringArrayVar(to, "copy-to", nil, "copy its mail to this `address`, here or elsewhere (where no spam is sent); repeatable, empty is none")
}

func passwordFlag(c *cobra.Command, stdin *bool) {
	c.Flags().BoolVar(stdin, "password-stdin", false, "read the password, one line, from standard input")
}

// maxPassword bounds a password, in bytes.
const maxPassword = 1024

// readPassword reads one line. What it says never has the password in it.
func (p *program) readPassword() (string, error) {
	return passwordLine(p.in, "on standard input")
}

// passwordIn reads the first line of a file; "-" is standard input.
func (p *program) passwordIn(file string) (string, error) {
	if file == "-" {
		return p.readPassword()
	}
	f, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	defer f.Close()
	return passwordLine(f, "in "+file)
}

func passwordLine(r io.Reader, where string) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, maxPassword+2)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password: %w", err)
	}
	line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
	switch {
	case line == "":
		return "", usage("the password %s is empty", where)
	case len(line) > maxPassword:
		return "", usage("the password is longer than %d bytes", maxPassword)
	}
	return line, nil
}

func (p *program) mailboxList() *cobra.Command {
	var r ops.MailboxList
	var page ops.Page
	c := &cobra.Command{
		Use:     "list [--domain NAME]",
		Short:   "List the mailboxes",
		Example: `  gatepost mailbox list --domain example.org`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			request := func(at ops.Page) control.Request {
				r.Page = at
				return r
			}
			id := func(m ops.Mailbox) string { return m.Address }
			head := []string{"MAILBOX", "STATE", "MESSAGES", "BYTES", "QUOTA", "FULL"}
			return askPages(p, cmd, page, search[ops.Mailbox]{request, id}, listing[ops.Mailbox]{"no mailboxes", head, func(m ops.Mailbox) []any {
				return []any{m.Address, m.State, m.Messages, m.Bytes, limitText(m.Quota, config.Size(m.Quota).String()), percentText(m)}
			}})
		},
	}
	c.Flags().StringVar(&r.Domain, "domain", "", "only those of this domain (`name`)")
	paging(c, &page)
	return c
}

func (p *program) mailboxShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show ADDRESS",
		Short:   "Show a mailbox",
		Example: `  gatepost mailbox show ann@example.org`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.MailboxShow{Address: args[0]}, p.showMailbox)
		},
	}
}

func (p *program) mailboxSet() *cobra.Command {
	var stdin bool
	var name, language, state, disposition, digest, lock, listed string
	var level int
	var copies, shut, pages []string
	var limits limitFlags
	c := &cobra.Command{
		Use:   "set ADDRESS",
		Short: "Change a mailbox",
		Long: "Changes what the flags name, and nothing else. The addresses of --copy-to stand instead of those that were there; --copy-to \"\" ends the copying. " +
			"--disposition and --level stand for what its owner wants: they count where the domain leaves that to owners.",
		Example: `  gatepost mailbox set ann@example.org --state suspended
  gatepost mailbox set ann@example.org --copy-to archive@example.org --copy-to ann@elsewhere.example
  gatepost mailbox set ann@example.org --disposition junk --level 3 --digest off
  gatepost mailbox set ann@example.org --lock on
  gatepost mailbox set ann@example.org --no-page forwards,password
  gatepost mailbox set ann@example.org --name "Ann Müller" --listed on
  gatepost mailbox set ann@example.org --quota 5GiB --quota-messages 100000`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f := cmd.Flags()
			r := ops.MailboxSet{Address: args[0], Name: changed(f, "name", &name), Language: changed(f, "language", &language), State: changed(f, "state", &state)}
			disposition = orDefault(disposition)
			r.Disposition, r.Level = changed(f, "disposition", &disposition), changed(f, "level", &level)
			var err error
			if r.Digest, err = onOff(f, "digest", digest); err == nil {
				r.Lock, err = onOff(f, "lock", lock)
			}
			if err == nil {
				r.Listed, err = onOff(f, "listed", listed)
			}
			if err != nil {
				return err
			}
			bounds, err := limits.given(f)
			if err != nil {
				return err
			}
			r.Quota, r.QuotaMessages, r.Inbound, r.InboundBytes = bounds.quota, bounds.messages, bounds.inbound, bounds.inboundBytes
			copies, shut, pages = given(copies), given(shut), given(pages)
			r.Copies, r.Shut, r.ShutPages = changed(f, "copy-to", &copies), changed(f, "shut", &shut), changed(f, "no-page", &pages)
			if stdin {
				password, err := p.readPassword()
				if err != nil {
					return err
				}
				r.Password = &password
			}
			if r == (ops.MailboxSet{Address: args[0]}) {
				return usage("nothing to change: give --password-stdin, --name, --listed, --language, --state, --copy-to, --disposition, --level, --digest, --lock, --quota, --quota-messages, --inbound, --inbound-bytes, --shut or --no-page")
			}
			return ask(p, cmd, r, p.showMailbox)
		},
	}
	passwordFlag(c, &stdin)
	c.Flags().StringVar(&name, "name", "", "`name` of the person or group, for the address list; empty is none")
	c.Flags().StringVar(&listed, "listed", "", "`on` or off: whether it stands in the address lists of its domain and its groups")
	c.Flags().StringVar(&language, "language", "", "`code` of the owner's language: en, fr")
	c.Flags().StringVar(&state, "state", "", "`active`, suspended (takes mail, no log-in) or closed (takes none, and is removed after keeping.closed)")
	shutFlag(c, &shut, "its owner")
	pagesFlag(c, &pages, "its owner")
	c.Flags().StringVar(&disposition, "disposition", "", "what is done with its spam: `quarantine`, junk, tag, or default for the domain's")
	c.Flags().IntVar(&level, "level", 0, "how strict the filters are, `1` (strict) to 7; 0 is the policy's own")
	c.Flags().StringVar(&digest, "digest", "", "`on` or off: whether its owner gets digests")
	c.Flags().StringVar(&lock, "lock", "", "`on` or off: whether what it has is closed to admins of its domain")
	copyFlag(c, &copies)
	limits.flags(c.Flags(), "it", "the domain's")
	return c
}

func shutFlag(c *cobra.Command, shut *[]string, whom string) {
	c.Flags().StringSliceVar(shut, "shut", nil, "`services` that are not open to "+whom+", with commas between: imap, pop3, sieve, submission, web; empty is none")
}

func pagesFlag(c *cobra.Command, pages *[]string, whom string) {
	c.Flags().StringSliceVar(pages, "no-page", nil, "`pages` that are shut to "+whom+", with commas between: forwards, rules, vacation (each shuts ManageSieve, too), password, anti-spam, shares; empty is none")
}

func (p *program) mailboxRemove() *cobra.Command {
	return &cobra.Command{
		Use:     "remove ADDRESS",
		Short:   "Remove a mailbox with all its mail",
		Long:    "Removes a mailbox with all its mail. `mailbox set --state closed` shuts one and keeps the mail.",
		Example: `  gatepost mailbox remove ann@example.org`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.MailboxRemove{Address: args[0]}, func(ops.Nothing) { p.say("removed %s", printable(args[0])) })
		},
	}
}

func (p *program) showMailbox(m ops.Mailbox) {
	p.record("mailbox", m.Address, "state", m.State, "copies", join(m.Copies), "language", m.Language, "disposition", m.Disposition, "level", m.Level,
		"digest", onOrOff(m.Digest), "lock", onOrOff(m.Locked), "messages", m.Messages, "bytes", m.Bytes,
		"quota", limitText(m.Quota, config.Size(m.Quota).String()), "quota messages", limitText(m.QuotaMessages, fmt.Sprint(m.QuotaMessages)), "full", percentText(m),
		"inbound", limitText(m.Inbound, fmt.Sprintf("%d an hour, %.0f in the last", m.Inbound, m.InboundNow)),
		"inbound bytes", limitText(m.InboundBytes, fmt.Sprintf("%s an hour, %d bytes in the last", config.Size(m.InboundBytes), m.InboundBytesNow)), "deleted bytes", m.Kept, "created", m.Created)
	if m.Name != "" {
		p.record("name", m.Name)
	}
	if m.Unlisted {
		p.record("address list", "hidden")
	}
	if len(m.Shut) > 0 {
		p.record("shut services", join(m.Shut))
	}
	if len(m.ShutPages) > 0 {
		p.record("shut pages", join(m.ShutPages))
	}
	if m.Restorable != nil {
		p.record("removed after", *m.Restorable)
	}
	p.warn(m.Warnings)
}
