package sieve

import (
	"fmt"
	"slices"
	"strings"

	"gatepost/internal/mail"
)

// Editheader (RFC 5293): what later tests and actions see of the header is what the script has
// made of it. The message itself stays as it came.

// edited is a header as the script left it.
type edited struct {
	Fields  []mail.Field
	changed bool
}

// maxAdded bounds what scripts add to a header, in octets.
const maxAdded = 64 << 10

func (e *edited) named(name string) (list []mail.Field) {
	for _, f := range e.Fields {
		if strings.EqualFold(f.Name, name) {
			list = append(list, f)
		}
	}
	return list
}

// texts returns the values of a field as a person reads them.
func (e *edited) texts(name string) []string {
	h := mail.Header{Fields: e.named(name)}
	return h.Texts(name)
}

func (e *edited) values(name string) []string {
	h := mail.Header{Fields: e.named(name)}
	return h.All(name)
}

// octets returns the whole header with its empty line, nil where it is as it came.
func (e *edited) octets() (b []byte) {
	if !e.changed {
		return nil
	}
	for _, f := range e.Fields {
		b = append(b, f.Raw...)
	}
	return append(b, "\r\n"...)
}

func editCommands() map[string]commandSpec {
	needs := []string{"editheader"}
	return map[string]commandSpec{
		"addheader": {signature{needs: needs, args: "ss", tags: []tagSpec{{name: ":last"}}}, makeAddHeader},
		"deleteheader": {signature{needs: needs, args: "s?S",
			tags: matchTags(tagSpec{name: ":index", takes: 'n'}, tagSpec{name: ":last"})}, makeDeleteHeader},
	}
}

// fieldName checks the name of a header field (RFC 5322 §2.2).
func fieldName(s string) error {
	if s == "" || len(s) > 70 || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == ':' }) {
		return fmt.Errorf("%s is no name of a header field", quote(s))
	}
	return nil
}

// checkNames refuses what can't be the name of a field, where a script writes it out.
func (c *compiler) checkNames(v value) {
	for _, t := range v.strings {
		if s, ok := t.literal(); ok {
			if err := fieldName(s); err != nil {
				c.fail(v.at, "%v", err)
			}
		}
	}
}

// protected fields tell how a message came, and stay (RFC 5293 §6). By Delivered-To a loop is found
// between mailboxes here, where no server adds a Received.
func protected(name string) bool {
	return slices.ContainsFunc([]string{"Received", "Auto-Submitted", "Delivered-To"}, func(s string) bool { return strings.EqualFold(name, s) })
}

func makeAddHeader(c *compiler, a *call) op {
	c.checkNames(a.args[0])
	return func(r *run) error {
		both, err := expandAll(r, []template{a.args[0].strings[0], a.args[1].strings[0]})
		if err != nil {
			return err
		}
		if err := fieldName(both[0]); err != nil {
			return err
		}
		f := mail.Field{Name: both[0], Raw: mail.AppendField(nil, both[0], strings.Trim(both[1], " \t\r\n"))}
		if r.memory += len(f.Raw); len(f.Raw) > maxAdded || r.memory > r.limits.Memory {
			return fmt.Errorf("the header would become too long")
		}
		if err := r.spend(32 * len(r.header.Fields)); err != nil { // they are copied
			return err
		}
		fields := slices.Clip(r.header.Fields)
		if a.has(":last") {
			fields = append(fields, f)
		} else {
			fields = append([]mail.Field{f}, fields...)
		}
		r.header = &edited{fields, true}
		return nil
	}
}

func makeDeleteHeader(c *compiler, a *call) op {
	c.checkNames(a.args[0])
	if a.has(":last") && !a.has(":index") {
		c.fail(a.at, ":last works only beside :index")
	}
	var m *matcher
	if len(a.args) == 2 {
		m = c.matcher(a, a.args[1])
	} else if a.one(":is", ":contains", ":matches", ":regex", ":count", ":value") != "" {
		c.fail(a.at, "deleteheader has a match type, and nothing to match")
	}
	return func(r *run) error {
		name, err := a.args[0].strings[0].expand(r)
		if err != nil {
			return err
		}
		if err := fieldName(name); err != nil || protected(name) {
			return err
		}
		if err := r.spend(32 * len(r.header.Fields)); err != nil {
			return err
		}
		var kept []mail.Field
		all, n := len(r.header.named(name)), 0
		for _, f := range r.header.Fields {
			goes := strings.EqualFold(f.Name, name)
			if goes {
				n++
				goes = a.indexFits(n, all)
			}
			if goes && m != nil {
				if goes, err = m.any(r, (&edited{Fields: []mail.Field{f}}).texts(name)); err != nil {
					return err
				}
			}
			if !goes {
				kept = append(kept, f)
			}
		}
		if len(kept) < len(r.header.Fields) {
			r.header = &edited{kept, true}
		}
		return nil
	}
}

// indexFits reports whether :index, with :last, is about the nth of so many (RFC 5260 §6).
func (a *call) indexFits(n, of int) bool {
	v, ok := a.tags[":index"]
	switch {
	case !ok:
		return true
	case a.has(":last"):
		return uint64(of-n+1) == v.number
	}
	return uint64(n) == v.number
}
