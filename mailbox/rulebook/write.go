package rulebook

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gatepost/mailbox/sieve"
)

// nameMark begins the comment in which a rule's name stands; "]" ends it.
const nameMark = "# rule:["

// write returns a rule as a command, with its name in front of it.
func (r Rule) write() string {
	var b strings.Builder
	if r.Name != "" {
		b.WriteString(nameMark + r.Name + "]\n")
	}
	b.WriteString("if " + r.test() + " {\n")
	for _, line := range r.actions() {
		b.WriteString("\t" + line + ";\n")
	}
	b.WriteString("}")
	return b.String()
}

// test writes the conditions.
func (r Rule) test() string {
	tests := make([]string, len(r.Conditions))
	for i, c := range r.Conditions {
		tests[i] = c.write()
	}
	switch {
	case r.Match == Always:
		return strconv.FormatBool(!r.Off)
	case r.Match == Any && r.Off:
		tests = []string{"false", of("anyof", tests)}
	case r.Match == Any:
		return of("anyof", tests)
	case r.Off:
		tests = append([]string{"false"}, tests...)
	case len(tests) == 1:
		return tests[0]
	}
	return of("allof", tests)
}

func of(all string, tests []string) string {
	return all + " (" + strings.Join(tests, ",\n\t") + ")"
}

func (c Condition) write() string {
	not := ""
	if c.Not {
		not = "not "
	}
	switch c.Field {
	case Size:
		return fmt.Sprintf("size :%s %s", c.Op, SizeText(c.Number))
	case Spam:
		return fmt.Sprintf(`spamtest :percent :value %s :comparator "i;ascii-numeric" "%d"`, sieve.Quote(relation(c.Op)), c.Number)
	case Sender:
		return not + fmt.Sprintf(`address :all %s "from" %s`, c.match(), c.keys())
	case Recipient:
		return not + fmt.Sprintf(`address :all %s ["to", "cc"] %s`, c.match(), c.keys())
	case Body:
		return not + fmt.Sprintf(`body :text %s %s`, c.match(), c.keys())
	case Subject:
		return not + fmt.Sprintf(`header %s "subject" %s`, c.match(), c.keys())
	}
	return not + fmt.Sprintf(`header %s %s %s`, c.match(), sieve.Quote(c.Header), c.keys())
}

func relation(o Op) string {
	if o == Least {
		return "ge"
	}
	return "lt"
}

func (c Condition) match() string {
	if c.Op == Begins || c.Op == Ends {
		return ":matches"
	}
	return ":" + string(c.Op)
}

// literal takes the meaning of a wildcard from all that have one (RFC 5228 §2.7.1).
func literal(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`).Replace(s)
}

func (c Condition) keys() string {
	list := slices.Clone(c.Values)
	for i, v := range list {
		switch c.Op {
		case Begins:
			list[i] = literal(v) + "*"
		case Ends:
			list[i] = "*" + literal(v)
		}
	}
	return quoted(list)
}

// quoted writes strings, one of them without brackets.
func quoted(list []string) string {
	texts := make([]string, len(list))
	for i, s := range list {
		texts[i] = sieve.Quote(s)
	}
	if len(texts) == 1 {
		return texts[0]
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

// actions writes what is done, flags first: they are given to what is filed after them (RFC 5232 §2).
func (r Rule) actions() (list []string) {
	for _, f := range []struct {
		name string
		set  bool
	}{{`\Flagged`, r.Flag}, {`\Seen`, r.Seen}} {
		if f.set {
			list = append(list, "addflag "+sieve.Quote(f.name))
		}
	}
	if r.Labels != nil {
		list = append(list, "addflag "+quoted(r.Labels))
	}
	if r.Copy.Name != "" {
		list = append(list, "fileinto :copy "+r.Copy.write())
	}
	for _, to := range r.Forward {
		way := "redirect :copy "
		if r.Away {
			way = "redirect "
		}
		list = append(list, way+sieve.Quote(to))
	}
	if r.File.Name != "" {
		list = append(list, "fileinto "+r.File.write())
	}
	for _, a := range []struct {
		word string
		set  bool
	}{{"keep", r.Keep}, {"discard", r.Delete}, {"stop", r.Stop}} {
		if a.set {
			list = append(list, a.word)
		}
	}
	return list
}

func (f Folder) write() string {
	if f.Create {
		return ":create " + sieve.Quote(f.Name)
	}
	return sieve.Quote(f.Name)
}

func (r Rule) asksSpam() bool { return r.asks(Spam) }

func (r Rule) asks(f Field) bool {
	return slices.ContainsFunc(r.Conditions, func(c Condition) bool { return c.Field == f })
}

// needs returns the capabilities that a rule's script has to require.
func (r Rule) needs() (list []string) {
	files := r.File.Name != "" || r.Copy.Name != ""
	add := func(it bool, capabilities ...string) {
		if it {
			list = append(list, capabilities...)
		}
	}
	add(r.asks(Body), "body")
	add(r.Copy.Name != "" || r.Forward != nil && !r.Away, "copy")
	add(files, "fileinto")
	add(r.Flag || r.Seen || r.Labels != nil, "imap4flags")
	add(r.File.Create || r.Copy.Create, "mailbox")
	add(r.asksSpam(), "comparator-i;ascii-numeric", "relational", "spamtestplus")
	return list
}

// SizeText writes a number of octets as Sieve does (RFC 5228 §2.4.1): 10M is 10 × 1024 × 1024.
func SizeText(n uint64) string {
	for _, unit := range []struct {
		letter string
		shift  uint
	}{{"G", 30}, {"M", 20}, {"K", 10}} {
		if whole := n >> unit.shift; whole > 0 && whole<<unit.shift == n {
			return strconv.FormatUint(whole, 10) + unit.letter
		}
	}
	return strconv.FormatUint(n, 10)
}

// ParseSize reads what SizeText writes, and as people write it: "10 MB", "10 Mo". It is not ok where it is no number of 1 to
// MaxSize octets.
func ParseSize(s string) (n uint64, ok bool) {
	s = strings.ToUpper(strings.Join(strings.Fields(s), ""))
	for _, suffix := range []string{"IB", "IO", "B", "O"} {
		if rest, is := strings.CutSuffix(s, suffix); is {
			s = rest
			break
		}
	}
	shift := 0
	if i := strings.IndexAny(s, "KMG"); i >= 0 && i == len(s)-1 {
		shift, s = map[byte]int{'K': 10, 'M': 20, 'G': 30}[s[i]], s[:i]
	}
	n, err := strconv.ParseUint(s, 10, 32)
	n <<= shift
	return n, err == nil && n > 0 && n <= MaxSize
}
