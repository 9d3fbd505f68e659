package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"gatepost/internal/control/ops"
)

// maxExplained bounds a message to explain, in bytes: what fits into a request.
const maxExplained = 64 << 20

func (p *program) explain() *cobra.Command {
	var r ops.Explain
	c := &cobra.Command{
		Use:   "explain FILE.eml --client IP --helo NAME --from ADDRESS --to ADDRESS",
		Short: "Tell what would become of a message, and why",
		Long: `Walks the message through the pipeline as if the client had sent it now, and tells
each step; nothing is delivered, learnt or kept. FILE may be - for standard input. With --login the client has
logged in to that mailbox and sends by submission: the gate and what judges strangers do not ask, and recipients
may be anywhere.`,
		Example: `  gatepost explain spam.eml --client 192.0.2.7 --helo mail.example.net --from a@example.net --to ann@example.org`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			raw, err := p.readMessage(args[0])
			if err != nil {
				return err
			}
			r.Message = raw
			var e ops.Explanation
			if err := p.do(cmd.Context(), r, &e); err != nil {
				return err
			}
			p.warn(p.others(e.Policies))
			return p.print(e, func() { p.showExplanation(e) })
		},
	}
	f := c.Flags()
	f.StringVar(&r.Client, "client", "", "`IP` address of the client")
	f.StringVar(&r.Helo, "helo", "", "`name` that the client gives in HELO")
	f.StringVar(&r.From, "from", "", "reverse-path, the `address` in MAIL FROM; empty is the null reverse-path")
	f.StringArrayVar(&r.To, "to", nil, "`address` of a recipient; repeatable")
	f.StringVar(&r.Login, "login", "", "the mailbox (`address`) that the client has logged in to")
	require(c, "client", "to")
	return c
}

// readMessage reads a message file and brings it into the form of the wire: lines
// end in CRLF, and there is no "From " line of an mbox.
func (p *program) readMessage(path string) ([]byte, error) {
	in := p.in
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	return readWire(in, path)
}

// readWire reads a message of that name and brings it into the form of the wire.
func readWire(in io.Reader, name string) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(in, maxExplained+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if bytes.HasPrefix(raw, []byte("From ")) {
		_, raw, _ = bytes.Cut(raw, []byte("\n"))
	}
	raw = bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n"))
	raw = bytes.ReplaceAll(raw, []byte("\n"), []byte("\r\n"))
	if len(raw) > maxExplained {
		return nil, fmt.Errorf("%s is larger than %d bytes", name, maxExplained)
	}
	return raw, nil
}

// others tells of policies that were walked and are not those of the configuration that the
// command was given: a running node answers by its own.
func (p *program) others(walked string) []string {
	cfg, err := p.load()
	if err != nil || walked == "" || walked == cfg.PolicySum() {
		return nil
	}
	return []string{"a node is running, and walked the policies that it has loaded; those of the configuration given here differ"}
}

func (p *program) showExplanation(e ops.Explanation) {
	p.showWalks(e.Walks)
	p.say("reply: %s", printable(e.Reply))
}

// showWalks prints walks in words.
func (p *program) showWalks(walks []ops.Walk) {
	for _, w := range walks {
		if w.Recipient == "" && len(w.Steps) == 0 {
			continue // a gate without filters
		}
		p.say("%s", headline(w))
		t := p.table()
		t.wide = true
		for i, s := range w.Steps {
			t.row(fmt.Sprintf("  %d. %s", i+1, printable(s.Entry)), s.Result, effect(s), fmt.Sprintf("%.1f ms", float64(s.Micros)/1000), s.Reason)
		}
		t.flush()
		for i, s := range w.Steps {
			p.showFeatures(i+1, s)
		}
		p.say("  → %s\n", conclusion(w))
	}
}

// showFeatures tells what of a message weighed with a statistical filter, without which nobody could say why.
func (p *program) showFeatures(n int, s ops.Step) {
	var told []string
	for _, e := range s.Evidence {
		if e.Key == "feature" {
			told = append(told, printable(e.Value))
		}
	}
	if len(told) > 0 {
		p.say("  %d. weighed: %s", n, strings.Join(told, ", "))
	}
}

func headline(w ops.Walk) string {
	who := "recipient " + printable(w.Recipient)
	if w.Recipient == "" {
		who = "before any recipient"
	}
	if w.Shadow {
		who += ", in shadow (nothing follows)"
	}
	return fmt.Sprintf("%s, policy %s:", who, printable(w.Policy))
}

// effect says what followed from a step.
func effect(s ops.Step) string {
	text := s.Effect
	if s.Points != 0 {
		text = fmt.Sprintf("%+.4g points", s.Points)
	}
	if s.Shadow {
		text = "(" + text + ", in shadow)"
	}
	return text
}

// conclusion says how a walk ended, and why.
func conclusion(w ops.Walk) string {
	text := w.Outcome
	if text == "" {
		text = w.Action
	}
	if w.Entry == "" {
		return fmt.Sprintf("%s: nothing spoke against it (score %.4g)", printable(text), w.Score)
	}
	return printable(fmt.Sprintf("%s: %s by %s (score %.4g): %s", text, w.Action, w.Entry, w.Score, w.Reason))
}
