package sieve

import (
	"slices"
	"strings"
)

// imap4flags (RFC 5232): flags that actions give the message, in a variable of the script or in the
// internal one.

func flagCommands() map[string]commandSpec {
	s := signature{needs: []string{"imap4flags"}, args: "S?S"}
	of := func(change func(old, more []string) []string) commandSpec {
		return commandSpec{s, func(c *compiler, a *call) op { return c.changeFlags(a, change) }}
	}
	return map[string]commandSpec{
		"setflag":    of(func(_, more []string) []string { return merge(nil, more) }),
		"addflag":    of(merge),
		"removeflag": of(without),
	}
}

func (c *compiler) changeFlags(a *call, change func(old, more []string) []string) op {
	name, list := c.flagVariable(a, len(a.args) == 2)
	return func(r *run) error {
		more, err := expandAll(r, list)
		if err != nil {
			return err
		}
		if name == "" {
			r.flags = change(r.flags, split(more))
			return nil
		}
		return r.set(name, strings.Join(change(split([]string{r.variable(name)}), split(more)), " "))
	}
}

// flagVariable returns the variable that a call names before its flags, if any.
func (c *compiler) flagVariable(a *call, named bool) (name string, list []template) {
	if !named {
		return "", a.args[0].strings
	}
	c.need(a.at, "a variable of flags", "variables")
	if len(a.args[0].strings) != 1 {
		c.fail(a.at, "%s takes one variable", a.name)
		return "", nil
	}
	return c.setName(a.args[0], a.name), a.args[1].strings
}

// maxFlags bounds the flags of a message.
const maxFlags = 50

// split cuts strings of flags at spaces, and leaves out what is no flag (RFC 9051 §9, flag).
func split(list []string) (flags []string) {
	for _, s := range list {
		for _, f := range strings.Fields(s) {
			if isFlag(f) {
				flags = append(flags, f)
			}
		}
	}
	return flags
}

func isFlag(s string) bool {
	if s[0] == '\\' {
		return slices.ContainsFunc([]string{`\Answered`, `\Flagged`, `\Deleted`, `\Seen`, `\Draft`}, func(f string) bool { return strings.EqualFold(f, s) })
	}
	return len(s) <= 100 && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`(){%*"\]`, r) })
}

func holds(list []string, flag string) bool {
	return slices.ContainsFunc(list, func(f string) bool { return strings.EqualFold(f, flag) })
}

// merge adds flags that are not there yet.
func merge(old, more []string) []string {
	out := slices.Clone(old)
	for _, f := range more {
		if !holds(out, f) && len(out) < maxFlags {
			out = append(out, f)
		}
	}
	return out
}

func without(old, less []string) (out []string) {
	for _, f := range old {
		if !holds(less, f) {
			out = append(out, f)
		}
	}
	return out
}

// makeHasFlag: RFC 5232 §4.
func makeHasFlag(c *compiler, a *call) test {
	var names []string
	if len(a.args) == 2 {
		c.need(a.at, "a variable of flags", "variables")
		for i := range a.args[0].strings {
			names = append(names, c.setName(value{at: a.args[0].at, strings: a.args[0].strings[i : i+1]}, a.name))
		}
	}
	m := c.matcher(a, a.args[len(a.args)-1])
	return func(r *run) (bool, error) {
		flags := r.flags
		if len(names) > 0 {
			flags = nil
			for _, n := range names {
				flags = append(flags, split([]string{r.variable(n)})...)
			}
		}
		keys := m
		if m.kind == ":is" || m.kind == ":contains" || m.kind == ":matches" { // keys are lists of flags, too
			list, err := expandAll(r, m.keys)
			if err != nil {
				return false, err
			}
			one := *m
			one.keys = nil
			for _, s := range list {
				for _, f := range strings.Fields(s) {
					one.keys = append(one.keys, template{{text: f, match: -1}})
				}
			}
			keys = &one
		}
		return keys.any(r, flags)
	}
}
