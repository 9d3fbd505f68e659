package link

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// A Mention is a host that stands in a text.
type Mention struct {
	Host    string // in the DNS's form
	Domain  string // its registrable domain, "" of an IP address
	URL     string // the address as far as it stands there
	Address bool   // it is a mail address's: "ann@example.org"
	Bare    bool   // there is neither a scheme nor "www." nor a path: a guess, if a good one
}

// MaxShown is how much of a link's text is looked at, in octets: what is longer is no
// address that somebody reads.
const MaxShown = 300

// Shown returns the hosts that a link's text shows its reader. File names ("report.pdf") and
// sentences that lack a space are none.
func Shown(text string) (list []Mention) {
	if len(text) > MaxShown {
		text = text[:MaxShown]
	}
	if !strings.ContainsAny(text, ".:") && isASCII(text) {
		return nil
	}
	text = strings.TrimSpace(closeGaps(plain(text)))
	Mentions(text, nil, func(m Mention) bool {
		list = append(list, m)
		return len(list) < MaxHops
	})
	return list
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// plain brings letters and dots to one form, and leaves out what shows nothing.
func plain(s string) string {
	if isASCII(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == 0x3002 || r == 0xff61 || r == 0x2024:
			return '.'
		case isInvisible(r):
			return -1
		}
		return r
	}, norm.NFKC.String(s))
}

// closeGaps joins "paypal .com" and "paypal. com", as a reader does, where nothing follows.
func closeGaps(s string) string {
	for _, end := range []string{"com", "net", "org", "fr"} {
		for _, gap := range []string{" .", ". ", " . "} {
			if front, ok := strings.CutSuffix(strings.TrimSpace(s), gap+end); ok && strings.Trim(front, hostLetters) == "" {
				return front + "." + end
			}
		}
	}
	return s
}

const hostLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-."

// Mentions finds the hosts that stand in a text, addresses ("https://example.org/x"), mail
// addresses and bare names ("example.org"), and has yield called with each until it
// says false. Bare names have a suffix that some registry has, and are neither files nor
// sentences without a space, as far as that shows. It takes time in proportion to the text. known are
// domains that are known already, and others are added to it; nil: none are.
func Mentions(text string, known *Domains, yield func(Mention) bool) {
	for at := 0; at < len(text); {
		i := strings.IndexByte(text[at:], '.')
		if i < 0 {
			return
		}
		dot := at + i
		at = dot + 1
		if dot == 0 || at == len(text) || !isNameByte(text[dot-1]) || !isNameByte(text[at]) {
			continue
		}
		w := wordAround(text, dot, at-1-i)
		at = max(at, w.end)
		if m, ok := w.mention(known); ok && !yield(m) {
			return
		}
		if w.path > at {
			at = w.path
		}
	}
}

// A word is a name with dots in a text.
type word struct {
	text       string
	start, end int // of the name
	path       int // where what follows it ends
}

// wordAround finds the ends of the name around a dot, not before from.
func wordAround(text string, dot, from int) word {
	w := word{text: text, start: dot, end: dot + 1}
	for w.start > from && dot-w.start < MaxHost && (isNameByte(text[w.start-1]) || text[w.start-1] == '.') {
		w.start--
	}
	for w.end < len(text) && w.end-dot < MaxHost && (isNameByte(text[w.end]) || text[w.end] == '.') {
		w.end++
	}
	for w.end > w.start && (text[w.end-1] == '.' || text[w.end-1] == '-') {
		w.end--
	}
	for w.start < w.end && (text[w.start] == '.' || text[w.start] == '-') {
		w.start++
	}
	w.path = w.end
	if w.path < len(text) && strings.IndexByte("/?#:", text[w.path]) >= 0 {
		rest := text[w.path:min(len(text), w.path+MaxURL)]
		if n := strings.IndexAny(rest, " \t\r\n<>\"'"); n >= 0 {
			rest = rest[:n]
		}
		w.path += len(strings.TrimRight(rest, ".,;:!?)]}*_"))
	}
	return w
}

// isNameByte reports whether a byte may be a part of a host's label.
func isNameByte(c byte) bool { return isLetter(c) || isDigit(c) || c == '-' || c >= utf8.RuneSelf }

// mention judges a word by what stands around it.
func (w word) mention(known *Domains) (Mention, bool) {
	name, before, after := w.text[w.start:w.end], w.text[:w.start], w.text[w.end:]
	scheme := schemeBefore(before)
	m := Mention{URL: w.text[w.start:w.path], Address: strings.HasSuffix(before, "@") && scheme == ""}
	switch {
	case !strings.Contains(name, "."):
		return m, false
	case strings.HasPrefix(after, "@"), strings.HasPrefix(after, "\\"), strings.HasPrefix(after, "("), strings.HasPrefix(after, "_"), strings.HasPrefix(after, "="):
		return m, false // the local part of an address, a path, a call, a setting
	case scheme != "":
		m.URL = scheme + "://" + m.URL
	case m.Address:
		if len(before) < 2 || !isNameByte(before[len(before)-2]) && strings.IndexByte("_+.", before[len(before)-2]) < 0 {
			return m, false
		}
		m.URL = name
	case before != "" && strings.IndexByte(`/\_=~$&#%+`, before[len(before)-1]) >= 0:
		return m, false // a part of a path, or of something else
	default:
		m.Bare = !hasPath(after) && !(len(name) > 4 && strings.EqualFold(name[:4], "www."))
	}
	if m.Bare && (isWordsRunTogether(name, w.start == 0 && w.end == len(w.text)) || isFile(name)) {
		return m, false
	}
	var u URL
	if !u.parse(m.URL, known) || !u.IsWeb() {
		return m, false
	}
	m.Host = u.Host
	domain, ok := known.Of(u.Host)
	m.Domain = domain
	switch {
	case u.Addr.IsValid():
		return m, scheme != ""
	case !ok:
		return m, false
	}
	label, _, _ := strings.Cut(domain, ".")
	return m, !m.Bare || len(label) > 1
}

// schemeBefore returns the scheme that ends a text, "http" of "see http://", also "hxxp".
func schemeBefore(s string) string {
	s, ok := strings.CutSuffix(s, "://")
	if !ok {
		if i := strings.LastIndex(s[max(0, len(s)-80):], "://"); i >= 0 { // user-info between
			i += max(0, len(s)-80)
			if rest := s[i+3:]; strings.HasSuffix(rest, "@") && !strings.ContainsAny(rest, " \t\r\n/<>") {
				s, ok = s[:i], true
			}
		}
	}
	if !ok {
		return ""
	}
	for _, scheme := range []string{"https", "http", "hxxps", "hxxp", "ftp"} {
		if len(s) >= len(scheme) && strings.EqualFold(s[len(s)-len(scheme):], scheme) {
			return strings.Replace(scheme, "xx", "tt", 1)
		}
	}
	return ""
}

// hasPath reports whether a path, or a port, follows a name.
func hasPath(after string) bool {
	return strings.HasPrefix(after, "/") || len(after) > 1 && after[0] == ':' && startsPort(strings.TrimRight(after[1:min(len(after), 7)], " .,;)"))
}

// isWordsRunTogether reports whether a bare name is likelier the end of one sentence and the
// start of the next: "done.It", and in the midst of a text "done.it".
func isWordsRunTogether(name string, alone bool) bool {
	i := strings.LastIndexByte(name, '.')
	front, last := name[:i], name[i+1:]
	r, _ := utf8.DecodeRuneInString(last)
	if unicode.IsUpper(r) && strings.ToUpper(front) != front && !(len(last) > 1 && strings.ToUpper(last) == last) && !isTitle(name) {
		return true
	}
	return !alone && strings.Count(name, ".") == 1 && isEverydayWord(strings.ToLower(last))
}

// isTitle reports whether each label begins with a capital: "Amazon.Com".
func isTitle(name string) bool {
	label := name[strings.LastIndexByte(name[:strings.LastIndexByte(name, '.')], '.')+1:]
	r, _ := utf8.DecodeRuneInString(label)
	return unicode.IsUpper(r) && strings.HasSuffix(strings.ToLower(name), ".com")
}

// isEverydayWord reports whether a suffix is also a word, of English, French or German, that
// begins a sentence.
func isEverydayWord(s string) bool {
	switch s {
	case "it", "so", "in", "is", "me", "to", "us", "my", "as", "am", "do", "no", "by", "la", "et", "ma", "sa",
		"si", "il", "im", "je", "name", "pro", "one", "now", "how", "new", "here", "today", "news", "email", "help", "live",
		"life", "love", "world", "work", "works", "free", "best", "call", "click", "contact", "day", "download", "may", "open", "read",
		"save", "search", "see", "select", "sale", "show", "watch", "win", "you", "your", "just", "like", "next", "off", "only", "please", "plus",
		"red", "rest", "school", "science", "security", "services", "support", "team", "tips", "tours", "trade", "video", "web", "zone":
		return true
	}
	return false
}

// isFile reports whether a bare name is likelier a file or a product: suffixes of registries
// that are those of files.
func isFile(name string) bool {
	lower := strings.ToLower(name)
	switch lower {
	case "asp.net", "vb.net", "ado.net", "ml.net", "j.net":
		return true
	}
	if strings.Count(name, ".") > 1 {
		return false
	}
	switch lower[strings.LastIndexByte(lower, '.')+1:] {
	case "zip", "mov", "py", "sh", "pl", "rs", "md", "ps", "so", "am", "in", "mk", "pm", "la", "do", "tf", "sc", "st", "gd", "cab", "pub", "java", "bar", "gdn":
		return true
	}
	return false
}
