package rulebook

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/internal/mail"
	"gatepost/mailbox/sieve"
)

// texts are what people compare with, and what has a meaning of its own in a script.
var texts = []string{"invoice", "Café ☕", `say "hi"`, `back\slash`, "what?", "a*b", "*", "?", `\`, `\*`, "${1}", "{x}", "#no comment", "/* none */", ";stop;", "]", " led", "end ", "x@example.org", "@example.org"}

func pick[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

// some takes 1 to most of the texts.
func some(r *rand.Rand, most int, list []string) (out []string) {
	for range 1 + r.IntN(most) {
		out = append(out, pick(r, list...))
	}
	return out
}

func randomCondition(r *rand.Rand) Condition {
	c := Condition{Field: pick(r, Fields()...)}
	c.Op = pick(r, OpsOf(c.Field)...)
	switch c.Field {
	case Size:
		c.Number = pick[uint64](r, 1, 1000, 1<<10, 3<<20, 1<<32, 4294967295, 1234567)
	case Spam:
		c.Number = uint64(r.IntN(101))
	default: // of Body, too
		c.Values, c.Not = some(r, 3, texts), r.IntN(3) == 0
	}
	if c.Field == Header {
		c.Header = pick(r, "X-Mailer", "List-Id", "From", "x-spam_flag")
	}
	return c
}

func randomRule(r *rand.Rand) Rule {
	rule := Rule{Name: pick(r, "", "Invoices", "a]b", "rule:[x]", "Été ☀", "*/", "/*", `"`), Off: r.IntN(4) == 0, Match: pick(r, All, Any, Always)}
	if rule.Match != Always {
		for range 1 + r.IntN(4) {
			rule.Conditions = append(rule.Conditions, randomCondition(r))
		}
	}
	if rule.Stop = r.IntN(2) == 0; r.IntN(5) == 0 {
		rule.Delete = true
		return rule
	}
	rule.Flag, rule.Seen, rule.Keep = r.IntN(3) == 0, r.IntN(3) == 0, r.IntN(4) == 0
	if r.IntN(3) == 0 {
		rule.Labels = some(r, 4, []string{"Work", "$label1", "todo", "a.b-c", "TODO", "Nonjunk", "[x", "&AOk-"})
	}
	folders := []string{"Work", "Été/2026", "INBOX", "a\"b", `c\d`}
	if r.IntN(2) == 0 {
		rule.File = Folder{pick(r, folders...), r.IntN(2) == 0}
	}
	if name := pick(r, folders...); r.IntN(3) == 0 && name != rule.File.Name {
		rule.Copy = Folder{name, r.IntN(2) == 0}
	}
	if r.IntN(3) == 0 {
		rule.Forward, rule.Away = some(r, MaxForward, []string{"a@example.org", "b@example.net", `"q q"@example.org`}), r.IntN(2) == 0
	}
	if _, err := rule.Clean(); err != nil {
		rule.Stop = true
	}
	return rule
}

// rulesOf returns the rules of a book, nil for what is none.
func rulesOf(b *Book) (list []*Rule) {
	for _, i := range b.Items {
		list = append(list, i.Rule)
	}
	return list
}

func mustRead(t *testing.T, script string) *Book {
	t.Helper()
	b, err := Read(script)
	if err != nil {
		t.Fatalf("%v\n%s", err, script)
	}
	return b
}

// bookOf is a new script of rules.
func bookOf(t *testing.T, rules ...Rule) *Book {
	t.Helper()
	b := mustRead(t, "")
	for _, rule := range rules {
		if err := b.Put("", rule); err != nil {
			t.Fatalf("%+v: %v", rule, err)
		}
	}
	return b
}

func mustScript(t *testing.T, b *Book) string {
	t.Helper()
	script, err := b.Script()
	if err != nil {
		t.Fatalf("%v\n%s", err, b.written())
	}
	return script
}

// TestRulesThereAndBack: any rules are read again as they were written, and any rule can take the place of any other.
func TestRulesThereAndBack(t *testing.T) {
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 1))
		script, want := "", []*Rule{}
		for range 1 + r.IntN(4) {
			b := mustRead(t, script)
			clean, err := randomRule(r).Clean()
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if at := r.IntN(len(want) + 1); at < len(want) {
				err, want[at] = b.Put(b.Items[at].Key, clean), &clean
			} else {
				err, want = b.Put("", clean), append(want, &clean)
			}
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			script = mustScript(t, b)
			if got := rulesOf(mustRead(t, script)); !reflect.DeepEqual(got, want) {
				t.Fatalf("seed %d: got\n%s\nwant\n%s\nof\n%s", seed, shown(got), shown(want), script)
			}
		}
	}
}

func shown(rules []*Rule) string {
	var b strings.Builder
	for _, r := range rules {
		if r == nil {
			b.WriteString("text\n")
			continue
		}
		fmt.Fprintf(&b, "%+v\n", *r)
	}
	return b.String()
}

// heads and parts are what people write by hand, within what a rule can say and beyond.
var (
	heads = []string{
		"", "# mine\n", "require \"fileinto\"; # why\n", "/* a\nb */ require [\"fileinto\", \"copy\"];\r\nrequire [\"imap4flags\"];\r\n",
		"require [\"fileinto\", /* here */ \"imap4flags\"];\n", "require [\"spamtestplus\", \"relational\", \"comparator-i;ascii-numeric\", \"variables\"];",
		"require \"encoded-character\";\n\n",
	}
	all   = `require ["fileinto", "copy", "imap4flags", "mailbox", "relational", "comparator-i;ascii-numeric", "spamtestplus", "envelope", "body", "date", "reject"];` + "\n"
	parts = []string{
		"if header :contains \"subject\" \"invoice\" { fileinto \"Work\"; stop; }\n",
		"# rule:[Café]\nif header :contains [\"Subject\"] [\"Café\", \"b\"]\n{\n\tfileinto :create \"Été\"; # inside\n}\n",
		"# why\n# rule:[Named]\r\nif anyof (address :is \"from\" \"x@example.org\", not address :all :matches [\"Cc\",\"to\"] \"*@example.org\") {\r\n addflag [\"\\\\Seen\",\"\\\\Flagged\"]; keep;\r\n}",
		"if allof(true, header \"subject\" \"x\") { discard; }\n", "if true { redirect :copy \"a@example.org\"; redirect \"b@example.net\"; }",
		"if not anyof (header :is \"x\" \"y\") { stop; }\n", "if size :over 1M { fileinto :copy \"Big\"; }\n# behind\n", "if not size :over 10 { keep; }",
		"if false { discard; }\n", "if allof (false, anyof (size :under 2K, header :is \"List-Id\" \"what?\")) { fileinto \"Lists\"; }\n",
		"if header :matches \"subject\" [\"\\\\*a*\", \"in*\"] { addflag \"\\\\Flagged\"; }\n", "if header :matches \"subject\" \"*voice\" { setflag \"\\\\Seen\"; }\n",
		"if spamtest :value \"ge\" :percent :comparator \"i;ascii-numeric\" \"50\" { fileinto \"Junk\"; } /* end */ ", "if spamtest :value \"ge\" :comparator \"i;ascii-numeric\" \"5\" { discard; }\n",
		"if size :over 10 { fileinto \"A\"; } elsif size :under 5 { keep; } else { discard; }\n", "keep;", "fileinto \"Plain\"; # here\n", "discard;\n", "stop;\n", "addflag \"\\\\Seen\";\n",
		"if header :comparator \"i;octet\" \"subject\" \"Invoice\" { discard; }\n", "if header :contains \"from\" \"Ann\" { fileinto \"Ann\"; addflag \"\\\\Seen\"; }\n",
		"if envelope \"from\" \"ann@example.org\" { fileinto \"Env\"; }\n", "if body :contains \"hello\" { keep; fileinto \"Body\"; }\n", "if not body :text :contains [\"HI\", \"long line\"] { addflag [\"Work $label1\", \"\\\\Seen\", \"WORK\"]; }\n", "if body :raw :contains \"hello\" { stop; }\n", "if header :is \"subject\" \"\" { discard; }\n",
		"if address :localpart \"from\" \"ann\" { stop; }\n", "if address :ALL :CONTAINS :comparator \"i;ascii-casemap\" \"FROM\" \"ann\" { FileInto \"Loud\"; Stop; }\n", "\n\n\t", "# rule:[orphan]\n",
		"if header :is \"subject\" text:\ninvoice\n.\n{ discard; }\n", "if exists \"x-a\" { discard; }\n", "if header :contains \"subject\" \"${hex:69}nv\" { fileinto \"Enc\"; }\n",
	}
	mails = []string{
		"From: Ann <ann@example.org>\nTo: bob@example.net\nSubject: An invoice\nList-Id: what?\n\nhello\n",
		"From: x@example.org\nTo: b@example.org\nSubject: =?utf-8?q?Caf=C3=A9_=E2=98=95?=\n\nhi\n",
		"From: y@example.com\nCc: c@other.example\nSubject: invoice\nX-A: 1\n\n" + strings.Repeat("long line of text\n", 200),
		"Subject: *ab\nX-Mailer: say \"hi\"\n\n\n", "From: ann@example.net\nSubject: back\\slash what?\n\n", "From: ANN@EXAMPLE.ORG\nSubject:\n\n",
	}
)

func randomScript(r *rand.Rand) string {
	var b strings.Builder
	if r.IntN(3) == 0 {
		b.WriteString(pick(r, heads...))
	}
	if r.IntN(8) > 0 {
		b.WriteString(all)
	}
	for range r.IntN(7) {
		b.WriteString(pick(r, parts...))
	}
	if r.IntN(3) == 0 {
		b.WriteString("# the end")
	}
	return b.String()
}

// does runs a script over a mail, and tells what it does: order is nobody's business.
func does(t *testing.T, script, message string, spam float64) string {
	t.Helper()
	s, err := sieve.Compile(script)
	if err != nil {
		t.Fatalf("%v\n%s", err, script)
	}
	result, err := s.Run(t.Context(), sieve.Env{
		Message: mail.NewMessage([]byte(strings.ReplaceAll(message, "\n", "\r\n"))), From: "ann@example.org", To: "bob@example.net", Owner: []mail.Path{"bob@example.net"},
		Now: time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC), Spam: spam,
	})
	if err != nil {
		return "error"
	}
	var list []string
	for _, a := range result.Actions {
		slices.Sort(a.Flags)
		one := a.Kind.String()
		if a.Kind == sieve.FileInto {
			one += fmt.Sprintf(" %s %v", a.Folder, a.Create)
		}
		list = append(list, strings.TrimSpace(one+" "+string(a.Address)+strings.Join(a.Flags, " ")))
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// rewritten is a script with all its rules written anew.
func rewritten(t *testing.T, script string) string {
	t.Helper()
	b := mustRead(t, script)
	for i := range b.Items {
		if b.Items[i].Rule != nil {
			b.Items[i].own = ""
		}
	}
	return mustScript(t, b)
}

// TestScripts: whatever somebody wrote by hand stays as it is, octet by octet; and where all its rules are written anew, it
// does the same to mail, and is read as the same.
func TestScripts(t *testing.T) {
	rules, others := 0, 0
	for seed := range uint64(1200) {
		r := rand.New(rand.NewPCG(seed, 2))
		script := randomScript(r)
		if _, err := sieve.Compile(script); err != nil {
			continue
		}
		b := mustRead(t, script)
		if got := b.written(); got != script {
			t.Fatalf("seed %d: %q became\n%q", seed, script, got)
		}
		anew := rewritten(t, script)
		again := mustRead(t, anew)
		if got, want := rulesOf(again), rulesOf(b); !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d: got\n%s\nwant\n%s\nof\n%s", seed, shown(got), shown(want), script)
		}
		for i, item := range b.Items {
			if item.Rule != nil {
				rules++
				continue
			}
			if others++; again.Items[i].own != item.own {
				t.Fatalf("seed %d: %q became %q", seed, item.own, again.Items[i].own)
			}
		}
		message, spam := pick(r, mails...), pick[float64](r, -1, 0, 49, 50, 100)
		if got, want := does(t, anew, message, spam), does(t, script, message, spam); got != want {
			t.Fatalf("seed %d: %s, want %s, of\n%s\n--- anew:\n%s\n--- mail:\n%s", seed, got, want, script, anew, message)
		}
	}
	if rules < 500 || others < 500 {
		t.Errorf("%d rules and %d others: no test", rules, others)
	}
}

// TestMeaning: what rules do to mail.
func TestMeaning(t *testing.T) {
	text := func(f Field, op Op, not bool, values ...string) Condition {
		return Condition{Field: f, Op: op, Not: not, Values: values}
	}
	card := "From: Ann <Ann@Example.org>\nTo: b@example.net\nCc: Carl <carl@other.example>\nSubject: Re: 50 % *off* today?\nX-Mailer: a\\b\n\nx: see you\n"
	for name, tt := range map[string]struct {
		c    Condition
		want bool
	}{
		"subject is":          {text(Subject, Is, false, "re: 50 % *OFF* today?"), true},
		"subject is a part":   {text(Subject, Is, false, "today?"), false},
		"contains":            {text(Subject, Contains, false, "none", "*off*"), true},
		"contains none":       {text(Subject, Contains, false, "none", "?off?"), false},
		"contains not":        {text(Subject, Contains, true, "none", "?off?"), true},
		"begins":              {text(Subject, Begins, false, "re: 50 % *"), true},
		"begins, no wildcard": {text(Subject, Begins, false, "re*off"), false},
		"begins inside":       {text(Subject, Begins, false, "50"), false},
		"ends":                {text(Subject, Ends, false, "today?"), true},
		"ends, no wildcard":   {text(Subject, Ends, false, "toda??"), false},
		"ends not":            {text(Subject, Ends, true, "today?"), false},
		"sender is":           {text(Sender, Is, false, "ann@example.org"), true},
		"a name is no sender": {text(Sender, Contains, false, "Ann <"), false},
		"sender ends":         {text(Sender, Ends, false, "@example.org"), true},
		"recipient":           {text(Recipient, Is, false, "carl@other.example"), true},
		"recipient not":       {text(Recipient, Is, true, "carl@other.example"), false},
		"header":              {Condition{Field: Header, Header: "x-mailer", Op: Is, Values: []string{`a\b`}}, true},
		"header begins":       {Condition{Field: Header, Header: "x-mailer", Op: Begins, Values: []string{`a\`}}, true},
		"header none":         {Condition{Field: Header, Header: "x-none", Op: Contains, Values: []string{"a"}}, false},
		"header none, not":    {Condition{Field: Header, Header: "x-none", Op: Contains, Not: true, Values: []string{"a"}}, true},
		"body":                {text(Body, Contains, false, "none", "see YOU"), true},
		"body, no wildcard":   {text(Body, Contains, false, "see*you", "s?e"), false},
		"body, not":           {text(Body, Contains, true, "see you"), false},
		"no field is body":    {text(Body, Contains, false, "X-Mailer", "today"), false},
		"over":                {Condition{Field: Size, Op: Over, Number: 100}, true},
		"under":               {Condition{Field: Size, Op: Under, Number: 100}, false},
		"spam":                {Condition{Field: Spam, Op: Least, Number: 60}, true},
		"more spam":           {Condition{Field: Spam, Op: Least, Number: 61}, false},
		"below":               {Condition{Field: Spam, Op: Below, Number: 61}, true},
	} {
		b := bookOf(t, Rule{Match: All, Conditions: []Condition{tt.c}, Delete: true, Stop: true}, Rule{Match: Always, Flag: true})
		want := `keep \Flagged`
		if tt.want {
			want = ""
		}
		if script := mustScript(t, b); does(t, script, card, 60) != want {
			t.Errorf("%s: got %q, want %q of\n%s", name, does(t, script, card, 60), want, script)
		}
	}
}

// TestDoes: what rules do, together and in their order.
func TestDoes(t *testing.T) {
	yes, no := Condition{Field: Subject, Op: Is, Values: []string{"yes"}}, Condition{Field: Subject, Op: Is, Values: []string{"no"}}
	for name, tt := range map[string]struct {
		rules []Rule
		want  string
	}{
		"any":               {[]Rule{{Match: Any, Conditions: []Condition{no, yes}, File: Folder{"A", true}}}, "fileinto A true"},
		"all":               {[]Rule{{Match: All, Conditions: []Condition{no, yes}, File: Folder{"A", true}}}, "keep"},
		"off":               {[]Rule{{Match: Any, Off: true, Conditions: []Condition{no, yes}, Delete: true}, {Match: Always, Off: true, Delete: true}}, "keep"},
		"flags, then files": {[]Rule{{Match: Always, Seen: true}, {Match: Always, Flag: true, File: Folder{"A", false}, Copy: Folder{"B", false}}}, `fileinto A false \Flagged \Seen, fileinto B false \Flagged \Seen`},
		"a copy":            {[]Rule{{Match: Always, Copy: Folder{"A", false}}}, "fileinto A false, keep"},
		"forward":           {[]Rule{{Match: Always, Forward: []string{"a@example.org"}}}, "keep, redirect a@example.org"},
		"forward away":      {[]Rule{{Match: Always, Forward: []string{"a@example.org", "b@example.org"}, Away: true}}, "redirect a@example.org, redirect b@example.org"},
		"labels":            {[]Rule{{Match: Always, Labels: []string{"Work", "$label1"}, Copy: Folder{"B", false}}, {Match: Always, Labels: []string{"WORK", "todo"}}}, `fileinto B false $label1 Work, keep $label1 Work todo`},
		"stop":              {[]Rule{{Match: All, Conditions: []Condition{yes}, Stop: true}, {Match: Always, Delete: true}}, "keep"},
		"delete":            {[]Rule{{Match: Always, Delete: true}}, ""},
		"delete, but keep":  {[]Rule{{Match: Always, Keep: true}, {Match: Always, Delete: true}}, "keep"},
	} {
		b := bookOf(t, tt.rules...)
		if script := mustScript(t, b); does(t, script, "Subject: yes\n\nx\n", 0) != tt.want {
			t.Errorf("%s: got %q, want %q of\n%s", name, does(t, script, "Subject: yes\n\nx\n", 0), tt.want, script)
		}
	}
}

const byHand = `# My filters
require ["fileinto", "regex"];

# Do not touch: the boss
if header :regex "subject" "^\\[x\\]" { fileinto "X"; } # really
# old idea
# rule:[Shop]
if header :contains "subject" "order" {
	fileinto "Shop";
}
# rule:[Mum]
if address :is "from" "mum@example.org" {
	keep;
	stop;
}
`

// TestEdit: rules come, change, move and go among what is no rule; nothing else is lost or changes its order.
func TestEdit(t *testing.T) {
	b := mustRead(t, byHand)
	if len(b.Items) != 3 || b.Items[0].Rule != nil || b.Items[1].Rule.Name != "Shop" || b.Items[2].Rule.Name != "Mum" {
		t.Fatalf("read %s", shown(rulesOf(b)))
	}
	if want := "# Do not touch: the boss\nif header :regex \"subject\" \"^\\\\[x\\\\]\" { fileinto \"X\"; } # really"; b.Items[0].Text != want {
		t.Errorf("text %q", b.Items[0].Text)
	}
	shop := *b.Items[1].Rule
	shop.Name, shop.Seen = "Shops", true
	steps := func(err ...error) {
		t.Helper()
		if errors.Join(err...) != nil {
			t.Fatal(err)
		}
	}
	steps(b.Move(b.Items[2].Key, true), b.Put(b.Items[2].Key, shop), b.Move(b.Items[1].Key, true), b.Put("", Rule{Match: All, Conditions: []Condition{{Field: Spam, Op: Least, Number: 90}}, Delete: true}))
	script := mustScript(t, b)
	want := `# My filters
require ["fileinto", "regex", "comparator-i;ascii-numeric", "imap4flags", "relational", "spamtestplus"];
# rule:[Mum]
if address :is "from" "mum@example.org" {
	keep;
	stop;
}

# Do not touch: the boss
if header :regex "subject" "^\\[x\\]" { fileinto "X"; } # really
# old idea
# rule:[Shops]
if header :contains "subject" "order" {
	addflag "\\Seen";
	fileinto "Shop";
}

if spamtest :percent :value "ge" :comparator "i;ascii-numeric" "90" {
	discard;
}
`
	if script != want {
		t.Errorf("got\n%s", script)
	}
	b = mustRead(t, script)
	steps(b.Remove(b.Items[3].Key), b.Remove(b.Items[2].Key))
	script = mustScript(t, b)
	for _, kept := range []string{"# My filters", "the boss", "# really\n# old idea\n", `require ["fileinto", "regex", "comparator-i;ascii-numeric", "imap4flags", "relational"];`} {
		if !strings.Contains(script, kept) {
			t.Errorf("%q is not in\n%s", kept, script)
		}
	}
	b = mustRead(t, script)
	if len(b.Items) != 2 || b.Items[0].Rule.Name != "Mum" || b.Items[1].Rule != nil {
		t.Errorf("left\n%s", script)
	}
	for what, err := range map[string]error{
		"text is not put": b.Put(b.Items[1].Key, shop), "text does not move": b.Move(b.Items[1].Key, true), "text is not removed": b.Remove(b.Items[1].Key), "nothing": b.Remove(""), "gone": b.Put("x", shop),
	} {
		if !errors.Is(err, ErrGone) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestShown: what a rule can say, and what stays text.
func TestShown(t *testing.T) {
	for script, want := range map[string]bool{
		`if header "subject" "x" { keep; }`: true, `if header :is ["subject", "x-y"] "x" { keep; }`: false, `if header "x-y" "x" { keep; }`: true,
		`if header :matches "subject" "x*" { keep; }`: true, `if header :matches "subject" "*x" { keep; }`: true, `if header :matches "subject" "*x*" { keep; }`: false,
		`if header :matches "subject" "x*y" { keep; }`: false, `if header :matches "subject" "*" { keep; }`: false, `if header :matches "subject" "x" { keep; }`: false,
		`if header :matches "subject" ["x*", "*x"] { keep; }`: false, `if header :matches "subject" "x\\*" { keep; }`: false, `if header :matches "subject" "x\\**" { keep; }`: true,
		`if true { keep; # why` + "\n}": false, `if true { /* why */ keep; }`: false, `if true { keep; } # why`: true, `keep;`: true, `discard;`: true, `stop;`: true,
		`if true { } `: false, `if true { stop; keep; }`: false, `if true { if true { keep; } }`: false, `if size :over 1 { keep; } else { keep; }`: false,
		`if not size :over 1 { keep; }`: false, `if not not header "x" "y" { keep; }`: false, `if not header "x" "y" { keep; }`: true,
		`if anyof (allof (header "x" "y"), size :over 1) { keep; }`: false, `if allof (true, size :over 1) { keep; }`: false, `if allof (false) { keep; }`: false,
		`if address "from" "a@b" { keep; }`: true, `if address ["to", "CC"] "a@b" { keep; }`: true, `if address "to" "a@b" { keep; }`: false, `if address :domain "from" "b" { keep; }`: false,
		`if body :text :contains "x" { keep; }`: true, `if body :contains :comparator "i;ascii-casemap" ["x", "y"] { keep; }`: true, `if not body :contains "x" { keep; }`: true,
		`if body :raw :contains "x" { keep; }`: false, `if body :content "text" :contains "x" { keep; }`: false, `if body "x" { keep; }`: false, `if body :matches "x*" { keep; }`: false,
		`addflag ["Work", "\\Seen $label1"];`: true, `addflag "\\Answered";`: false, `addflag "caf\\";`: false, `setflag "Work";`: false, `removeflag "Work";`: false, `addflag "` + strings.Repeat("x", 65) + `";`: false,
		`if true { fileinto "A"; addflag "Work"; }`: false, `redirect "a@example.org";`: true, `redirect "Ann <a@example.org>";`: false, `if exists "x" { keep; }`: false,
	} {
		if _, err := sieve.Compile(all + script); err != nil {
			t.Errorf("%s: %v", script, err)
		}
		b := mustRead(t, script)
		if got := len(b.Items) == 1 && b.Items[0].Rule != nil; got != want {
			t.Errorf("%s: shown %v, want %v", script, got, want)
		}
	}
}

// TestComments: a comment behind a rule goes with it, and ends with its line wherever it comes to.
func TestComments(t *testing.T) {
	b := mustRead(t, "keep;\nstop; # x\n")
	if err := b.Move(b.Items[1].Key, true); err != nil {
		t.Fatal(err)
	}
	if got := mustScript(t, b); got != "\nstop; # x\nkeep;\n" {
		t.Errorf("moved: %q", got)
	}
	b = mustRead(t, "stop; # x")
	if err := errors.Join(b.Remove(b.Items[0].Key), b.Put("", Rule{Match: Always, Keep: true})); err != nil {
		t.Fatal(err)
	}
	if got := mustScript(t, b); got != " # x\n\nif true {\n\tkeep;\n}\n" {
		t.Errorf("removed: %q", got)
	}
}

// TestUnwritable: a text that means something else in this script is refused, and so is a script of more than MaxItems.
func TestUnwritable(t *testing.T) {
	b := mustRead(t, `require "variables"; set "a" "b";`)
	if err := b.Put("", Rule{Match: All, Conditions: []Condition{{Field: Subject, Op: Contains, Values: []string{"${a}"}}}, Delete: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Script(); !errors.Is(err, ErrUnwritable) {
		t.Errorf("got %v", err)
	}
	if _, err := Read(strings.Repeat("keep;", MaxItems+1)); !errors.Is(err, ErrLarge) {
		t.Errorf("got %v", err)
	}
	b = mustRead(t, strings.Repeat("keep;", MaxItems))
	if err := b.Put("", Rule{Match: Always, Delete: true}); !errors.Is(err, ErrFull) {
		t.Errorf("got %v", err)
	}
}

func labels(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf("l%d", i))
	}
	return list
}

// TestClean: what can't be in a rule.
func TestClean(t *testing.T) {
	good := func() Rule {
		return Rule{Match: All, Conditions: []Condition{{Field: Subject, Op: Is, Values: []string{"x"}}}, File: Folder{Name: "A"}}
	}
	for name, tt := range map[string]struct {
		change func(*Rule)
		want   Wrong
	}{
		"a name of lines":      {func(r *Rule) { r.Name = "a\nb" }, BadName},
		"a separator":          {func(r *Rule) { r.Name = "a\u2028b" }, BadName},
		"a long name":          {func(r *Rule) { r.Name = strings.Repeat("é", MaxName+1) }, BadName},
		"no match":             {func(r *Rule) { r.Match = "" }, BadMatch},
		"no conditions":        {func(r *Rule) { r.Conditions = nil }, NoConditions},
		"many conditions":      {func(r *Rule) { r.Conditions = slices.Repeat(r.Conditions, MaxConditions+1) }, NoConditions},
		"a size of texts":      {func(r *Rule) { r.Conditions[0].Field = Size }, BadOp},
		"no field":             {func(r *Rule) { r.Conditions[0].Field = "x" }, BadOp},
		"no header":            {func(r *Rule) { r.Conditions[0].Field = Header }, BadHeader},
		"a bad header":         {func(r *Rule) { r.Conditions[0].Field, r.Conditions[0].Header = Header, "a: b" }, BadHeader},
		"no values":            {func(r *Rule) { r.Conditions[0].Values = nil }, BadValues},
		"a blank":              {func(r *Rule) { r.Conditions[0].Values = []string{"x", " "} }, BadValue},
		"lines":                {func(r *Rule) { r.Conditions[0].Values = []string{"x\ny"} }, BadValue},
		"no UTF-8":             {func(r *Rule) { r.Conditions[0].Values = []string{"x\xff"} }, BadValue},
		"no size":              {func(r *Rule) { r.Conditions[0] = Condition{Field: Size, Op: Over} }, BadSize},
		"over 100":             {func(r *Rule) { r.Conditions[0] = Condition{Field: Spam, Op: Least, Number: 101} }, BadSpam},
		"a bad folder":         {func(r *Rule) { r.File.Name = "a//b" }, BadFolder},
		"twice one folder":     {func(r *Rule) { r.Copy = r.File }, BadFolder},
		"no address":           {func(r *Rule) { r.Forward = []string{"ann"} }, BadAddress},
		"many addresses":       {func(r *Rule) { r.Forward = slices.Repeat([]string{"a@example.org"}, MaxForward+1) }, ManyAddresses},
		"a label of words":     {func(r *Rule) { r.Labels = []string{"Work", "to do"} }, BadLabel},
		"a label of letters":   {func(r *Rule) { r.Labels = []string{"Été"} }, BadLabel},
		"a long label":         {func(r *Rule) { r.Labels = []string{strings.Repeat("x", 65)} }, BadLabel},
		"a flag as label":      {func(r *Rule) { r.Labels = []string{`\Answered`} }, BadLabel},
		"many labels":          {func(r *Rule) { r.Labels = labels(MaxLabels + 1) }, ManyLabels},
		"a part of the body":   {func(r *Rule) { r.Conditions[0] = Condition{Field: Body, Op: Begins, Values: []string{"x"}} }, BadOp},
		"deleted and labelled": {func(r *Rule) { r.Delete, r.File, r.Labels = true, Folder{}, []string{"Work"} }, Contradiction},
		"nothing":              {func(r *Rule) { r.File = Folder{} }, NoAction},
		"deleted and filed":    {func(r *Rule) { r.Delete = true }, Contradiction},
		"deleted and marked":   {func(r *Rule) { r.Delete, r.File, r.Seen = true, Folder{}, true }, Contradiction},
	} {
		r := good()
		tt.change(&r)
		var f Fault
		if _, err := r.Clean(); !errors.As(err, &f) || f.What != tt.want {
			t.Errorf("%s: got %v, want %s", name, err, tt.want)
		}
	}
	if _, err := good().Clean(); err != nil {
		t.Error(err)
	}
	r, err := Rule{Match: Always, Labels: []string{"Work", "todo", "WORK"}}.Clean()
	if err != nil || !slices.Equal(r.Labels, []string{"Work", "todo"}) {
		t.Errorf("labels twice: %q, %v", r.Labels, err)
	}
}

// TestActs: rules do what they may where they stand.
func TestActs(t *testing.T) {
	for name, tt := range map[string]struct {
		r          Rule
		mark, file bool // what it needs
	}{
		"flag":   {Rule{Match: Always, Flag: true}, true, false},
		"seen":   {Rule{Match: Always, Seen: true}, true, false},
		"labels": {Rule{Match: Always, Labels: []string{"Work"}}, true, false},
		"file":   {Rule{Match: Always, File: Folder{Name: "A"}}, false, true},
		"copy":   {Rule{Match: Always, Copy: Folder{Name: "A"}}, false, true},
		"rest":   {Rule{Match: Always, Keep: true, Forward: []string{"a@example.org"}, Stop: true}, false, false},
	} {
		for _, may := range []Acts{{}, {Mark: true}, {File: true}, {Mark: true, File: true}} {
			b, err := ReadFor("", may)
			if err == nil {
				err = b.Put("", tt.r)
			}
			var f Fault
			refused := errors.As(err, &f) && f.What == NotHere
			if want := tt.mark && !may.Mark || tt.file && !may.File; refused != want || !refused && err != nil {
				t.Errorf("%s where %+v: got %v", name, may, err)
			}
		}
	}
}

// TestSize: sizes as people write them.
func TestSize(t *testing.T) {
	for text, want := range map[string]uint64{"10 MB": 10 << 20, "10M": 10 << 20, "500ko": 500 << 10, "2 GiB": 2 << 30, "77": 77, "1 o": 1, "0": 0, "": 0, "M": 0, "5G": 0, "-1": 0, "1.5M": 0, "1MK": 0, "99999999999": 0} {
		got, ok := ParseSize(text)
		if ok != (want > 0) || ok && got != want {
			t.Errorf("%q: got %d, %v, want %d", text, got, ok, want)
		}
		if again, _ := ParseSize(SizeText(got)); ok && again != got {
			t.Errorf("%d is written %s", got, SizeText(got))
		}
	}
}

// FuzzScript: any script stays as it is, and its rules can be written anew; a rule can be added to any, or is refused.
func FuzzScript(f *testing.F) {
	for _, p := range parts {
		f.Add(all+p, "a name", "a text")
	}
	f.Add(byHand, "x]", "\"; stop; #")
	f.Fuzz(func(t *testing.T, script, name, value string) {
		b, err := Read(script)
		if err != nil {
			return
		}
		if _, err := sieve.Compile(script); err != nil {
			return
		}
		if got := b.written(); got != script {
			t.Fatalf("%q became %q", script, got)
		}
		anew := rewritten(t, script)
		if got, want := does(t, anew, mails[0], 50), does(t, script, mails[0], 50); got != want && want != "error" {
			t.Fatalf("%s, want %s, of\n%s\n--- anew:\n%s", got, want, script, anew)
		}
		if b.Put("", Rule{Name: name, Match: All, Conditions: []Condition{{Field: Subject, Op: Ends, Values: []string{value}}}, File: Folder{Name: "A"}}) != nil {
			return
		}
		if _, err := b.Script(); err != nil && !errors.Is(err, ErrUnwritable) && len(script) < sieve.MaxScript/2 {
			t.Fatalf("%v\n%s", err, b.written())
		}
	})
}
