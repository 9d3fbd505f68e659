package store

import (
	"encoding/json"
	"fmt"
	"strings"

	"gatepost/internal/access"
	"gatepost/internal/privacy"
	"gatepost/internal/trust"
)

// A personal table is a decision: which of its rows are about a person, and what a person is shown of them. Each
// table of the schema has one, with each of its columns; a test compares.
//
// A column is a name, and behind it "*" where it is part of the key, "@" where it is a time in microseconds, and
// "-" where it is not shown: what is secret, what tells of others, and what says nothing to anybody (numbers of
// rows, forms in lower case to search by).
type personal struct {
	table   string
	columns string
	walk    string // the one indexed column by which the rows are walked through; "": the key
	why     string // nothing in it is about a person
	about   []about
}

// An about is one way in which rows are about a person.
type about struct {
	what          string // they are, for who reads the export
	where         condition
	fate          privacy.Fate
	why           string                                 // kept
	set           string                                 // blanked: what columns become
	does          func(tx *Tx, row map[string]any) error // in the place of the row's end
	before, after string                                 // run with each commit that ended some, first or last
	hide          string                                 // columns that are not shown here
	also          string                                 // columns that are shown here alone
	bare          bool                                   // only the number of rows is shown
	shown         map[string]func(string) any            // what is made of a column
}

// A condition is a WHERE for a person. Its text is always the same.
type condition func(s *privacy.Subject) (text string, args []any)

// is matches columns that have the address, as it is, as one of its forms with a tag of BATV in front, or, of an
// address of ours, with a sub-address.
func is(columns ...string) condition {
	return func(s *privacy.Subject) (string, []any) {
		address, canonical := string(s.Address), string(s.Address.Canonical())
		like, tagged := escapeLike(address), escapeLike(address)
		if s.Tagged {
			tagged = escapeLike(s.Address.Local()) + "+%@" + escapeLike(s.Address.Domain())
		}
		var parts []string
		var args []any
		for _, c := range columns {
			parts = append(parts, c+` IN (?, ?) OR `+c+` LIKE ? ESCAPE '!' OR `+c+` LIKE ? ESCAPE '!' OR `+c+` LIKE ? ESCAPE '!' OR `+c+` LIKE ? ESCAPE '!'`)
			args = append(args, address, canonical, "prvs=%="+like, "msprvs1=%="+like, "btv1==%=="+like, tagged)
		}
		return `(` + strings.Join(parts, ` OR `) + `)`, args
	}
}

// equals matches a column that has the address and nothing else.
func equals(column string) condition {
	return func(s *privacy.Subject) (string, []any) { return column + ` = ?`, []any{string(s.Address)} }
}

// acted matches a column of who did something: the address, or whom its owner gave support access.
func acted(column string) condition {
	return func(s *privacy.Subject) (string, []any) {
		return column + ` IN (?, ?)`, []any{string(s.Address), access.SupportOf(string(s.Address))}
	}
}

// author matches an author as the header has it, in lower case: alone, or in angle brackets.
func author(column string) condition {
	return func(s *privacy.Subject) (string, []any) {
		return `(` + column + ` = ? OR ` + column + ` LIKE ? ESCAPE '!')`, []any{string(s.Address), "%<" + escapeLike(string(s.Address)) + ">%"}
	}
}

// among matches a column of addresses, one a line.
func among(column string) condition {
	return func(s *privacy.Subject) (string, []any) {
		return `'` + "\n" + `' || LOWER(` + column + `) || '` + "\n" + `' LIKE ? ESCAPE '!'`, []any{"%\n" + escapeLike(string(s.Address)) + "\n%"}
	}
}

// tabbed matches a column of words with tabs between.
func tabbed(column string) condition {
	return func(s *privacy.Subject) (string, []any) {
		return `'` + "\t" + `' || ` + column + ` || '` + "\t" + `' LIKE ? ESCAPE '!'`, []any{"%\t" + escapeLike(string(s.Address)) + "\t%"}
	}
}

// quoted matches a column of JSON in which a value is the address.
func quoted(column string) condition {
	return func(s *privacy.Subject) (string, []any) {
		value, _ := json.Marshal(string(s.Address)) // a text always can
		return `LOWER(` + column + `) LIKE ? ESCAPE '!'`, []any{"%" + escapeLike(strings.ToLower(string(value))) + "%"}
	}
}

// mentions matches a text in which the address stands by itself, or at the beginning of a longer name: which of the two
// the row alone tells, so nothing of such rows is shown.
func mentions(column string) condition {
	return func(s *privacy.Subject) (string, []any) {
		return `LOWER(` + column + `) LIKE ? ESCAPE '!'`, []any{"%" + escapeLike(string(s.Address)) + "%"}
	}
}

// own matches a column that has the number of the mailbox.
func own(column string) condition {
	return func(s *privacy.Subject) (string, []any) {
		return `(` + column + ` = ? AND ` + column + ` > 0)`, []any{s.Box}
	}
}

// ownWord matches a column that has the number of the mailbox behind a word.
func ownWord(column, word string) condition {
	return func(s *privacy.Subject) (string, []any) { return column + ` = ?`, []any{fmt.Sprint(word, s.Box)} }
}

// scoped matches a column with a trust.Scope of the mailbox, or of the address that has none.
func scoped(column string) condition {
	return func(s *privacy.Subject) (string, []any) {
		return column + ` IN (?, ?)`, []any{string(trust.ForMailbox(s.Box)), string(trust.ForAddress(s.Address))}
	}
}

// byNumber matches columns that have one of the numbers that greylisting makes of the address.
func byNumber(columns ...string) condition {
	return func(s *privacy.Subject) (string, []any) {
		var parts []string
		var args []any
		for _, c := range columns {
			parts = append(parts, c+` IN (?, ?)`)
			for i := range 2 {
				n := int64(0)
				if i < len(s.Numbers) {
					n = s.Numbers[i]
				}
				args = append(args, n)
			}
		}
		return `(` + strings.Join(parts, ` OR `) + `)`, args
	}
}

// only is a condition that is the same for all.
func only(text string) condition {
	return func(*privacy.Subject) (string, []any) { return text, nil }
}

func all(list ...condition) condition  { return combined(` AND `, list) }
func some(list ...condition) condition { return combined(` OR `, list) }

func combined(word string, list []condition) condition {
	return func(s *privacy.Subject) (string, []any) {
		var parts []string
		var args []any
		for _, c := range list {
			text, more := c(s)
			parts, args = append(parts, text), append(args, more...)
		}
		return `(` + strings.Join(parts, word) + `)`, args
	}
}

// A trait is a column of a personal table, and what is decided of it.
type trait struct {
	name              string
	key, time, hidden bool
}

func columnsOf(text string) (list []trait) {
	for _, word := range strings.Fields(text) {
		name := strings.TrimRight(word, "*@-")
		marks := word[len(name):]
		list = append(list, trait{name, strings.Contains(marks, "*"), strings.Contains(marks, "@"), strings.Contains(marks, "-")})
	}
	return list
}

// fateFor is what becomes of rows if a person asks: what others chose goes if that is wanted, too.
func (a *about) fateFor(s *privacy.Subject) (privacy.Fate, string) {
	if a.why == choices && s.Choices {
		return privacy.Removed, ""
	}
	return a.fate, a.why
}
