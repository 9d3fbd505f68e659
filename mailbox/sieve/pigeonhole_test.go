package sieve

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gatepost/internal/mail"
	"gatepost/test/peer"
)

// told reads what sieve-test prints, in the form of show.
func told(out string) string {
	_, out, ok := strings.Cut(out, "Performed actions:")
	if !ok {
		return "error"
	}
	done, rest, _ := strings.Cut(out, "Implicit keep:")
	var list []string
	place := func(s string) string { s, _, _ = strings.Cut(s, " ("); return s }
	kept := func() { // what is done twice is done once, with the later flags
		if len(list) == 0 {
			return
		}
		last := list[len(list)-1]
		if at := slices.IndexFunc(list[:len(list)-1], func(s string) bool { return place(s) == place(last) }); at >= 0 {
			list[at], list = last, list[:len(list)-1]
		}
	}
	for _, part := range []string{done, rest} {
		for _, line := range strings.Split(part, "\n") {
			if m := storedIn.FindStringSubmatch(line); m != nil {
				kept()
				if m[1] == "INBOX" {
					list = append(list, "keep")
				} else {
					list = append(list, "fileinto "+m[1])
				}
			} else if m := addedFlags.FindStringSubmatch(line); m != nil {
				flags := strings.Fields(strings.ToLower(m[1]))
				slices.Sort(flags)
				list[len(list)-1] += " (" + strings.Join(flags, " ") + ")"
			} else if m := redirected.FindStringSubmatch(line); m != nil {
				list = append(list, "redirect "+m[1])
			} else if strings.Contains(line, " * send vacation") {
				list = append(list, "vacation")
			} else if strings.Contains(line, " * reject") {
				list = append(list, "reject")
			}
		}
	}
	kept()
	if list == nil {
		return "discard"
	}
	return strings.Join(list, "; ")
}

var (
	storedIn   = regexp.MustCompile(`\* store message in folder: (.*)`)
	addedFlags = regexp.MustCompile(`\+ add IMAP flags: (.*)`)
	redirected = regexp.MustCompile(`\* redirect message to: <(.*)>`)
)

// ours is what this package does with a case, in the same form.
func ours(t *testing.T, c peer.SieveCase) string {
	s, err := Compile(c.Script)
	if err != nil {
		return "error"
	}
	e := env(c.Message)
	e.Now = e.Now.UTC() // as sieve-test's
	e.From, e.To = mail.Path(c.From), mail.Path(c.To)
	r, err := s.Run(t.Context(), e)
	if err != nil {
		return "error"
	}
	for i := range r.Actions {
		a := &r.Actions[i]
		a.Header, a.Create = nil, false
		for j, f := range a.Flags {
			a.Flags[j] = strings.ToLower(f)
		}
		slices.Sort(a.Flags)
		if a.Kind == Vacation {
			a.Away.Reason = ""
		}
	}
	return strings.ReplaceAll(show(r), "vacation ", "vacation")
}

// TestPigeonhole: what Pigeonhole does with tests and actions made at random, we do too.
func TestPigeonhole(t *testing.T) {
	seed := uint64(20261126)
	r := rand.New(rand.NewPCG(seed, 1))
	var cases []peer.SieveCase
	for range 300 {
		cases = append(cases, peer.SieveCase{Script: randomScript(r), Message: letter, From: "ann@example.org", To: "bob@example.net"})
	}
	dir, err := os.MkdirTemp("", "sieve")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	answers, err := peer.Sieve(t.Context(), dir, cases)
	if errors.Is(err, peer.ErrMissing) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	differ := 0
	for i, c := range cases {
		if got, want := ours(t, c), told(answers[i]); got != want {
			if differ++; differ <= 20 {
				t.Errorf("case %d\n%s\ngot  %s\nwant %s\n%s", i, c.Script, got, want, answers[i])
			}
		}
	}
	t.Logf("%d of %d cases differ", differ, len(cases))
}

// randomScript makes a script of what both sides know.
func randomScript(r *rand.Rand) string {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	field := func() string {
		return pick(`"subject"`, `"from"`, `["to", "cc"]`, `"x-spam-score"`, `"x-empty"`, `"x-none"`, `"received"`, `["date", "message-id"]`)
	}
	// Orders of letters and signs, and counts of what is not there, are left out: RFC 4790 §9.2.1
	// maps to capitals, Pigeonhole to small letters, and it counts addresses without a detail.
	ordered := false
	key := func() string {
		if ordered {
			return pick(`"12.5"`, `"9"`, `"2"`, `"1"`, `"00002"`)
		}
		return pick(`"ann"`, `"[club] café at noon"`, `"*o*"`, `"[*] *"`, `"?*.*"`, `"12.5"`, `""`, `"*"`, `["bob", "*@example.*"]`, `"example"`, `"ann+lists@example.org"`, `"a*a*n*"`, `"carl"`, `"sales"`, `"9"`, `"2"`, `"*é*"`)
	}
	match := func() (s string) {
		defer func() { ordered = strings.HasPrefix(s, ":value") || strings.HasPrefix(s, ":count") }()
		return pick(``, `:is `, `:contains `, `:matches `, `:is :comparator "i;octet" `, `:matches :comparator "i;octet" `, `:value "gt" `, `:count "ge" `, `:value "le" :comparator "i;ascii-numeric" `, `:count "eq" :comparator "i;ascii-numeric" `)
	}
	var test func(depth int) string
	test = func(depth int) string {
		switch n := r.IntN(14); {
		case n < 3:
			return "header " + match() + field() + " " + key()
		case n < 5:
			how := match()
			part := pick("", ":all ", ":localpart ", ":domain ", ":user ", ":detail ")
			if ordered && part == ":detail " {
				part = ":user "
			}
			return "address " + part + how + pick(`"from"`, `["to", "cc"]`, `"to"`, `"bcc"`) + " " + key()
		case n == 5:
			return "envelope " + pick("", ":domain ", ":localpart ") + match() + pick(`"from"`, `"to"`) + " " + key()
		case n == 6:
			return "exists " + field()
		case n == 7:
			return "size " + pick(":over ", ":under ") + pick("100", "700", "1K", "1M")
		case n == 8:
			return "string " + match() + pick(`"${1}"`, `"${x}"`, `["a", "ann"]`, `"12.5"`) + " " + key()
		case n == 9:
			return "hasflag " + pick("", ":contains ", `:count "ge" `) + pick(`"\\Seen"`, `"a"`, `"1"`, `"a b"`)
		case n == 10:
			return "date " + pick("", ":originalzone ", `:zone "-0500" `) + match() + pick(`"date"`, `"received"`) + " " + pick(`"year"`, `"hour"`, `"weekday"`, `"date"`, `"time"`, `"zone"`, `"julian"`, `"iso8601"`, `"std11"`) + " " + pick(`"2026"`, `"10"`, `"*1*"`, `"2"`, `"2026-11-24"`, `"+0100"`)
		case n == 11 && depth < 3:
			return "not " + test(depth+1)
		case depth < 3:
			return pick("allof", "anyof") + " (" + test(depth+1) + ", " + test(depth+1) + ")"
		}
		return pick("true", "false")
	}
	action := func() string {
		switch r.IntN(12) {
		case 0:
			return "keep;"
		case 1:
			return "discard;"
		case 2:
			return pick(`redirect "c@example.org";`, `redirect :copy "d@example.org";`)
		case 3:
			return pick("addflag ", "setflag ", "removeflag ") + pick(`"a";`, `["\\Seen", "b"];`, `"a b c";`)
		case 4:
			return "set " + pick("", ":upper ", ":lower :upperfirst ", ":length ", ":quotewildcard ") + `"x" ` + pick(`"${1}-${2}";`, `"aNn";`, `"${x}${x}*";`)
		case 5:
			return "stop;"
		case 6:
			return `vacation "gone";`
		case 7:
			return `fileinto :flags ` + pick(`"a"`, `["b", "\\Flagged"]`) + ` "Other";`
		case 8:
			return pick(`addheader "X-None" "ann";`, `deleteheader "x-spam-score";`, `deleteheader :contains "subject" "club";`, `addheader :last "Subject" "second";`)
		}
		// The same with and without :copy: the copy takes the implicit keep's place here, not there.
		return "fileinto " + pick(`:copy "Club";`, `"Box.${1}";`, `:copy "Case.${x}";`, `"INBOX";`)
	}
	var b strings.Builder
	b.WriteString(`require ["fileinto","copy","envelope","variables","imap4flags","relational","comparator-i;ascii-numeric","subaddress","date","vacation","editheader"];` + "\n")
	for range 1 + r.IntN(4) {
		if r.IntN(3) == 0 {
			fmt.Fprintln(&b, action())
			continue
		}
		fmt.Fprintf(&b, "if %s { %s }", test(0), action())
		if r.IntN(3) == 0 {
			fmt.Fprintf(&b, " elsif %s { %s %s }", test(0), action(), action())
		}
		if r.IntN(3) == 0 {
			fmt.Fprintf(&b, " else { %s }", action())
		}
		b.WriteString("\n")
	}
	return b.String()
}
