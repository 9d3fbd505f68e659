package rulebook

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"gatepost/internal/mail"
	"gatepost/mailbox"
	"gatepost/mailbox/sieve"
)

// A Rule says what becomes of mail that fits its conditions.
type Rule struct {
	Name       string // "": it has none
	Off        bool   // it does nothing
	Match      Match
	Conditions []Condition // none: Always

	Flag    bool     // as important: \Flagged
	Seen    bool     // as read: \Seen
	Labels  []string // keywords of IMAP, each once, whatever its case
	File    Folder   // into this folder, and not into the inbox
	Copy    Folder   // into this one as well
	Forward []string // to these addresses
	Away    bool     // of Forward: no copy stays
	Keep    bool     // in the inbox, whatever other rules do
	Delete  bool     // for good
	Stop    bool     // no rule below is looked at
}

// A Folder is one that mail is filed into. The zero Folder is none.
type Folder struct {
	Name   string // UTF-8, levels separated by "/"
	Create bool   // it is made where it is missing; else the inbox takes its place
}

// Acts are what rules may do where they stand, beside sending mail on, keeping and deleting it.
type Acts struct {
	Mark bool // as important and as read, and with labels
	File bool // into folders
}

// AllActs are all that there are.
func AllActs() Acts { return Acts{Mark: true, File: true} }

func (a Acts) check(r Rule) error {
	if !a.Mark && (r.Flag || r.Seen || r.Labels != nil) || !a.File && r.File.Name+r.Copy.Name != "" {
		return Fault{What: NotHere}
	}
	return nil
}

// Match is how many of a rule's conditions are to fit.
type Match string

// Matches.
const (
	All    Match = "all"
	Any    Match = "any"
	Always Match = "always" // it has no conditions
)

// A Condition fits a message, or does not.
type Condition struct {
	Field  Field
	Header string // of Header: the field's name
	Op     Op
	Not    bool     // it fits where the rest does not; not of Size and Spam
	Values []string // texts, any of which fits; not of Size and Spam
	Number uint64   // of Size octets, of Spam 0 to 100
}

// A Field is what a condition looks at.
type Field string

// Fields. In texts, letters of ASCII are the same in either case.
const (
	Subject   Field = "subject"
	Sender    Field = "sender"    // the addresses of From
	Recipient Field = "recipient" // those of To and Cc
	Header    Field = "header"    // any field, by name
	Body      Field = "body"      // what a reader sees of the message (RFC 5173 §5.3)
	Size      Field = "size"
	Spam      Field = "spam" // how sure the filters are that it is spam
)

// Fields returns all of them.
func Fields() []Field { return []Field{Subject, Sender, Recipient, Header, Body, Size, Spam} }

// An Op is how a condition compares.
type Op string

// Ops.
const (
	Is       Op = "is"
	Contains Op = "contains"
	Begins   Op = "begins"
	Ends     Op = "ends"

	Over  Op = "over" // of Size
	Under Op = "under"

	Least Op = "least" // of Spam: so much or more
	Below Op = "below"
)

// OpsOf returns those that go with a field.
func OpsOf(f Field) []Op {
	switch f {
	case Size:
		return []Op{Over, Under}
	case Spam:
		return []Op{Least, Below}
	case Body: // whose first and last words say nothing
		return []Op{Contains}
	}
	return []Op{Is, Contains, Begins, Ends}
}

// Bounds of what can be filled in.
const (
	MaxConditions = 20
	MaxValues     = 50
	MaxValue      = 500 // octets
	MaxName       = 100 // letters
	MaxForward    = sieve.MaxRedirects
	MaxLabels     = 20
	MaxSize       = 1 << 32 // octets
	maxHeader     = 100
)

// A Wrong is what can't be in a rule.
type Wrong string

// Wrongs.
const (
	BadName       Wrong = "name"       // a line of MaxName letters
	BadMatch      Wrong = "match"      // no Match
	NoConditions  Wrong = "conditions" // none, and not Always; or more than MaxConditions
	BadOp         Wrong = "op"         // it does not go with the field
	BadHeader     Wrong = "header"     // no name of a header field
	BadValues     Wrong = "values"     // none, or more than MaxValues
	BadValue      Wrong = "value"      // blank, too long, or more than a line
	BadSize       Wrong = "size"
	BadSpam       Wrong = "spam"
	BadFolder     Wrong = "folder"
	BadAddress    Wrong = "address"
	ManyAddresses Wrong = "addresses" // more than MaxForward
	BadLabel      Wrong = "label"     // no keyword of IMAP
	ManyLabels    Wrong = "labels"    // more than MaxLabels
	NotHere       Wrong = "here"      // an act that is none of the book's Acts
	NoAction      Wrong = "nothing"   // it does nothing
	Contradiction Wrong = "both"      // what is deleted is not kept, too
)

// A Fault is what is wrong with a rule, and in which of its conditions.
type Fault struct {
	What      Wrong
	Condition int // from 1; 0: in none
}

// Error implements error.
func (f Fault) Error() string { return fmt.Sprintf("rulebook: %s, condition %d", f.What, f.Condition) }

// Clean returns a rule in the one form in which it is read again, or a Fault.
func (r Rule) Clean() (Rule, error) {
	r.Name = strings.TrimSpace(r.Name)
	r.Conditions = slices.Clone(r.Conditions)
	for i, c := range r.Conditions {
		r.Conditions[i] = c.clean()
	}
	switch {
	case r.Match == Always:
		r.Conditions = nil
	case len(r.Conditions) == 1 && r.Match == Any:
		r.Match = All
	}
	if len(r.Forward) == 0 {
		r.Away, r.Forward = false, nil
	}
	r.Labels = once(r.Labels)
	return r, r.check()
}

// once returns labels without those that stand there already. Letters in either case are the same, as mailbox.Flags has it.
func once(labels []string) (list []string) {
	for _, l := range labels {
		if !slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, l) }) {
			list = append(list, l)
		}
	}
	return list
}

func (c Condition) clean() Condition {
	if c.Field != Header {
		c.Header = ""
	} else if c.Header = strings.TrimSpace(c.Header); strings.EqualFold(c.Header, "subject") {
		c.Field, c.Header = Subject, ""
	}
	if c.Field == Size || c.Field == Spam {
		c.Not, c.Values = false, nil
	} else {
		c.Number = 0
	}
	return c
}

func (r Rule) check() error {
	switch {
	case utf8.RuneCountInString(r.Name) > MaxName || !isLine(r.Name):
		return Fault{What: BadName}
	case r.Match != All && r.Match != Any && r.Match != Always:
		return Fault{What: BadMatch}
	case r.Match != Always && len(r.Conditions) == 0, len(r.Conditions) > MaxConditions:
		return Fault{What: NoConditions}
	}
	for i, c := range r.Conditions {
		if wrong := c.wrong(); wrong != "" {
			return Fault{wrong, i + 1}
		}
	}
	return r.checkActions()
}

func (r Rule) checkActions() error {
	for _, f := range []Folder{r.File, r.Copy} {
		if f != (Folder{}) && !isFolder(f.Name) {
			return Fault{What: BadFolder}
		}
	}
	if r.File.Name != "" && r.File.Name == r.Copy.Name {
		return Fault{What: BadFolder}
	}
	kept := r.Flag || r.Seen || r.Labels != nil || r.File.Name != "" || r.Copy.Name != "" || r.Forward != nil || r.Keep
	switch {
	case len(r.Forward) > MaxForward:
		return Fault{What: ManyAddresses}
	case slices.ContainsFunc(r.Forward, func(s string) bool { return !isAddress(s) }):
		return Fault{What: BadAddress}
	case len(r.Labels) > MaxLabels:
		return Fault{What: ManyLabels}
	case slices.ContainsFunc(r.Labels, func(s string) bool { return !isLabel(s) }):
		return Fault{What: BadLabel}
	case r.Delete && kept:
		return Fault{What: Contradiction}
	case !r.Delete && !kept && !r.Stop:
		return Fault{What: NoAction}
	}
	return nil
}

func (c Condition) wrong() Wrong {
	switch {
	case !slices.Contains(Fields(), c.Field) || !slices.Contains(OpsOf(c.Field), c.Op):
		return BadOp
	case c.Field == Size && (c.Number == 0 || c.Number > MaxSize):
		return BadSize
	case c.Field == Spam && c.Number > 100:
		return BadSpam
	case c.Field == Size || c.Field == Spam:
		return ""
	case c.Field == Header && !isHeader(c.Header):
		return BadHeader
	case len(c.Values) == 0 || len(c.Values) > MaxValues:
		return BadValues
	case slices.ContainsFunc(c.Values, func(v string) bool { return strings.TrimSpace(v) == "" || len(v) > MaxValue || !isLine(v) }):
		return BadValue
	}
	return ""
}

// isLine: text that stands on one line, which nothing can end.
func isLine(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' })
}

// isHeader: RFC 5322 §3.6.8.
func isHeader(s string) bool {
	return s != "" && len(s) <= maxHeader && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == ':' })
}

func isFolder(s string) bool {
	clean, err := mailbox.CleanName(s)
	return err == nil && clean == s && isLine(s)
}

// isLabel: a flag that a message can have, and none that has a meaning for every server.
func isLabel(s string) bool {
	f, err := mailbox.ParseFlags([]string{s})
	return err == nil && f.Keywords == s
}

// isAddress: one address without a name, which is written into a script as it is.
func isAddress(s string) bool {
	p, err := mail.ParsePath(s)
	return err == nil && !p.IsNull() && isLine(s)
}
