package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"gatepost/internal/control/ops"
)

func (p *program) privacy() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "privacy",
		Short: "What is known of a person, and erasing it",
		Long: `Answers what people may ask (Articles 15 and 17 of the GDPR): what this system knows of an
address, a stranger's or a mailbox's, and to forget it.`,
		Example: `  gatepost privacy export bob@example.net --file bob.json
  gatepost privacy erase bob@example.net`,
	})
	c.AddCommand(p.privacyExport(), p.privacyErase(), p.privacyLog())
	return c
}

func (p *program) privacyExport() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "export ADDRESS [--file FILE]",
		Short: "Write what is known of an address, as JSON",
		Long: `Writes what is known of an address: what the journal has of its mail, what is held, lists, trust,
complaints, lessons, and of a mailbox here its settings, log-ins, rules and lists. A mailbox's mail is
written by: gatepost mailbox export. Nothing in it tells of others but with whom the address had to do. It is noted
that this was asked for: see privacy log.`,
		Example: `  gatepost privacy export bob@example.net --file bob.json`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			out := p.out
			if file != "" {
				f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
				if err != nil {
					return fmt.Errorf("export: %w", err)
				}
				defer func() {
					if closed := f.Close(); err == nil {
						err = closed
					}
				}()
				out = f
			}
			return p.exportPerson(cmd, args[0], out)
		},
	}
	c.Flags().StringVar(&file, "file", "", "write into this `file`, which is made, for its owner alone (default: standard output)")
	return c
}

func (p *program) exportPerson(cmd *cobra.Command, address string, out io.Writer) error {
	w := bufio.NewWriter(out)
	e := partEncoder{w: w}
	r := ops.PrivacyExport{Address: address}
	for {
		var page ops.PrivacyPage
		if err := p.do(cmd.Context(), r, &page); err != nil {
			return err
		}
		if r.Next == nil {
			e.head(page, p.now())
		}
		for _, part := range page.Parts {
			e.part(part)
		}
		if r.Next = page.Next; r.Next == nil {
			e.end()
			return w.Flush()
		}
	}
}

// A partEncoder writes parts as they come, of which one may come in several pieces. Its writer keeps the first error.
type partEncoder struct {
	w     *bufio.Writer
	open  *ops.PrivacyPart
	count int
	rows  int
	parts int
}

func (e *partEncoder) value(v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // it came as JSON
	}
	e.w.Write(b)
}

func (e *partEncoder) head(page ops.PrivacyPage, now time.Time) {
	fmt.Fprint(e.w, "{\n\"address\": ")
	e.value(page.Address)
	fmt.Fprint(e.w, ",\n\"made\": ")
	e.value(now.UTC().Truncate(time.Second))
	if len(page.Related) > 0 {
		fmt.Fprint(e.w, ",\n\"further_addresses\": ")
		e.value(page.Related)
	}
	fmt.Fprint(e.w, ",\n\"notes\": ")
	e.value(page.Notes)
	fmt.Fprint(e.w, ",\n\"parts\": [")
}

func (e *partEncoder) part(p ops.PrivacyPart) {
	if e.open == nil || e.open.Table != p.Table || e.open.About != p.About {
		e.close()
		if e.parts++; e.parts > 1 {
			fmt.Fprint(e.w, ",")
		}
		fmt.Fprint(e.w, "\n{\"about\": ")
		e.value(p.About)
		fmt.Fprint(e.w, ", \"table\": ")
		e.value(p.Table)
		fmt.Fprint(e.w, ", \"rows\": [")
		e.open, e.count, e.rows = &p, 0, 0
	}
	e.count += p.Count
	for _, row := range p.Rows {
		if e.rows++; e.rows > 1 {
			fmt.Fprint(e.w, ",")
		}
		fmt.Fprint(e.w, "\n  ")
		e.value(row)
	}
}

func (e *partEncoder) close() {
	if e.open != nil {
		fmt.Fprintf(e.w, "], \"count\": %d}", e.count)
		e.open = nil
	}
}

func (e *partEncoder) end() {
	e.close()
	fmt.Fprint(e.w, "\n]\n}\n")
}

func (p *program) privacyErase() *cobra.Command {
	r := ops.PrivacyErase{}
	c := &cobra.Command{
		Use:   "erase ADDRESS [--confirm]",
		Short: "Erase what is known of an address",
		Long: `Says what of an address would be erased, and what is kept and why; with --confirm it is erased. Lines
of the journal lose who sent and what, and stay as numbers; the evidence behind them goes. Messages that are held
from the address or for it are deleted. Mail in mailboxes and archives stays, and what is on its way. An address that
is a mailbox, an alias or a log-in here has to be removed first. It goes in small steps while the node works, and
can be broken off and begun again.`,
		Example: `  gatepost privacy erase bob@example.net
  gatepost privacy erase bob@example.net --confirm`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Address = args[0]
			return p.erasePerson(cmd, r)
		},
	}
	c.Flags().BoolVar(&r.Confirm, "confirm", false, "erase it, for good")
	c.Flags().BoolVar(&r.Choices, "choices", false, "remove the address from lists, too, into which somebody here or an operator put it")
	return c
}

func (p *program) erasePerson(cmd *cobra.Command, r ops.PrivacyErase) error {
	whole := ops.PrivacyPage{Parts: []ops.PrivacyPart{}}
	for {
		var page ops.PrivacyPage
		if err := p.do(cmd.Context(), r, &page); err != nil {
			return err
		}
		if r.Next == nil {
			whole.Address, whole.Notes, whole.Related = page.Address, page.Notes, page.Related
		}
		for _, part := range page.Parts {
			if n := len(whole.Parts); n > 0 && whole.Parts[n-1].Table == part.Table && whole.Parts[n-1].About == part.About {
				whole.Parts[n-1].Count += part.Count
				continue
			}
			whole.Parts = append(whole.Parts, part)
		}
		if r.Next = page.Next; r.Next == nil {
			whole.Pending = page.Pending
			return p.print(whole, func() { p.erased(whole, r.Confirm) })
		}
	}
}

// erased tells what became of what was known, or would.
func (p *program) erased(page ops.PrivacyPage, confirmed bool) {
	if len(page.Parts) == 0 {
		p.say("nothing is known of %s", printable(page.Address))
	} else {
		head := "WOULD BE"
		if confirmed {
			head = "IS"
		}
		t := p.table(head, "ROWS", "WHAT")
		for _, part := range page.Parts {
			t.row(part.Fate, part.Count, part.About)
		}
		t.flush()
	}
	reasons := map[string]bool{}
	for _, part := range page.Parts {
		if part.Why != "" && !reasons[part.Why] {
			reasons[part.Why] = true
			p.say("\n%s", wrap("Kept: "+printable(part.About)+": "+part.Why+"."))
		}
	}
	for _, also := range page.Related {
		p.say("\nfurther address: %s", printable(also))
	}
	p.say("")
	for _, note := range page.Notes {
		p.say("%s", wrap(printable(note)))
	}
	if page.Pending > 0 {
		p.say("\n%s", wrap(fmt.Sprintf("%d pieces of evidence are erased within the hour: other nodes have them, or a backup is reading them.", page.Pending)))
	}
	if !confirmed {
		p.say("\nNothing was erased. To erase: gatepost privacy erase %s --confirm", printable(page.Address))
	}
}

func (p *program) privacyLog() *cobra.Command {
	var r ops.PrivacyLog
	c := &cobra.Command{
		Use:   "log [ADDRESS]",
		Short: "List what was exported and erased",
		Long: `Lists who exported or erased what is known of a person, the newest first. The person is not in it,
only a number made of the address by a secret key: who has the address can ask whether it was done.`,
		Example: `  gatepost privacy log bob@example.net`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				r.Address = args[0]
			}
			head := []string{"TIME", "BY", "WHAT", "ROWS", "ENDED", "SUBJECT"}
			return askList(p, cmd, r, listing[ops.PrivacyAct]{"nothing was exported or erased", head, func(a ops.PrivacyAct) []any {
				ended := time.Time{}
				if a.Ended != nil {
					ended = *a.Ended
				}
				return []any{a.Time, a.Who, a.What, a.Found, ended, a.Subject[:min(16, len(a.Subject))]}
			}})
		},
	}
	c.Flags().IntVar(&r.Limit, "limit", 0, "at most so `many`")
	return c
}
