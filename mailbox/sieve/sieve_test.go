package sieve

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"gatepost/internal/mail"
)

// letter is the message that tests run over, unless they say otherwise.
const letter = `Received: from mx.example.org by mail.example.net; Tue, 24 Nov 2026 10:15:00 +0100
From: "Ann Example" <ann+lists@example.org>
To: Bob <bob@example.net>, carl+sales@example.net
Cc: dora@example.com
Subject: =?utf-8?q?[club]_Caf=C3=A9_at_noon?=
Date: Tue, 24 Nov 2026 10:14:07 +0100
Message-ID: <noon-1@example.org>
X-Spam-Score: 12.5
X-Empty:
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary=b

--b
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Shall we meet at the caf=C3=A9?
--b
Content-Type: text/html; charset=utf-8

<p>Shall we <b>meet</b> at the caf&eacute;?</p>
--b--
`

// boxes are the folders of tests.
type boxes map[string]string // name to special use

func (b boxes) Exists(_ context.Context, name string) (bool, error) {
	_, ok := b[name]
	return ok, nil
}

func (b boxes) Special(_ context.Context, use string) (string, error) {
	for name, u := range b {
		if u != "" && strings.EqualFold(u, use) {
			return name, nil
		}
	}
	return "", nil
}

type shelf map[string]string

func (s shelf) Script(_ context.Context, global bool, name string) (*Script, error) {
	text, ok := s[fmt.Sprint(global, " ", name)]
	if !ok {
		return nil, nil
	}
	return Compile(text)
}

type before map[string]bool

func (b before) Seen(_ context.Context, id string) (bool, error) { return b[id], nil }

func env(message string) Env {
	return Env{
		Message: mail.NewMessage([]byte(strings.ReplaceAll(message, "\n", "\r\n"))),
		From:    "ann@example.org", To: "bob@example.net", Owner: []mail.Path{"bob@example.net"},
		Now:   time.Date(2026, 11, 24, 10, 16, 30, 0, time.FixedZone("", 3600)),
		Items: map[string]string{"name": "gatepost", "location": "MDA", "phase": "during"},
		Boxes: boxes{"INBOX": "", "Junk": `\Junk`, "Club": "", "Archive": `\Archive`}, Spam: 60, Virus: 1,
		Scripts: shelf{
			"false shared": `require ["include","variables","fileinto"]; global "where"; set "own" "inside"; set "where" "Club"; if header :contains "subject" "noon" { return; } fileinto "wrong";`,
			"true all":     `require "include"; stop;`,
			"false loop":   `require "include"; include "loop";`,
		},
	}
}

// show writes actions as tests tell them.
func show(r Result) string {
	var list []string
	for _, a := range r.Actions {
		s := a.Kind.String()
		switch a.Kind {
		case FileInto:
			s += " " + a.Folder
			if a.Create {
				s += " create"
			}
		case Redirect:
			s += " " + string(a.Address)
		case Reject:
			s += " " + a.Reason
		case Vacation:
			s += " " + a.Away.Reason
		}
		if len(a.Flags) > 0 {
			s += " (" + strings.Join(a.Flags, " ") + ")"
		}
		if a.Header != nil {
			s += " edited"
		}
		list = append(list, s)
	}
	if list == nil {
		return "discard"
	}
	return strings.Join(list, "; ")
}

func does(t *testing.T, script string, e Env) string {
	t.Helper()
	s, err := Compile(script)
	if err != nil {
		t.Fatalf("%s\n%v", quote(script), err)
	}
	r, err := s.Run(t.Context(), e)
	if err != nil {
		return "error: " + err.Error()
	}
	return show(r)
}

// all is the line that requires everything.
func all() string { return `require ["` + strings.Join(Extensions(), `","`) + `"];` + "\n" }

// TestTests: what holds of letter, and what does not.
func TestTests(t *testing.T) {
	for _, tt := range []struct{ rfc, yes, no string }{
		{"5228 5.2", `allof (true, not false)`, `allof (true, false)`},
		{"5228 5.3", `anyof (false, true)`, `anyof (false, false)`},
		{"5228 5.7 is", `header :is "x-spam-score" "12.5"`, `header :is "x-spam-score" "12"`},
		{"5228 5.7 decoded", `header :is "subject" "[CLUB] Café at noon"`, `header :is :comparator "i;octet" "subject" "[CLUB] Café at noon"`},
		{"5228 5.7 several", `header ["x-none", "to"] ["nobody", "Bob <bob@example.net>, carl+sales@example.net"]`, `header "x-none" ""`},
		{"5228 5.7 empty", `header "x-empty" ""`, `header :contains "x-empty" "a"`},
		{"5228 2.7.1 contains", `header :contains "subject" "CAF"`, `header :contains "subject" "tea"`},
		{"5228 2.7.1 matches", `header :matches "subject" "[*] Caf? *"`, `header :matches "subject" "Caf? *"`},
		{"5228 2.7.1 escaped", `header :matches "x-spam-score" "12\\.5"`, `header :matches "x-spam-score" "12\\?5"`},
		{"5228 2.7.1 stars", `header :matches "subject" "*a*a*n*"`, `header :matches "subject" "*z*"`},
		{"5228 5.1 all", `address "from" "ann+lists@example.org"`, `address "from" "Ann Example"`},
		{"5228 5.1 domain", `address :domain ["to", "cc"] "EXAMPLE.COM"`, `address :domain "to" "example.com"`},
		{"5228 5.1 localpart", `address :localpart "to" "bob"`, `address :localpart :comparator "i;octet" "to" "Bob"`},
		{"5233 user", `address :user "to" "carl"`, `address :user "to" "carl+sales"`},
		{"5233 detail", `address :detail "to" "sales"`, `address :detail "cc" ""`},
		{"5228 5.4", `envelope "from" "ann@example.org"`, `envelope "from" "ann+lists@example.org"`},
		{"5228 5.4 auth", `envelope :domain "to" "example.net"`, `envelope "auth" ""`},
		{"5228 5.5", `exists ["from", "X-EMPTY"]`, `exists ["from", "x-none"]`},
		{"5228 5.9 over", `size :over 100`, `size :over 1M`},
		{"5228 5.9 under", `size :under 10K`, `size :under 100`},
		{"5231 count", `address :count "eq" "to" "2"`, `address :count "gt" "to" "2"`},
		{"5231 value", `header :value "ge" :comparator "i;ascii-numeric" "x-spam-score" "9"`, `header :value "lt" :comparator "i;ascii-numeric" "x-spam-score" "9"`},
		{"5231 value of letters", `header :value "gt" "x-spam-score" "11"`, `header :value "gt" "x-spam-score" "9"`},
		{"5173 text", `body :contains "meet at the café"`, `body :contains "<b>"`},
		{"5173 content", `body :content "text/html" :contains "<b>meet"`, `body :content "image" :contains ""`},
		{"5173 raw", `body :raw :contains "caf=C3=A9"`, `body :raw :contains "ann@example.org"`},
		{"regex", `header :regex "subject" "^\\[[a-z]+\\] Caf. (at|in) no{2}n$"`, `header :regex "subject" "^club"`},
		{"5260 date", `date "date" "hour" "10"`, `date "x-none" "hour" "10"`},
		{"5260 zone", `date :zone "-0500" "date" "hour" "04"`, `date :zone "-0500" "date" "hour" "10"`},
		{"5260 received", `date "received" "minute" "15"`, `date "received" "minute" "14"`},
		{"5260 original zone", `date :originalzone "date" "zone" "+0100"`, `date :originalzone "date" "zone" "+0000"`},
		{"5260 currentdate", `currentdate :is "weekday" "2"`, `currentdate :is "date" "2026-11-25"`},
		{"5260 julian", `currentdate "julian" "61368"`, `currentdate "julian" "61367"`},
		{"5260 value", `currentdate :value "ge" "date" "2026-11-01"`, `currentdate :value "lt" "date" "2026-11-01"`},
		{"5260 iso8601", `currentdate "iso8601" "2026-11-24T10:16:30+01:00"`, `currentdate "std11" "24 Nov 2026"`},
		{"5260 index", `header :index 1 "received" "from mx.example.org by mail.example.net; Tue, 24 Nov 2026 10:15:00 +0100"`, `header :index 2 :contains "received" "mx"`},
		{"5260 last", `header :index 1 :last :contains "received" "mx"`, `header :index 2 :last :contains "received" "mx"`},
		{"5183", `environment "phase" "during"`, `environment :matches "unknown" "*"`},
		{"5490", `mailboxexists ["Club", "inbox"]`, `mailboxexists "Tea"`},
		{"8579", `specialuse_exists "\\Junk"`, `specialuse_exists "\\Flagged"`},
		{"8579 of a folder", `specialuse_exists "Archive" "\\Archive"`, `specialuse_exists "Club" "\\Archive"`},
		{"5235 spamtest", `spamtest :value "ge" :comparator "i;ascii-numeric" "6"`, `spamtest :value "ge" :comparator "i;ascii-numeric" "7"`},
		{"5235 percent", `spamtest :percent "60"`, `spamtest :percent "6"`},
		{"5235 virustest", `virustest "1"`, `virustest "0"`},
		{"5463", `ihave ["fileinto", "date"]`, `ihave "xhamster"`},
		{"5229 string", `string :matches "a-b" "?-?"`, `string :count "eq" ["a", ""] "2"`},
		{"5228 2.4.2.4", `header :contains "from" "${hex:41 6e}n${unicode:20}Ex"`, `header :contains "from" "${hex:41 6e 6z}"`},
	} {
		for want, test := range map[string]string{"yes": tt.yes, "no": tt.no} {
			got := does(t, all()+"if "+test+` { fileinto "yes"; } else { fileinto "no"; }`, env(letter))
			if got != "fileinto "+want {
				t.Errorf("RFC %s: %s: %s, want %s", tt.rfc, test, got, want)
			}
		}
	}
}

// TestActions: what scripts ask for.
func TestActions(t *testing.T) {
	for _, tt := range []struct{ name, script, want string }{
		{"nothing", ``, "keep"},
		{"keep", `keep;`, "keep"},
		{"discard", `discard;`, "discard"},
		{"discard and keep", `discard; keep;`, "keep"},
		{"fileinto", `fileinto "Club";`, "fileinto Club"},
		{"fileinto a copy", `fileinto :copy "Club";`, "fileinto Club; keep"},
		{"fileinto twice", `fileinto "Club"; fileinto "Club";`, "fileinto Club"},
		{"fileinto two", `fileinto "Club"; fileinto :create "Tea";`, "fileinto Club; fileinto Tea create"},
		{"into the inbox", `fileinto "inbox"; keep;`, "keep"},
		{"special use", `fileinto :specialuse "\\Archive" "Old";`, "fileinto Archive"},
		{"special use that is not there", `fileinto :specialuse "\\Flagged" "Old";`, "fileinto Old"},
		{"redirect", `redirect "c@example.org"; redirect :copy "C@example.org";`, "redirect c@example.org"},
		{"redirect a copy", `redirect :copy "c@example.org";`, "redirect c@example.org; keep"},
		{"reject", "reject \"no\nthanks\";", "reject no\nthanks"},
		{"reject and file", `fileinto "Club"; reject "no";`, `error: sieve: line 2: reject can't stand beside fileinto`},
		{"stop", `stop; discard;`, "keep"},
		{"elsif", `if false { discard; } elsif true { fileinto "two"; } else { fileinto "three"; }`, "fileinto two"},
		{"else", `if false { discard; } elsif false { fileinto "two"; } else { fileinto "three"; }`, "fileinto three"},
		{"flags", `addflag ["\\Seen", "work home"]; removeflag "HOME"; keep;`, `keep (\Seen work)`},
		{"flags of the implicit keep", `setflag "\\Flagged";`, `keep (\Flagged)`},
		{"flags given", `setflag "a"; fileinto :flags "b \\bad c" "Club";`, `fileinto Club (b c)`},
		{"flags in a variable", `set "f" "a"; addflag "f" ["b", "A"]; keep :flags "${f}";`, `keep (a b)`},
		{"hasflag", `addflag "a b"; if allof (hasflag :is "b c", not hasflag "c") { discard; }`, "discard"},
		{"hasflag counts", `addflag "a b"; if hasflag :count "eq" "2" { discard; }`, "discard"},
		{"variables", `set "a" "Cl"; set :upperfirst :lower "b" "UB"; set :length "n" "${a}ub"; fileinto "${a}ub.${n}${none}.${B}";`, "fileinto Club.4.Ub"},
		{"quotewildcard", `set :quotewildcard "q" "a*b"; if string :matches "a*b" "${q}" { fileinto "${q}"; }`, `fileinto a\*b`},
		{"no variable", `fileinto "${ a}$";`, `fileinto ${ a}$`},
		{"matches", `if header :matches "subject" "[*] * at *" { fileinto "${1}.${2}.${3}"; }`, "fileinto club.Café.noon"},
		{"matches of a failed test", `if header :matches "subject" "[*]*" {} if header :matches "subject" "x*" {} fileinto "${1}";`, "fileinto club"},
		{"regex", `if header :regex "subject" "\\[([^]]*)\\] (.)" { fileinto "${1}-${2}"; }`, "fileinto club-C"},
		{"lazy", `if string :matches "a,b,c" "*,*" { fileinto "${1}|${2}"; }`, "fileinto a|b,c"},
		{"include", `include :personal "shared"; global "where"; fileinto "${where}${own}";`, "fileinto Club"},
		{"include that stops", `include :global "all"; discard;`, "keep"},
		{"include what is missing", `include "none";`, `error: sieve: line 2: include: there is no script "none"`},
		{"include perhaps", `include :optional "none"; discard;`, "discard"},
		{"include in a circle", `include "loop";`, "scripts include more than 10 deep"},
		{"addheader", `addheader "X-New" "${unicode:e9}"; if header "x-new" "é" { fileinto "yes"; } deleteheader "x-new"; keep;`, "fileinto yes edited; keep edited"},
		{"deleteheader", `deleteheader :contains "x-spam-score" "12"; deleteheader "received"; if not exists "x-spam-score" { fileinto :copy "gone"; } if exists "received" { keep; }`, "fileinto gone edited; keep edited"},
		{"vacation", `vacation :days 3 "I am away";`, "vacation I am away; keep"},
		{"two vacations", `vacation "a"; vacation "b";`, "error: sieve: line 2: there are two vacations"},
		{"error", `error "enough";`, "error: sieve: line 2: enough"},
		{"too many redirects", `redirect "a@example.org"; redirect "b@example.org"; redirect "c@example.org"; redirect "d@example.org"; redirect "e@example.org";`, "error: sieve: line 2: there are more than 4 redirects"},
		{"text", "vacation text: # so\r\n..Club\n.one\n.\n;", "vacation .Club\none\n; keep"},
		{"comments", "# one\n/* two\n*/ discard; # three", "discard"},
	} {
		if got := does(t, all()+tt.script, env(letter)); got != tt.want && !(len(tt.want) > 20 && strings.Contains(got, tt.want)) {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

// TestCompile: what is refused, and with which line.
func TestCompile(t *testing.T) {
	for _, tt := range []struct{ script, want string }{
		{"fileinto \"a\";", `line 1: fileinto works only behind: require "fileinto";`},
		{"\nkeep", `line 2: the command "keep" lacks its semicolon, or its block`},
		{"require \"nonsense\";", `line 1: the extension "nonsense" is not known here`},
		{"keep; require \"copy\";", "line 1: require must stand before all other commands"},
		{"if header \"a\" { }", "line 1: header takes strings, strings"},
		{"if header :is :contains \"a\" \"b\" { }", "line 1: :is and :contains stand together"},
		{"if header :over \"a\" \"b\" { }", "line 1: header does not know :over"},
		{"if header \"a b\" \"b\" { }", `line 1: "a b" is no name of a header field`},
		{"if header :comparator \"x\" \"a\" \"b\" { }", `line 1: the comparator "x" is not known`},
		{"if address \"subject\" \"b\" { }", `line 1: the field "subject" holds no addresses`},
		{"if size 10 { }", "line 1: size takes :over or :under"},
		{"if size :over 10Q { }", `line 1: "q" is no unit of a number: K, M or G`},
		{"redirect \"nobody\";", `line 1: redirect: "nobody" is no address`},
		{"header;", "line 1: header is a test: it stands behind if"},
		{"jump;", `line 1: the command "jump" is not known`},
		{"if jump { }", `line 1: the test "jump" is not known`},
		{"else { }", "line 1: else stands behind no if"},
		{"if true { keep; ", `line 1: the block of line 1 ends with "}", not with the end of the script`},
		{"keep \"a;\n", "line 1: this string has no end"},
		{"/* a", "line 1: this comment has no end"},
		{"keep ~", `line 1: the character '~' stands where none may`},
		{"redirect text:\na\n", "line 1: this text: has no end: a line of a single dot"},
		{"redirect \"a\xff\";", "line 1: this string is not UTF-8"},
		{"if anyof () { }", `line 1: a test was expected, not ")"`},
		{"if " + strings.Repeat("not ", 40) + "true {}", "line 1: blocks and tests stand more than 32 deep"},
		{"if header :regex \"a\" \"b\" { }", `line 1: :regex works only behind: require "regex";`},
		{"require \"regex\"; if header :regex \"a\" \"(\" { }", `line 1: the regular expression "(": missing closing ): ` + "`(?si)(`"},
		{"require \"regex\"; if header :regex \"a\" \"(x?){999}(x?){999}(x?){999}\" { }", `line 1: the regular expression "(x?){999}(x?){999}(x?){999}" repeats too much`},
		{"require \"regex\"; if header :regex \"a\" \"" + strings.Repeat("(a)", 40) + "\" { }", `line 1: the regular expression "` + strings.Repeat("(a)", 20) + `…" has more than 31 groups`},
		{"require \"variables\"; set \"1\" \"a\";", `line 1: set: "1" can't be the name of a variable`},
		{"require \"variables\"; set \"a\" \"${x.y}\";", "line 1: there is no variable x.y: the namespace x is not known"},
		{"keep 5;", "line 1: keep takes no argument"},
		{"keep {}", "line 1: keep takes no block"},
		{"jump; hop;", "line 1: the command \"jump\" is not known\nline 1: the command \"hop\" is not known"},
	} {
		_, err := Compile(tt.script)
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s\n got %v\nwant %s", tt.script, err, tt.want)
		}
		if line := (*Error)(nil); err != nil && !errors.As(err, &line) {
			t.Errorf("%s: no line", tt.script)
		}
	}
}

// TestBounds: a script ends, whatever it asks for.
func TestBounds(t *testing.T) {
	long := strings.Repeat("a", 10_000)
	for name, script := range map[string]string{
		"variables":    `set "a" "` + long + `";` + strings.Repeat(`set "a" "${a}${a}";`, 10),
		"many":         strings.Repeat(`if true {}`, 8000),
		"actions":      strings.Repeat(`fileinto "${a}"; set "a" "a${a}";`, 50),
		"stars":        `set "a" "` + long + `"; ` + strings.Repeat(`if string :matches "${a}" "*a*a*a*a*a*a*a*a*a*a*a*a*b" { }`, 2000),
		"expressions":  `set "a" "` + long + `"; ` + strings.Repeat(`if string :regex "${a}" "(a*)*(a*)*(a*)*b" { }`, 500),
		"many fields":  strings.Repeat(`if exists ["`+strings.Repeat(`from","`, 1000)+`from"] { }`, 20) + strings.Repeat(`addheader "y" "z";`, 3000),
		"made ones":    `set "b" "(a|b|c|d){300}"; ` + strings.Repeat(`if string :regex "x" "${b}" { }`, 5000),
		"header added": `set "a" "` + long + `"; ` + strings.Repeat(`addheader "x" "${a}";`, 100),
	} {
		got := does(t, all()+`set "a" "x";`+script, env(letter))
		if !strings.HasPrefix(got, "error: sieve: line") && name != "many" {
			t.Errorf("%s: %s", name, got)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s, _ := Compile("discard;")
	if _, err := s.Run(ctx, env(letter)); err == nil || !strings.Contains(err.Error(), "takes too long") {
		t.Errorf("a run that is late: %v", err)
	}
}

// One answer has one handle (RFC 5230 §4.7), whatever its variables stand for: with the message's
// subject in it the same sender would be answered each time.
func TestVacationHandleWithVariables(t *testing.T) {
	handle := func(script, subject string) string {
		t.Helper()
		s, err := Compile(all() + `if header :matches "subject" "*" { set "s" "${1}"; } ` + script)
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.Run(t.Context(), env("Subject: "+subject+"\n\nx\n"))
		if err != nil || len(r.Actions) == 0 || r.Actions[0].Away == nil {
			t.Fatalf("%+v, %v", r, err)
		}
		return r.Actions[0].Away.Handle
	}
	const script = `vacation :subject "Re: ${s}" "About ${s}: I am away";`
	if handle(script, "a") != handle(script, "b") {
		t.Error("two subjects, two handles")
	}
	for _, other := range []string{`vacation :subject "Re: ${s}" "About ${s}: I am ill";`, `vacation :subject "${s}" "About ${s}: I am away";`, `vacation :subject "Re: ${s}" "About ${t}: I am away";`} {
		if handle(script, "a") == handle(other, "a") {
			t.Errorf("another answer has the same handle: %s", other)
		}
	}
	const named = `vacation :handle "${s}" "I am away";`
	if handle(named, "a") == handle(named, "b") {
		t.Error("a handle that the script gives counts as it reads")
	}
}

// TestDuplicate: RFC 7352.
func TestDuplicate(t *testing.T) {
	script := all() + `if duplicate :seconds 60 { discard; }`
	s, err := Compile(script)
	if err != nil {
		t.Fatal(err)
	}
	e := env(letter)
	first, err := s.Run(t.Context(), e)
	if err != nil || show(first) != "keep" || len(first.Remember) != 1 || first.Remember[0].For != time.Minute {
		t.Fatalf("first: %+v, %v", first, err)
	}
	e.Seen = before{first.Remember[0].ID: true}
	if again, err := s.Run(t.Context(), e); err != nil || show(again) != "discard" || len(again.Remember) != 0 {
		t.Errorf("again: %+v, %v", again, err)
	}
	if got := does(t, all()+`if duplicate :handle "x" { discard; }`, e); got != "keep" {
		t.Errorf("another handle: %s", got)
	}
	e.Message = mail.NewMessage([]byte("Subject: x\r\n\r\n"))
	if got := does(t, script, e); got != "keep" {
		t.Errorf("nothing to know it by: %s", got)
	}
}

// TestEdited: a header that a script changed, as it goes on.
func TestEdited(t *testing.T) {
	s, err := Compile(all() + `addheader "X-A" "one"; addheader :last "X-B" "two"; deleteheader "x-empty"; deleteheader :index 1 "to"; deleteheader "received";`)
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Run(t.Context(), env("Received: a\nTo: b\nX-Empty:\nSubject: c\n d\n\nbody\n"))
	if want := "X-A: one\r\nReceived: a\r\nSubject: c\r\n d\r\nX-B: two\r\n\r\n"; err != nil || string(r.Actions[0].Header) != want {
		t.Errorf("got %q, %v; want %q", r.Actions[0].Header, err, want)
	}
}

// TestVacation: who is answered, and how.
func TestVacation(t *testing.T) {
	s, err := Compile(all() + `vacation :days 1 :subject "Away" :addresses "bobby@example.net" :from "Bob Müller <bob@example.net>" "I am at the sea.\nBob";`)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, header, from, want string }{
		{"a person", "", "ann@example.org", ""},
		{"another address of the owner", "To: bobby@example.net\n", "ann@example.org", ""},
		{"the null sender", "", "", "it comes from no address"},
		{"the owner", "", "bob+x@example.net", "it comes from the owner"},
		{"a program", "", "mailer-daemon@example.org", "it comes from a program's address"},
		{"an answer of a program", "Auto-Submitted: auto-replied\n", "ann@example.org", "a program sent it (Auto-Submitted)"},
		{"a list", "List-Id: <club.example.org>\n", "ann@example.org", "it comes from a list"},
		{"bulk", "Precedence: bulk\n", "ann@example.org", "it comes from a list"},
		{"no answer wanted", "X-Auto-Response-Suppress: OOF\n", "ann@example.org", "its sender wants no answer of a program (X-Auto-Response-Suppress)"},
		{"a blind copy", "To: carl@example.net\n", "ann@example.org", "it is not addressed to the owner"},
	} {
		if !strings.HasPrefix(tt.header, "To:") {
			tt.header += "To: Bob <bob@example.net>\n"
		}
		e := env(tt.header + "Subject: =?utf-8?q?Caf=C3=A9?=\nMessage-ID: <a@example.org>\nReferences: <b@example.org> junk\n\nhello\n")
		e.From = mail.Path(tt.from)
		r, err := s.Run(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		away := r.Actions[0].Away
		if got := away.Declines(&e); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
		m := mail.NewMessage(away.Compose(&e, "<c@example.net>"))
		h := m.Header()
		for field, want := range map[string]string{"From": "Bob Müller <bob@example.net>", "Subject": "Away", "In-Reply-To": "<a@example.org>",
			"References": "<b@example.org> <a@example.org>", "Auto-Submitted": "auto-replied (vacation)"} {
			if got := h.Text(field); got != want {
				t.Errorf("%s: %s: %q, want %q", tt.name, field, got, want)
			}
		}
		if got := m.Extract().Text; got != "I am at the sea.nBob\n" && got != "I am at the sea.nBob" {
			t.Errorf("%s: text %q", tt.name, got)
		}
	}
}

// A fault is told with its line and column, in characters.
func TestCompilePlaces(t *testing.T) {
	tests := []struct{ script, want string }{
		{`keep`, `1:1 the command "keep" lacks its semicolon, or its block`},
		{"keep;\n  discard; \"é\" ;", `2:12 a command was expected, not the string "é"`},
		{"# é\r\nif header \"é\" :is \"b\" { keep; }", "2:15 :is stands behind an argument of header; tags stand before\n2:4 header takes strings, strings"},
		{"keep;\nif not;\n\n   fly;", "2:1 if takes one test and a block\n4:4 the command \"fly\" is not known"},
		{`require ["copy", "vacation"]; vacation "x";`, "1:1 the extension \"vacation\" is not for these rules"},
		{`require "ihave"; if ihave "vacation" { vacation "x"; }`, `1:40 vacation works only behind: require "vacation";`},
		{`require "copy"; redirect :copy "a@b.example";`, ""},
	}
	for _, tt := range tests {
		_, err := CompileWith(tt.script, []string{"copy", "ihave"})
		var got []string
		for _, e := range Faults(fmt.Errorf("put: %w", err)) {
			got = append(got, fmt.Sprintf("%d:%d %s", e.Line, e.Column, e.Text))
		}
		if strings.Join(got, "\n") != tt.want {
			t.Errorf("%q:\ngot  %s\nwant %s", tt.script, strings.Join(got, "\n"), tt.want)
		}
	}
}
