package rulebook

import (
	"slices"
	"strings"

	"gatepost/mailbox/sieve"
)

// A cutter cuts a script into its commands, each with what stands before it.
type cutter struct {
	script   string
	comments []sieve.Span
	at       int // octets that were cut off
}

// cut takes what stands before a command, the command, and a comment that begins behind it on its line.
func (c *cutter) cut(s sieve.Span) (lead, command, after string) {
	lead, command = c.script[c.at:s.From], c.script[s.From:s.To]
	c.at = s.To
	if next, ok := c.comment(s.To); ok && c.script[next.From] == '#' && strings.Trim(c.script[s.To:next.From], " \t") == "" {
		after = strings.TrimSuffix(c.script[s.To:next.To], "\r")
		c.at = s.To + len(after)
	}
	return lead, command, after
}

// comment finds the first that begins at an octet, or behind it.
func (c *cutter) comment(from int) (sieve.Span, bool) {
	at, _ := slices.BinarySearchFunc(c.comments, from, func(s sieve.Span, from int) int { return s.From - from })
	if at == len(c.comments) {
		return sieve.Span{}, false
	}
	return c.comments[at], true
}

// within reports whether a comment stands in a part of the script.
func (c *cutter) within(s sieve.Span) bool {
	next, ok := c.comment(s.From)
	return ok && next.From < s.To
}

// item makes one of a command, with its elsifs and its else.
func (c *cutter) item(d reader, nodes []sieve.Node) Item {
	span := sieve.Span{From: nodes[0].Span.From, To: nodes[len(nodes)-1].Span.To}
	commented := c.within(span)
	i := Item{spam: anyIn(nodes, "spamtest")}
	i.lead, i.own, i.after = c.cut(span)
	i.Text = strings.TrimSpace(i.lead + i.own + i.after)
	if commented || len(nodes) > 1 {
		return i
	}
	if rule, ok := d.rule(nodes[0]); ok {
		name, lead := named(i.lead)
		rule.Name = name
		i.Rule, i.own, i.lead = &rule, i.lead[len(lead):]+i.own, lead
	}
	return i
}

// named cuts the name of a rule off what stands before it. Where there is none, lead is all of it.
func named(before string) (name, lead string) {
	text := strings.TrimRight(before, " \t\r\n")
	line := strings.LastIndexByte(text, '\n') + 1
	rest, ok := strings.CutPrefix(strings.TrimLeft(text[line:], " \t"), nameMark)
	name, end := strings.CutSuffix(rest, "]")
	if !ok || !end || text == before || (Rule{Name: name, Match: Always, Stop: true}).check() != nil || strings.TrimSpace(name) != name {
		return "", before
	}
	return name, before[:line]
}

// anyIn reports whether a command or test of that name is among nodes, or in them.
func anyIn(nodes []sieve.Node, name string) bool {
	return slices.ContainsFunc(nodes, func(n sieve.Node) bool { return n.Name == name || anyIn(n.Tests, name) || anyIn(n.Block, name) })
}

// A head is the require commands of a script, with all that stands before and between.
type head struct {
	text  string
	after string // a comment behind them, on their last line
	all   []string
	last  []string // what the last of them requires
	at    int      // where in text it stands
	fixed bool     // it is not written anew: a comment is in it
}

// add reads one more require command.
func (h *head) add(c *cutter, n sieve.Node) {
	h.fixed, h.last = c.within(n.Span), nil
	for _, a := range n.Args {
		h.last = append(h.last, a.Strings...)
	}
	lead, command, after := c.cut(n.Span)
	h.text += h.after + lead
	h.at, h.after = len(h.text), after
	h.text += command
	h.all = append(h.all, h.last...)
}

func (h *head) has(capability string) bool {
	return slices.Contains(h.all, capability) || capability == "spamtest" && slices.Contains(h.all, "spamtestplus")
}

// written returns the head with what is needed beside it. Where the last rule that asked for the spam score is gone,
// nothing requires it any more: a script that does is run on mail that goes to Junk, too.
func (h *head) written(needs []string, unspam bool, eol string) (text, after string) {
	slices.Sort(needs)
	needs = slices.DeleteFunc(slices.Compact(needs), h.has)
	list := slices.Clone(h.last)
	if unspam {
		list = slices.DeleteFunc(list, func(s string) bool { return s == "spamtest" || s == "spamtestplus" })
	}
	switch anew := h.text != "" && !h.fixed; {
	case len(needs) == 0 && (!anew || len(list) == len(h.last)):
		return h.text, h.after
	case anew && len(list)+len(needs) == 0:
		return h.text[:h.at], strings.TrimLeft(h.after, " \t")
	case anew:
		return h.text[:h.at] + "require " + quoted(append(list, needs...)) + ";", h.after
	case h.text == "":
		return "require " + quoted(needs) + ";" + eol, ""
	}
	return h.text + h.after + eol + "require " + quoted(needs) + ";", ""
}
