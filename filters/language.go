package filters

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"gatepost/pipeline"
)

// language tells in which language a message is written, and scores one that nobody in the domain
// reads: `read` names those that they do, by their codes. It goes by the commonest words of each
// language and by scripts that one language alone has; quotes and signatures are left out. What is
// short, mixed, or in a language that it does not know is `unknown`, which says nothing. It knows
// en, fr, de, es, it, pt, nl, sv, da, no, fi, pl, cs, hu, ro, tr, id, and ru, uk, el, he, ar,
// fa, ja, ko, zh, th and hi by their letters.
type language struct {
	read   []string
	words  int
	common wordIndex
}

// A wordIndex says of which languages a word is common.
type wordIndex map[string][]string

func newWordIndex() wordIndex {
	index := wordIndex{}
	for code, list := range commonWords() {
		for word := range strings.FieldsSeq(list) {
			index[word] = append(index[word], code)
		}
	}
	return index
}

type languageOptions struct {
	Read  []string `setting:"read" doc:"codes of the languages that are read, such as en and fr; none: every language is"`
	Words int      `setting:"words" doc:"words that a text has at least, to be told the language of"`
}

func languageKind() pipeline.Kind {
	return pipeline.Kind{
		Name: "language", Stage: pipeline.Data, Scope: pipeline.PerMessage,
		Results: []pipeline.Result{
			{Word: "foreign", Effect: "score 2", Doc: "it is in a language that is not read"},
			{Word: "read", Effect: "none", Doc: "it is in one that is"},
			{Word: "unknown", Effect: "none", Doc: "it can't be told"},
		},
		Options: func() any { return &languageOptions{Read: []string{}, Words: 12} },
		New: func(options any) (pipeline.Filter, error) {
			return newLanguage(*options.(*languageOptions))
		},
	}
}

func newLanguage(o languageOptions) (pipeline.Filter, error) {
	for _, code := range o.Read {
		if _, common := commonWords()[code]; !common && !slices.ContainsFunc(scriptLanguages(), func(s scriptLanguage) bool { return s.code == code }) {
			return nil, fmt.Errorf("language %q is none that can be told", code)
		}
	}
	if o.Words < 1 {
		return nil, fmt.Errorf("words %d is below 1", o.Words)
	}
	return language{o.Read, o.Words, newWordIndex()}, nil
}

// Check implements pipeline.Filter.
func (l language) Check(ctx context.Context, q pipeline.Query) (pipeline.Finding, error) {
	w, err := writtenFact(ctx, q.Tx)
	if err != nil {
		return pipeline.Finding{}, fmt.Errorf("language: %w", err)
	}
	f := pipeline.Finding{Result: "unknown"}
	if w.cut {
		f.Evidence = append(f.Evidence, pipeline.Evidence{Key: "cut", Value: "the message has more text than was looked at"})
	}
	code := ""
	for _, text := range w.texts {
		if code = l.common.tell(text, l.words); code != "" {
			break
		}
	}
	if code == "" {
		return f, nil
	}
	f.Result, f.Reason = "read", "the text is in "+code
	if len(l.read) > 0 && !slices.Contains(l.read, code) {
		f.Result = "foreign"
		f.Reason += ", and " + strings.Join(l.read, ", ") + " are read"
	}
	f.Evidence = append(f.Evidence, pipeline.Evidence{Key: "language", Value: code})
	return f, nil
}

// A scriptLanguage is a language that its letters tell.
type scriptLanguage struct {
	code  string
	table *unicode.RangeTable
	marks string // letters that only this language of the script has; the last of a script needs none
}

func scriptLanguages() []scriptLanguage {
	return []scriptLanguage{
		{"ja", unicode.Hiragana, ""}, {"ja", unicode.Katakana, ""}, {"ko", unicode.Hangul, ""}, {"zh", unicode.Han, ""},
		{"uk", unicode.Cyrillic, "іїєґ"}, {"ru", unicode.Cyrillic, "ыэё"}, {"el", unicode.Greek, ""}, {"he", unicode.Hebrew, ""},
		{"fa", unicode.Arabic, "پچژگ"}, {"ar", unicode.Arabic, "ةىأإ"}, {"th", unicode.Thai, ""}, {"hi", unicode.Devanagari, ""},
	}
}

// tell returns the code of the language of a text that has so many words, or "".
func (x wordIndex) tell(text string, least int) string {
	text = strings.ToLower(text)
	if latin, all := latinLetters(text); all > 0 && latin*2 < all {
		return byLetters(text, all, least)
	}
	return x.byWords(text, least)
}

// latinLetters counts letters, those of Latin first.
func latinLetters(s string) (latin, all int) {
	all, latin = letters(s, []*unicode.RangeTable{unicode.Latin})
	for i := range len(s) {
		if c := s[i]; 'a' <= c && c <= 'z' {
			latin++
		}
	}
	return latin, all
}

// byLetters tells a language by its script: half of the letters, or a tenth for kana, which stands
// among Han.
func byLetters(text string, all, least int) string {
	if all < 2*least {
		return ""
	}
	for _, l := range scriptLanguages() {
		_, those := letters(text, []*unicode.RangeTable{l.table})
		enough := those*2 > all || l.code == "ja" && those*10 > all
		if enough && (l.marks == "" || strings.ContainsAny(text, l.marks)) {
			return l.code
		}
	}
	return ""
}

// byWords counts the common words of each language; a word that several have counts for each in part.
func (x wordIndex) byWords(text string, least int) string {
	score := map[string]float64{}
	n := 0
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.Is(unicode.M, r) }) {
		n++
		for _, code := range x[word] {
			score[code] += 1 / float64(len(x[word]))
		}
	}
	best, second := "", ""
	for _, code := range sortedCodes() {
		switch {
		case best == "" || score[code] > score[best]:
			best, second = code, best
		case second == "" || score[code] > score[second]:
			second = code
		}
	}
	if n < least || score[best] < 2 || score[best]*12 < float64(n) || score[best] < 1.5*score[second] {
		return ""
	}
	return best
}
