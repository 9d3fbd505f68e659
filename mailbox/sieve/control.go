package sieve

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Commands that lead through scripts, and tests of tests (RFC 5228 §3, §5; RFC 5463; RFC 6609).

// The tables, made once.
var commandTable, testTable = commands(), tests()

// commands are all but require, if, elsif and else.
func commands() map[string]commandSpec {
	all := map[string]commandSpec{
		"stop":    {signature{}, func(*compiler, *call) op { return func(*run) error { return errStop } }},
		"return":  {signature{needs: []string{"include"}}, func(*compiler, *call) op { return func(*run) error { return errReturn } }},
		"include": {signature{needs: []string{"include"}, args: "s", tags: []tagSpec{{name: ":personal", group: "place"}, {name: ":global", group: "place"}, {name: ":once"}, {name: ":optional"}}}, makeInclude},
		"error":   {signature{needs: []string{"ihave"}, args: "s"}, makeError},
	}
	for _, more := range []map[string]commandSpec{actionCommands(), flagCommands(), editCommands(), variableCommands(), vacationCommands()} {
		maps.Copy(all, more)
	}
	return all
}

// tests are all of them.
func tests() map[string]testSpec {
	all := map[string]testSpec{
		"true":  {signature{}, func(*compiler, *call) test { return func(*run) (bool, error) { return true, nil } }},
		"false": {signature{}, func(*compiler, *call) test { return func(*run) (bool, error) { return false, nil } }},
		"not":   {signature{tests: "t"}, makeNot},
		"allof": {signature{tests: "T"}, makeAllOf},
		"anyof": {signature{tests: "T"}, makeAnyOf},
		"ihave": {signature{needs: []string{"ihave"}, args: "S"}, makeIHave},
		"size":  {signature{args: "n", tags: []tagSpec{{name: ":over", group: "way"}, {name: ":under", group: "way"}}}, makeSize},

		"string":  {signature{needs: []string{"variables"}, args: "SS", tags: matchTags()}, makeString},
		"hasflag": {signature{needs: []string{"imap4flags"}, args: "S?S", tags: matchTags()}, makeHasFlag},
	}
	for _, more := range []map[string]testSpec{headerTests(), bodyTests(), outsideTests()} {
		maps.Copy(all, more)
	}
	return all
}

func makeNot(_ *compiler, a *call) test {
	return func(r *run) (bool, error) {
		ok, err := a.tests[0](r)
		return !ok && err == nil, err
	}
}

func makeAllOf(_ *compiler, a *call) test {
	return func(r *run) (bool, error) {
		for _, t := range a.tests {
			if ok, err := t(r); !ok || err != nil {
				return false, err
			}
		}
		return true, nil
	}
}

func makeAnyOf(_ *compiler, a *call) test {
	return func(r *run) (bool, error) {
		for _, t := range a.tests {
			if ok, err := t(r); ok || err != nil {
				return ok, err
			}
		}
		return false, nil
	}
}

// makeIHave: what a script asks for it need not require (RFC 5463 §4).
func makeIHave(c *compiler, a *call) test {
	all := true
	for _, t := range a.args[0].strings {
		name, ok := t.literal()
		all = all && ok && slices.Contains(c.allowed, name)
	}
	if all {
		for _, t := range a.args[0].strings {
			name, _ := t.literal()
			c.requires[name] = true
		}
	}
	return func(*run) (bool, error) { return all, nil }
}

func makeError(_ *compiler, a *call) op {
	return func(r *run) error {
		s, err := a.args[0].strings[0].expand(r)
		if err != nil {
			return err
		}
		return errors.New(s)
	}
}

func makeSize(c *compiler, a *call) test {
	way := a.one(":over", ":under")
	if way == "" {
		c.fail(a.at, "size takes :over or :under")
	}
	limit := a.args[0].number
	return func(r *run) (bool, error) {
		size := uint64(r.env.Message.Size())
		return way == ":over" && size > limit || way == ":under" && size < limit, nil
	}
}

// Bounds of inclusion (RFC 6609 §3.1 asks for such).
const (
	maxNesting  = 10
	maxIncludes = 255
	maxName     = 512 // octets of a script's name
)

// makeInclude: RFC 6609 §3.2. An included script has variables of its own; actions, flags and the
// implicit keep are everybody's.
func makeInclude(c *compiler, a *call) op {
	if _, ok := a.args[0].strings[0].literal(); !ok {
		c.fail(a.at, "include takes the name of a script, without variables")
	}
	name, _ := a.args[0].strings[0].literal()
	if err := ScriptName(name); err != nil {
		c.fail(a.at, "include: %v", err)
	}
	global := a.has(":global")
	if one := (Include{name, a.has(":optional")}); !global && !slices.Contains(c.includes, one) {
		c.includes = append(c.includes, one)
	}
	key := fmt.Sprint(global, " ", name)
	return func(r *run) error {
		if a.has(":once") && r.included[key] {
			return nil
		}
		if r.depth >= maxNesting || len(r.included) >= maxIncludes {
			return fmt.Errorf("include %s: scripts include more than %d deep", quote(name), maxNesting)
		}
		var s *Script
		var err error
		if r.env.Scripts != nil {
			s, err = r.env.Scripts.Script(r.ctx, global, name)
		}
		switch {
		case err != nil:
			return fmt.Errorf("include %s: %w", quote(name), err)
		case s == nil && a.has(":optional"):
			return nil
		case s == nil:
			return fmt.Errorf("include: there is no script %s", quote(name))
		}
		if r.included == nil {
			r.included = map[string]bool{}
		}
		r.included[key] = true
		return r.include(s, name)
	}
}

// include runs a script within the one that runs.
func (r *run) include(s *Script, name string) error {
	own, shared, matched, script, in := r.own, r.shared, r.matched, r.script, r.in
	r.own, r.shared, r.matched, r.script, r.in = map[string]string{}, nil, nil, s, name
	r.depth++
	err := r.all(s.body)
	r.depth--
	r.own, r.shared, r.matched, r.script, r.in = own, shared, matched, script, in
	switch {
	case errors.Is(err, errReturn):
		return nil
	case err != nil && !errors.Is(err, errStop):
		return fmt.Errorf("script %s: %w", quote(name), err)
	}
	return err
}

// ScriptName says what is wrong with the name of a script (RFC 5804 §1.6).
func ScriptName(s string) error {
	switch {
	case s == "":
		return errors.New("a script needs a name")
	case len(s) > maxName:
		return fmt.Errorf("a script's name has %d octets at most", maxName)
	case strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' || 0x7f <= r && r <= 0x9f || r == 0x2028 || r == 0x2029 || r == '/' || r == 0xfffd
	}):
		return errors.New("a script's name holds no control characters and no slash")
	}
	return nil
}
