package web

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"gatepost/mailbox"
	"gatepost/mailbox/rulebook"
)

// An ruleForm is a rule as its form has it: texts, right or wrong.
type ruleForm struct {
	Key                    string // of the rule; "": a new one
	Name                   string
	On                     bool
	Match                  string
	Rows                   []formCondition
	File, Copy, Forward    string
	Away                   bool
	Flag, Seen, Keep, Kill bool
	Labels                 string // one on each line
	Stop                   bool
}

// An formCondition is one row of the form. Without a field it is none.
type formCondition struct {
	Field, Header, Op string // an Op, or "not-" and one
	Values            string // one on each line
}

const notOp = "not-"

func newRuleForm() ruleForm {
	return ruleForm{On: true, Match: string(rulebook.All), Stop: true, Rows: []formCondition{{Field: string(rulebook.Subject), Op: string(rulebook.Contains)}}}
}

// ruleFormOf fills the form in.
func ruleFormOf(key string, r rulebook.Rule) ruleForm {
	f := ruleForm{
		Key: key, Name: r.Name, On: !r.Off, Match: string(r.Match), File: r.File.Name, Copy: r.Copy.Name, Forward: strings.Join(r.Forward, "\n"), Away: r.Away,
		Flag: r.Flag, Seen: r.Seen, Labels: strings.Join(r.Labels, "\n"), Keep: r.Keep, Kill: r.Delete, Stop: r.Stop,
	}
	for _, c := range r.Conditions {
		row := formCondition{Field: string(c.Field), Header: c.Header, Op: string(c.Op), Values: strings.Join(c.Values, "\n")}
		switch {
		case c.Field == rulebook.Size:
			row.Values = rulebook.SizeText(c.Number)
		case c.Field == rulebook.Spam:
			row.Values = strconv.FormatUint(c.Number, 10)
		case c.Not:
			row.Op = notOp + row.Op
		}
		f.Rows = append(f.Rows, row)
	}
	return f
}

// readRuleForm reads what was sent; false where that is not from our form.
func readRuleForm(form url.Values) (f ruleForm, ok bool) {
	get, is := form.Get, func(name string) bool { return form.Get(name) == "yes" }
	f = ruleForm{
		Key: get("rule"), Name: get("name"), On: is("on"), Match: get("match"), File: strings.TrimSpace(get("file")), Copy: strings.TrimSpace(get("copy")), Forward: get("forward"), Away: is("away"),
		Flag: is("flag"), Seen: is("seen"), Labels: get("labels"), Keep: is("keep"), Kill: is("delete"), Stop: is("stop"),
	}
	fields, headers, ops, values := form["field"], form["header"], form["op"], form["values"]
	n := len(fields)
	if n > rulebook.MaxConditions || len(headers) != n || len(ops) != n || len(values) != n {
		return f, false
	}
	for i := range n {
		f.Rows = append(f.Rows, formCondition{fields[i], headers[i], ops[i], strings.ReplaceAll(values[i], "\r\n", "\n")})
	}
	return f, true
}

// more adds a row, if there is room.
func (f *ruleForm) more() {
	if len(f.Rows) < rulebook.MaxConditions {
		f.Rows = append(f.Rows, formCondition{Field: string(rulebook.Subject), Op: string(rulebook.Contains)})
	}
}

// Room reports whether there is room for another condition.
func (f ruleForm) Room() bool { return len(f.Rows) < rulebook.MaxConditions }

// An OpGroup is what goes with some fields.
type OpGroup struct {
	Key string // of its name
	Ops []string
}

// Ops are all that a row can have.
func (ruleForm) Ops() []OpGroup {
	texts := []string{}
	for _, op := range rulebook.OpsOf(rulebook.Subject) {
		texts = append(texts, string(op), notOp+string(op))
	}
	list := []OpGroup{{"rule.ops.text", texts}} // what is said has some of these
	for _, f := range []rulebook.Field{rulebook.Size, rulebook.Spam} {
		group := OpGroup{Key: "rule.ops." + string(f)}
		for _, op := range rulebook.OpsOf(f) {
			group.Ops = append(group.Ops, string(op))
		}
		list = append(list, group)
	}
	return list
}

// Fields are all that a row can look at.
func (ruleForm) Fields() []rulebook.Field { return rulebook.Fields() }

// Matches are all that there are.
func (ruleForm) Matches() []rulebook.Match {
	return []rulebook.Match{rulebook.All, rulebook.Any, rulebook.Always}
}

// rowOf returns the row of a rule's condition, both from 1: some rows are none.
func (f ruleForm) rowOf(condition int) int {
	for i, row := range f.Rows {
		if row.Field != "" || strings.TrimSpace(row.Values) != "" {
			condition--
		}
		if condition == 0 {
			return i + 1
		}
	}
	return 0
}

// rule is what the form says. It fails with a rulebook.Fault.
func (f ruleForm) rule(book RuleBook) (rulebook.Rule, error) {
	was, _ := book.Rule(f.Key) // none: none
	r := rulebook.Rule{
		Name: f.Name, Off: !f.On, Match: rulebook.Match(f.Match), Flag: f.Flag, Seen: f.Seen, Labels: trimmed(f.Labels), Keep: f.Keep, Delete: f.Kill, Stop: f.Stop,
		File: book.folder(f.File, was), Copy: book.folder(f.Copy, was), Forward: lines(f.Forward), Away: f.Away,
	}
	if r.Match == rulebook.Always {
		return f.settled(r)
	}
	for _, row := range f.Rows {
		if row.Field == "" && strings.TrimSpace(row.Values) == "" {
			continue
		}
		c, wrong := row.condition()
		if r.Conditions = append(r.Conditions, c); wrong != "" {
			return r, rulebook.Fault{What: wrong, Condition: len(r.Conditions)}
		}
	}
	return f.settled(r)
}

// settled refuses a new rule that only ends the list: somebody has forgotten to say what is to be done.
func (f ruleForm) settled(r rulebook.Rule) (rulebook.Rule, error) {
	r, err := r.Clean()
	if err == nil && f.Key == "" && !r.Flag && !r.Seen && !r.Keep && !r.Delete && f.File+f.Copy == "" && r.Forward == nil && r.Labels == nil {
		err = rulebook.Fault{What: rulebook.NoAction}
	}
	return r, err
}

// condition reads a row.
func (row formCondition) condition() (c rulebook.Condition, wrong rulebook.Wrong) {
	op, not := strings.CutPrefix(row.Op, notOp)
	c = rulebook.Condition{Field: rulebook.Field(row.Field), Header: row.Header, Op: rulebook.Op(op), Not: not}
	if !slices.Contains(rulebook.OpsOf(c.Field), c.Op) {
		return c, rulebook.BadOp
	}
	switch c.Field {
	case rulebook.Size:
		var ok bool
		if c.Number, ok = rulebook.ParseSize(row.Values); !ok {
			return c, rulebook.BadSize
		}
	case rulebook.Spam:
		n, err := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(row.Values), "%")), 10, 16)
		if c.Number = n; err != nil {
			return c, rulebook.BadSpam
		}
	default:
		c.Values = lines(row.Values)
	}
	return c, ""
}

// lines are those that are not blank. Space at an end of one counts: "Re: " is not "Re:".
func lines(text string) (list []string) {
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		if strings.TrimSpace(line) != "" {
			list = append(list, line)
		}
	}
	return list
}

// trimmed are lines whose space at the ends does not count.
func trimmed(text string) []string {
	list := lines(text)
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}

func (b RuleBook) has(folder string) bool { return slices.Contains(b.Folders, folder) }

// folder is one that was named: it is made if it is not there, or if the rule said so before. Where all are made nothing need say so.
func (b RuleBook) folder(name string, was rulebook.Rule) rulebook.Folder {
	if name == "" {
		return rulebook.Folder{}
	}
	if clean, err := mailbox.CleanName(name); err == nil {
		name = clean
	}
	made := rulebook.Folder{Name: name, Create: true}
	return rulebook.Folder{Name: name, Create: !b.Made && !b.has(name) || was.File == made || was.Copy == made}
}

// conditionWords tells what a rule asks.
func conditionWords(v *visit, r rulebook.Rule) (list []string) {
	for _, c := range r.Conditions {
		what, op, value := word(v, "rule.field."+string(c.Field)), string(c.Op), ""
		switch c.Field {
		case rulebook.Header:
			what = v.T("rule.header", c.Header)
		case rulebook.Size:
			value = octetsOfRule(v, c.Number)
		case rulebook.Spam:
			value = v.T("rule.percent", c.Number)
		}
		if c.Not {
			op = notOp + op
		}
		if c.Values != nil {
			value = quotedWords(v, c.Values, " "+v.T("rule.or")+" ")
		}
		list = append(list, v.T("rule.condition", what, word(v, "rule.op."+op), value))
	}
	return list
}

func quotedWords(v *visit, list []string, between string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = v.T("rule.quoted", s)
	}
	return strings.Join(quoted, between)
}

// octetsOfRule writes a size as the form has it, whose units are those of Sieve.
func octetsOfRule(v *visit, n uint64) string {
	text := rulebook.SizeText(n)
	digits := strings.TrimRight(text, "KMG")
	key := "rule.size." + cmp.Or(text[len(digits):], "B")
	return v.T(key, digits)
}

// actionWords tells what a rule does.
func (p rulePlace) actionWords(v *visit, r rulebook.Rule) (list []string) {
	add := func(it bool, key string, args ...any) {
		if it {
			list = append(list, v.T(key, args...))
		}
	}
	say := func(it bool, what string, args ...any) { add(it, "rule.does."+what, args...) }
	say(r.Flag, "flag")
	say(r.Seen, "seen")
	say(r.Labels != nil, "labels", quotedWords(v, r.Labels, ", "))
	say(r.File.Name != "", "file", r.File.Name)
	say(r.Copy.Name != "", "copy", r.Copy.Name)
	add(r.Forward != nil && !r.Away, p.Key("does.forward"), strings.Join(r.Forward, ", "))
	add(r.Forward != nil && r.Away, p.Key("does.away"), strings.Join(r.Forward, ", "))
	add(r.Keep, p.Key("does.keep"))
	say(r.Delete, "delete")
	say(r.Stop, "stop")
	return list
}
