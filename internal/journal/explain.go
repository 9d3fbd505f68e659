package journal

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"gatepost/internal/mail"
)

// width is how far the lines of an explanation reach.
const width = 96

// Explain writes r for a person to read: who came, what he was answered, and for
// each recipient every entry in order: what it saw, what followed, what it cost,
// and which one decided. What strangers wrote can't move the terminal's cursor.
func Explain(w io.Writer, r *Record) error {
	e := explainer{bufio.NewWriter(w)}
	e.envelope(r)
	for i := range r.Walks {
		e.walk(&r.Walks[i])
	}
	if err := e.w.Flush(); err != nil {
		return fmt.Errorf("journal: explain %s: %w", r.ID, err)
	}
	return nil
}

// An explainer's writer keeps its first error for the end.
type explainer struct{ w *bufio.Writer }

func (e explainer) printf(format string, args ...any) { fmt.Fprintf(e.w, format, args...) }

func (e explainer) envelope(r *Record) {
	e.line(cmp.Or(plain(r.ID), "message") + "  " + stamp(r.Time))
	client := cmp.Or(r.Client, "unknown")
	e.field("client", client+prefixed(" as ", r.Helo)+", "+cmp.Or(r.TLS, "in clear")+prefixed(", logged in as ", string(r.Login)))
	e.field("from", angle(r.ReversePath))
	e.field("subject", r.Subject)
	e.field("message-id", r.MessageID)
	if r.Size > 0 {
		e.field("size", fmt.Sprintf("%d octets", r.Size))
	}
	e.field("answered", r.Reply)
	e.field("state", r.State)
	if r.Skipped > 0 {
		e.field("note", fmt.Sprintf("%d refused transactions before this one were not recorded: too many came", r.Skipped))
	}
}

// field prints what is there, in lines of a width.
func (e explainer) field(name, value string) {
	if value != "" {
		e.wrap(fmt.Sprintf("  %-12s", name), strings.Repeat(" ", 14), value)
	}
}

func (e explainer) walk(w *Walk) {
	who := "To " + angle(w.Recipient)
	if w.Recipient.IsNull() {
		who = "At the gate"
	}
	e.printf("\n%s%s%s\n", plain(who), plain(prefixed(", by policy ", w.Policy)), word(w.Shadow, " (shadow: nothing follows)"))
	names, results := 5, 6
	for _, s := range w.Steps {
		names, results = max(names, length(s.Entry)), max(results, length(s.Result))
	}
	names, results = min(names, 24), min(results, 16)
	for i := range w.Steps {
		e.step(i+1, &w.Steps[i], names, results)
	}
	if len(w.Steps) == 0 {
		e.printf("  no filter was asked\n")
	}
	e.decision(w)
}

// step is a line of columns, then what was seen.
func (e explainer) step(n int, s *Step, names, results int) {
	points := ""
	if s.Points != 0 {
		points = fmt.Sprintf("%+.2f", s.Points)
	}
	effect := ""
	if s.Effect != "" && s.Effect != "none" {
		effect = "-> " + plain(s.Effect)
	}
	e.line(fmt.Sprintf("  %2d. %s  %s  %8s  %9s  %s%s", n, pad(plain(s.Entry), names), pad(plain(s.Result), results),
		points, micros(s.Micros), effect, word(s.Shadow, " (shadow)")))
	if s.Reason != "" {
		e.wrap("      ", "      ", s.Reason)
	}
}

func (e explainer) decision(w *Walk) {
	d := &w.Decision
	e.wrap("  => ", "     ", verdict(w)+scores(w)+prefixed(": ", d.Reason))
	if w.State != "" {
		e.wrap("     ", "     ", w.State)
	}
}

// verdict says what became of the recipient, and who decided it.
func verdict(w *Walk) string {
	d := &w.Decision
	action := d.Action
	if action == "none" {
		action = ""
	}
	end := cmp.Or(w.Outcome, action)
	if w.Outcome != "" && action != "" {
		end += " (" + action + ")"
	}
	if end != "" {
		end += ", "
	}
	switch d.Entry {
	case "":
		return end + "nothing spoke against it"
	case "score":
		return end + "by the sum of points"
	}
	return end + "decided by " + d.Entry
}

func scores(w *Walk) string {
	switch {
	case w.Required != 0:
		return fmt.Sprintf("; score %.2f of %.2f", w.Score, w.Required)
	case w.Score != 0:
		return fmt.Sprintf("; score %.2f", w.Score)
	}
	return ""
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

func (e explainer) line(s string) { e.printf("%s\n", strings.TrimRight(s, " ")) }

// wrap prints text in lines that begin with first, then with others.
func (e explainer) wrap(first, others, text string) {
	b := first
	empty := true
	for _, w := range strings.Fields(plain(text)) {
		if !empty && length(b)+1+length(w) > width {
			e.line(b)
			b, empty = others, true
		}
		if !empty {
			b += " "
		}
		b += w
		empty = false
	}
	e.line(b)
}

// micros prints a duration in the unit that a person would take.
func micros(us int64) string {
	d := time.Duration(us) * time.Microsecond
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%d us", us)
	case d < time.Second:
		return fmt.Sprintf("%.1f ms", d.Seconds()*1e3)
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05.000 UTC")
}

func angle(p mail.Path) string { return "<" + string(p) + ">" }

func word(on bool, s string) string {
	if on {
		return s
	}
	return ""
}

func length(s string) int { return utf8.RuneCountInString(s) }

func pad(s string, n int) string { return s + strings.Repeat(" ", max(0, n-length(s))) }

// plain replaces what a terminal would obey (escapes, bells, changes of
// direction) and what is not UTF-8.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t':
			return ' '
		case r == utf8.RuneError, !unicode.IsPrint(r):
			return '\ufffd'
		}
		return r
	}, s)
}
