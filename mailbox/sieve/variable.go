package sieve

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Variables (RFC 5229) and what shares them with included scripts (RFC 6609).

func variableCommands() map[string]commandSpec {
	needs := []string{"variables"}
	return map[string]commandSpec{
		"set": {signature{needs: needs, args: "ss", tags: []tagSpec{
			{name: ":lower", group: "case"}, {name: ":upper", group: "case"}, {name: ":lowerfirst", group: "first"}, {name: ":upperfirst", group: "first"},
			{name: ":quotewildcard", group: "quote"}, {name: ":quoteregex", needs: "regex", group: "quote"}, {name: ":length"}}}, makeSet},
		"global": {signature{needs: []string{"include"}, args: "S"}, makeGlobal},
	}
}

// setName reads the name of a variable that is to be set, which is written out.
func (c *compiler) setName(v value, of string) string {
	s, ok := v.strings[0].literal()
	if !ok || !reference.MatchString("${"+s+"}") || s != "" && '0' <= s[0] && s[0] <= '9' {
		c.fail(v.at, "%s: %s can't be the name of a variable", of, quote(s))
		return ""
	}
	return c.variableName(s, v.at)
}

func makeSet(c *compiler, a *call) op {
	name := c.setName(a.args[0], "set")
	return func(r *run) error {
		s, err := a.args[1].strings[0].expand(r)
		if err != nil {
			return err
		}
		return r.set(name, a.modified(s))
	}
}

// modified applies the modifiers in their order (RFC 5229 §4.1).
func (a *call) modified(s string) string {
	switch a.one(":lower", ":upper") {
	case ":lower":
		s = strings.ToLower(s)
	case ":upper":
		s = strings.ToUpper(s)
	}
	first, size := utf8.DecodeRuneInString(s)
	switch {
	case s == "":
	case a.has(":lowerfirst"):
		s = string(unicode.ToLower(first)) + s[size:]
	case a.has(":upperfirst"):
		s = string(unicode.ToUpper(first)) + s[size:]
	}
	switch a.one(":quotewildcard", ":quoteregex") {
	case ":quotewildcard":
		s = escape(s, `*?\`)
	case ":quoteregex":
		s = escape(s, `\.*+?()[]{}|^$`)
	}
	if a.has(":length") {
		s = strconv.Itoa(utf8.RuneCountInString(s))
	}
	return s
}

// escape puts a backslash before each of some characters.
func escape(s, which string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune(which, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// makeString: the test of RFC 5229 §5. With :count it counts what is not empty.
func makeString(c *compiler, a *call) test {
	m := c.matcher(a, a.args[1])
	return func(r *run) (bool, error) {
		values, err := expandAll(r, a.args[0].strings)
		if err != nil {
			return false, err
		}
		if m.kind == ":count" {
			n := 0
			for _, v := range values {
				if v != "" {
					values[n] = v
					n++
				}
			}
			values = values[:n]
		}
		return m.any(r, values)
	}
}

// makeGlobal: RFC 6609 §3.4.1.
func makeGlobal(c *compiler, a *call) op {
	c.need(a.at, "global", "variables")
	var list []string
	for i := range a.args[0].strings {
		name := c.setName(value{at: a.args[0].at, strings: a.args[0].strings[i : i+1]}, "global")
		if strings.Contains(name, ".") {
			c.fail(a.at, "global takes plain names")
		}
		list = append(list, name)
	}
	return func(r *run) error {
		if r.shared == nil {
			r.shared = map[string]bool{}
		}
		for _, name := range list {
			if len(r.shared) >= maxVariables {
				return fmt.Errorf("there are more than %d variables", maxVariables)
			}
			r.shared[name] = true
		}
		return nil
	}
}
