// Package ruleset makes Sieve of what the owner of a mailbox sets in simple words: an answer for
// the time of a vacation, and where mail is forwarded to.
//
// There is one place where such a rule lives, the script Name among the owner's other scripts. It
// holds the settings, in a comment, and what follows from them; so the owner sees in any program
// that edits scripts what was set here. Read takes the settings back, and refuses a script that is
// not what they make: whoever edits it by hand has made it his own.
//
// The script runs the owner's own active script behind the rules (RFC 6609), or is included by it.
package ruleset

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"gatepost/internal/mail"
)

// Name is the script's.
const Name = "gatepost"

// Settings are what the owner wants. The zero Settings want nothing.
type Settings struct {
	Vacation *Vacation `json:"vacation,omitempty"`
	Forward  *Forward  `json:"forward,omitempty"`
	Then     string    `json:"then,omitempty"` // the owner's own script, which runs behind; "": none
}

// A Vacation answers who writes.
type Vacation struct {
	From    string   `json:"from,omitempty"` // the first day, 2026-12-24, in the owner's zone; "": it has begun
	To      string   `json:"to,omitempty"`   // the last day; "": until it is taken away
	Subject string   `json:"subject,omitempty"`
	Text    string   `json:"text"`             // ${subject} and ${sender} stand for those of the mail
	Days    int      `json:"days"`             // nobody is answered twice within so many
	Except  []string `json:"except,omitempty"` // addresses and domains that are not answered
}

// A Forward sends mail on.
type Forward struct {
	To   []string `json:"to"`
	Keep bool     `json:"keep"` // a copy; without one the owner's own script does not run
}

// Bounds of what can be set.
const (
	MaxTargets = 4
	MaxExcept  = 100
	MaxText    = 16 << 10 // octets
	MaxSubject = 200      // letters
	MaxDays    = 90
)

var (
	// ErrSettings: they can't be.
	ErrSettings = errors.New("these settings can't be")
	// ErrEdited: somebody has edited the script, so that it is not what the settings in it make.
	ErrEdited = errors.New("the script was edited by hand: edit it there, or delete it first")
)

// Empty reports whether nothing is wanted.
func (s Settings) Empty() bool { return s.Vacation == nil && s.Forward == nil }

func wrong(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrSettings, fmt.Sprintf(format, args...))
}

// Check says what can't be, with ErrSettings as cause.
func (s Settings) Check() error {
	if f := s.Forward; f != nil {
		if len(f.To) == 0 || len(f.To) > MaxTargets {
			return wrong("mail is forwarded to 1 to %d addresses", MaxTargets)
		}
		for _, to := range f.To {
			if !isAddress(to) {
				return wrong("%q is no address", to)
			}
		}
	}
	if s.Vacation != nil {
		return s.Vacation.check()
	}
	return nil
}

func (v *Vacation) check() error {
	for _, day := range []string{v.From, v.To} {
		if _, err := time.Parse(time.DateOnly, day); day != "" && err != nil {
			return wrong("%q is no day such as 2026-12-24", day)
		}
	}
	switch {
	case v.From != "" && v.To != "" && v.To < v.From:
		return wrong("the last day is before the first one")
	case strings.TrimSpace(v.Text) == "" || len(v.Text) > MaxText || !utf8.ValidString(v.Text) || strings.ContainsRune(v.Text, 0):
		return wrong("the text has 1 to %d octets, of UTF-8", MaxText)
	case utf8.RuneCountInString(v.Subject) > MaxSubject || !utf8.ValidString(v.Subject) || strings.ContainsFunc(v.Subject, unicode.IsControl):
		return wrong("the subject is a line of %d letters at most", MaxSubject)
	case v.Days < 1 || v.Days > MaxDays:
		return wrong("a sender is answered once in 1 to %d days", MaxDays)
	case len(v.Except) > MaxExcept:
		return wrong("%d addresses and domains are excepted at most", MaxExcept)
	}
	for _, e := range v.Except {
		if !isAddress(e) && !isAddress("x@"+e) {
			return wrong("%q is no address and no domain", e)
		}
	}
	return nil
}

// isAddress: one address without a name, which is written into a script as it is.
func isAddress(s string) bool {
	p, err := mail.ParsePath(s)
	return err == nil && !p.IsNull() && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// head begins the script; the settings follow on its second line.
const (
	head   = "# Made by gatepost of what the owner has set. Without these two lines it is a script like others.\n"
	marked = "# settings: "
)

// Script writes the settings, which Check has passed, as Sieve.
func (s Settings) Script() (string, error) {
	kept, err := json.Marshal(s)
	if err != nil {
		return "", fmt.Errorf("ruleset: %w", err)
	}
	w := &writer{needs: map[string]bool{}}
	if s.Vacation != nil {
		w.vacation(s.Vacation)
	}
	stops := false
	if f := s.Forward; f != nil {
		stops = !f.Keep
		w.forward(f)
	}
	if s.Then != "" && !stops {
		w.need("include")
		w.line("include :personal :optional %s;", quote(s.Then))
	}
	return head + marked + string(kept) + "\n" + w.require() + w.body.String(), nil
}

// Read takes the settings back from what Script wrote, whatever line ends it has got. It fails
// with ErrEdited.
func Read(script string) (Settings, error) {
	var s Settings
	script = strings.ReplaceAll(script, "\r\n", "\n")
	rest, ok := strings.CutPrefix(script, head+marked)
	line, _, _ := strings.Cut(rest, "\n")
	if !ok || json.Unmarshal([]byte(line), &s) != nil || s.Check() != nil {
		return Settings{}, ErrEdited
	}
	same, err := s.Script()
	if err != nil || strings.ReplaceAll(same, "\r\n", "\n") != strings.TrimRight(script, "\n")+"\n" {
		return Settings{}, ErrEdited
	}
	return s, nil
}

// A writer writes commands, and notes what they need.
type writer struct {
	body  strings.Builder
	needs map[string]bool
}

func (w *writer) need(capabilities ...string) {
	for _, c := range capabilities {
		w.needs[c] = true
	}
}

func (w *writer) line(format string, args ...any) { fmt.Fprintf(&w.body, format+"\n", args...) }

func (w *writer) require() string {
	var list []string
	for _, c := range []string{"copy", "date", "include", "relational", "vacation", "variables"} {
		if w.needs[c] {
			list = append(list, c)
		}
	}
	if len(list) == 0 {
		return ""
	}
	return "require " + quoteAll(list) + ";\n"
}

// vacation: RFC 5230, with days of RFC 5260 and variables of RFC 5229.
func (w *writer) vacation(v *Vacation) {
	w.need("vacation")
	var tests, addresses, domains []string
	for _, limit := range [][2]string{{"ge", v.From}, {"le", v.To}} {
		if limit[1] != "" {
			w.need("date", "relational")
			tests = append(tests, fmt.Sprintf("currentdate :value %s \"date\" %s", quote(limit[0]), quote(limit[1])))
		}
	}
	for _, e := range v.Except {
		if strings.Contains(e, "@") {
			addresses = append(addresses, e)
		} else {
			domains = append(domains, e)
		}
	}
	for _, of := range []struct {
		part string
		list []string
	}{{":all", addresses}, {":domain", domains}} {
		if len(of.list) > 0 {
			tests = append(tests, fmt.Sprintf("not address %s :is [\"from\", \"sender\"] %s", of.part, quoteAll(of.list)))
		}
	}
	if len(tests) > 0 {
		w.line("if allof (%s) {", strings.Join(append([]string{"true"}, tests...), ",\n  "))
	}
	if strings.Contains(v.Subject+v.Text, "${") {
		w.need("variables")
		w.line(`if header :matches "subject" "*" { set "subject" "${1}"; }`)
		w.line(`if address :matches "from" "*" { set "sender" "${1}"; }`)
	}
	subject := ""
	if v.Subject != "" {
		subject = " :subject " + quote(v.Subject)
	}
	w.line("vacation :days %d%s %s;", v.Days, subject, quote(v.Text))
	if len(tests) > 0 {
		w.line("}")
	}
}

func (w *writer) forward(f *Forward) {
	for _, to := range f.To {
		if f.Keep {
			w.need("copy")
			w.line("redirect :copy %s;", quote(to))
		} else {
			w.line("redirect %s;", quote(to))
		}
	}
	if !f.Keep {
		w.line("stop;")
	}
}

// quote writes a string (RFC 5228 §2.4.2).
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

func quoteAll(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = quote(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
