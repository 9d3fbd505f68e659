// Package locale has texts in several languages: those of our pages, and of the mails
// that we write.
//
// Texts live in files beside the code that shows them, a directory for each language and
// any number of files in it (words/en/digest.txt, words/fr/digest.txt). A line is a key,
// " = ", and the text:
//
//	held.none = Nothing is held.
//	held.many = %d messages are held.
//
// A text may have verbs of package fmt, with indices where the languages' order differs.
// A key with one number for its first argument may have a form for one of it, under the
// key with ".one" behind. Lines that are blank or begin with # are left out; a line that
// begins with a blank goes on with the one above.
//
// New refuses files whose languages don't have the same keys with the same verbs: a text
// that is missing is found when the program is tested, not by a reader.
package locale

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/language"
)

// A Catalog has texts by language and key. It is never changed.
type Catalog struct {
	languages []string // the first is the one that is taken where none fits
	matcher   language.Matcher
	texts     map[string]map[string]string
}

// New reads the directories of the languages, the first of which is the fallback.
func New(files fs.FS, languages ...string) (*Catalog, error) {
	c := &Catalog{languages: languages, texts: map[string]map[string]string{}}
	var tags []language.Tag
	for _, l := range languages {
		tags = append(tags, language.Make(l))
		texts, err := read(files, l)
		if err != nil {
			return nil, fmt.Errorf("locale: %w", err)
		}
		c.texts[l] = texts
	}
	c.matcher = language.NewMatcher(tags)
	return c, c.compare()
}

func read(files fs.FS, dir string) (map[string]string, error) {
	names, err := fs.Glob(files, path.Join(dir, "*.txt"))
	if err == nil && len(names) == 0 {
		err = fmt.Errorf("no texts in %s", dir)
	}
	if err != nil {
		return nil, err
	}
	texts := map[string]string{}
	for _, name := range names {
		b, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		if err := parse(string(b), texts); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if dir == "fr" {
		for key, text := range texts {
			texts[key] = frenchSpaces.Replace(text)
		}
	}
	return texts, nil
}

// frenchSpaces keeps a line from ending before what French sets off by a space: a narrow one, and one of full width before
// a colon and inside of quotation marks.
var frenchSpaces = strings.NewReplacer(" ?", "\u202f?", " !", "\u202f!", " ;", "\u202f;", " :", "\u00a0:", " »", "\u00a0»", "« ", "«\u00a0")

func parse(file string, texts map[string]string) error {
	last := ""
	n := 0
	for line := range strings.Lines(file) {
		n++
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" || line[0] == '#' {
			continue
		}
		if line[0] == ' ' {
			if last == "" {
				return fmt.Errorf("line %d goes on with nothing", n)
			}
			texts[last] += " " + strings.TrimSpace(line)
			continue
		}
		key, text, ok := strings.Cut(line, " = ")
		if _, twice := texts[key]; !ok || twice {
			return fmt.Errorf("line %d: want KEY = TEXT, each key once: %q", n, line)
		}
		last = key
		texts[key] = strings.TrimSpace(text)
	}
	return nil
}

var verb = regexp.MustCompile(`%(?:\[\d+\])?[-+# 0-9.]*[a-zA-Z%]`)

// compare tells where languages differ in keys, or in the verbs of a text.
func (c *Catalog) compare() error {
	var errs []error
	first := c.texts[c.languages[0]]
	for _, l := range c.languages[1:] {
		for _, key := range slices.Sorted(maps.Keys(first)) {
			text, ok := c.texts[l][key]
			switch {
			case !ok:
				errs = append(errs, fmt.Errorf("locale: %s has no text for %s", l, key))
			case !slices.Equal(verbs(first[key]), verbs(text)):
				errs = append(errs, fmt.Errorf("locale: %s has %v in %s, where %s has %v", l, verbs(text), key, c.languages[0], verbs(first[key])))
			}
		}
		for _, key := range slices.Sorted(maps.Keys(c.texts[l])) {
			if _, ok := first[key]; !ok {
				errs = append(errs, fmt.Errorf("locale: only %s has a text for %s", l, key))
			}
		}
	}
	return errors.Join(errs...)
}

// verbs are those of a text, sorted, by the argument they show.
func verbs(text string) (list []string) {
	n := 0
	for _, v := range verb.FindAllString(text, -1) {
		if v == "%%" {
			continue
		}
		n++
		if !strings.Contains(v, "[") {
			v = fmt.Sprintf("%%[%d]%s", n, v[1:])
		}
		list = append(list, v)
	}
	slices.Sort(list)
	return list
}

// Languages are those of the catalogue, the fallback first.
func (c *Catalog) Languages() []string { return c.languages }

// Match returns the language that fits the wishes best, each a tag or the value of an
// Accept-Language field (RFC 9110 §12.5.4); the earlier wish counts first.
func (c *Catalog) Match(wishes ...string) string {
	for _, w := range wishes {
		tags, _, err := language.ParseAcceptLanguage(w)
		if err != nil || len(tags) == 0 {
			continue
		}
		if _, i, how := c.matcher.Match(tags...); how > language.No {
			return c.languages[i]
		}
	}
	return c.languages[0]
}

// Keys are all keys, sorted.
func (c *Catalog) Keys() []string { return slices.Sorted(maps.Keys(c.texts[c.languages[0]])) }

// Has reports whether there is a text for a key.
func (c *Catalog) Has(key string) bool {
	_, ok := c.texts[c.languages[0]][key]
	return ok
}

// Text returns the text of a key, with its arguments. A key without a text is shown
// as it is, in brackets.
func (c *Catalog) Text(lang, key string, args ...any) string {
	texts, ok := c.texts[lang]
	if !ok {
		texts = c.texts[c.languages[0]]
	}
	if len(args) > 0 && isOne(lang, args[0]) {
		if text, ok := texts[key+".one"]; ok {
			return fmt.Sprintf(text, args...)
		}
	}
	text, ok := texts[key]
	switch {
	case !ok:
		return "[" + key + "]"
	case len(args) == 0:
		return text
	}
	return fmt.Sprintf(text, args...)
}

// isOne reports whether a number takes the singular (French counts nothing as one,
// too).
func isOne(lang string, arg any) bool {
	n := fmt.Sprint(arg)
	switch arg.(type) {
	case int, int64, int32, uint64, uint32:
		return n == "1" || n == "0" && strings.HasPrefix(lang, "fr")
	}
	return false
}
