// Package password says which passwords people may choose: long enough, none of the first
// that anybody would try, and none that thieves have in their lists (NIST SP 800-63B §5.1.1.2).
// What a text is made of does not matter.
//
//	err := password.Rules{Length: 10, Leaked: "/var/lib/leaked.txt"}.Check(text, "ann@example.org")
//
// How passwords are kept, and compared, is package directory's.
package password

import (
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Why a password is refused.
var (
	ErrShort  = errors.New("the password is too short")
	ErrCommon = errors.New("the password is one of the first that anybody tries")
	ErrLeaked = errors.New("the password is on the list of those that leaked")
)

// Rules are those of a node.
type Rules struct {
	Length int    // characters at least
	Leaked string // file of hashes that leaked, see In; "": there is none
}

// Check fails with ErrShort, ErrCommon or ErrLeaked; any other error means that the list can't be
// read. names are those of the person, addresses among them: nobody's password is his own name.
func (r Rules) Check(text string, names ...string) error {
	if utf8.RuneCountInString(text) < r.Length {
		return ErrShort
	}
	if common(text) || named(text, names) {
		return ErrCommon
	}
	if r.Leaked == "" {
		return nil
	}
	leaked, err := In(r.Leaked, text)
	switch {
	case err != nil:
		return fmt.Errorf("password: %w", err)
	case leaked:
		return ErrLeaked
	}
	return nil
}

//go:embed common.txt
var commonWords string

// rows are what fingers find: characters that follow each other, in each of these or backwards.
var rows = [...]string{
	"012345678901234567890123456789", "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz",
	"1234567890qwertyuiopasdfghjklzxcvbnm", "1234567890azertyuiopqsdfghjklmwxcvbn", "1234567890qwertzuiopasdfghjklyxcvbnm",
	"1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p", "1a2b3c4d5e6f7g8h9i0j", "1q2w3e4r5t6y7u8i9o0p", "a1b2c3d4e5f6g7h8i9j0", "q1w2e3r4t5y6u7i8o9p0",
}

// common reports whether a text is a common word, once or several times, whatever digits and signs stand around it or for its
// letters; or characters that follow each other on a keyboard; or a few of them again and again.
func common(text string) bool {
	text = strings.ToLower(text)
	for _, row := range rows {
		if strings.Contains(row, text) || strings.Contains(row, backwards(text)) {
			return true
		}
	}
	if repeated(text, maxUnit) != "" {
		return true
	}
	for _, word := range cores(text) {
		if unit := repeated(word, len(word)/2); unit != "" {
			word = unit
		}
		if listed(word) {
			return true
		}
	}
	return false
}

// maxUnit is how many octets make no password, however often they come.
const maxUnit = 4

// repeated returns what a text is several times, of at most most octets; "": it is nothing but itself.
func repeated(text string, most int) string {
	for n := 1; n <= most && n <= len(text)/2; n++ {
		if unit := text[:n]; strings.HasPrefix(strings.Repeat(unit, len(text)/n+1), text) {
			return unit
		}
	}
	return ""
}

func backwards(text string) string {
	r := []rune(text)
	for i, j := 0, len(r)-1; i < j; i, j = i+1, j-1 {
		r[i], r[j] = r[j], r[i]
	}
	return string(r)
}

// cores are a text in lower case without what is put around a word, with and without what is put for letters in it.
func cores(text string) []string {
	letters := strings.NewReplacer("@", "a", "4", "a", "3", "e", "1", "i", "!", "i", "0", "o", "$", "s", "5", "s", "7", "t")
	sign := func(r rune) bool { return !unicode.IsLetter(r) }
	tail := func(r rune) bool { return sign(r) && r != '@' && r != '$' }
	return []string{strings.TrimFunc(text, sign), letters.Replace(strings.TrimRightFunc(text, sign)), letters.Replace(strings.TrimFunc(text, tail))}
}

// listed reports whether a word is in common.txt, one a line.
func listed(word string) bool {
	return word != "" && !strings.Contains(word, "\n") && strings.Contains("\n"+commonWords, "\n"+word+"\n")
}

// named reports whether a text is one of the names, a part of an address, or that with digits around.
func named(text string, names []string) bool {
	text = strings.ToLower(text)
	for _, name := range names {
		name = strings.ToLower(name)
		local, domain, _ := strings.Cut(name, "@")
		label, _, _ := strings.Cut(domain, ".")
		for _, part := range []string{name, local, domain, label, local + label} {
			if part == "" {
				continue
			}
			if bare := strings.TrimFunc(text, func(r rune) bool { return !unicode.IsLetter(r) }); text == part || bare == part {
				return true
			}
		}
	}
	return false
}
