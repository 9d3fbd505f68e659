package bayes

import (
	"math/bits"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// shape gathers one shape: what it is of, and what it is.
func (c *collector) shape(fam family, label string, values ...string) {
	h := hash(basis, label)
	for _, v := range values {
		h = hash((h^0xff)*16777619, v)
	}
	h = final(h)
	c.lists[fam] = append(c.lists[fam], h)
	if c.named != nil && (c.wanted == nil || c.wanted(fam, h)) {
		c.named(fam, h, label+": "+strings.Join(values, ", "))
	}
}

func (c *collector) number(fam family, label string, n int) { c.shape(fam, label, strconv.Itoa(n)) }

// shapes gathers what the message is like, apart from its words.
func (c *collector) shapes(s *source) {
	c.order(s)
	from := ""
	for _, f := range s.fields {
		if f.lower == "from" {
			from = domainOf(f.value)
		}
		c.field(f, from)
	}
	words := len(c.lists[textWords])
	for _, p := range s.parts {
		c.shape(textWords, "part", p)
		if w := strings.Fields(p); len(w) > 1 {
			c.shape(textWords, "part type", w[1])
		}
	}
	for _, sign := range s.signs {
		c.shape(textWords, "sign", sign)
	}
	for _, name := range s.names {
		if i := strings.LastIndexByte(name, '.'); i >= 0 {
			c.shape(textWords, "file", strings.ToLower(clip(name[i:], 10)))
		}
	}
	if s.hidden > 0 {
		c.number(textWords, "hidden text, power of two", bits.Len(uint(s.hidden)))
	}
	c.links(s)
	c.letters(s)
	for _, h := range c.lists[textWords][words:] {
		c.lists[textGrams] = append(c.lists[textGrams], final(h+1))
	}
}

// order: which fields there are, and which stand beside each other.
func (c *collector) order(s *source) {
	var last, before string
	received, count := 0, 0
	var missing [len(usual)]bool
	for i := range missing {
		missing[i] = true
	}
	for _, f := range s.fields {
		for i, name := range usual {
			if f.lower == name {
				missing[i] = false
			}
		}
		if f.lower == "received" {
			received++
			continue
		}
		count++
		c.shape(headShapes, "field", f.name)
		if last != "" {
			c.shape(headShapes, "fields", last, f.name)
		}
		if before != "" {
			c.shape(headShapes, "fields", before, last, f.name)
		}
		before, last = last, f.name
	}
	c.number(headShapes, "Received fields", min(received, 8))
	c.number(headShapes, "thirds of fields", count/3)
	for i, name := range usual {
		if missing[i] {
			c.shape(headShapes, "no field", name)
		}
	}
}

// usual are fields whose absence says something.
var usual = [...]string{
	"from", "to", "subject", "date", "message-id", "mime-version", "reply-to", "x-mailer", "user-agent", "in-reply-to", "references", "cc",
}

// field: what the value of a field looks like.
func (c *collector) field(f field, from string) {
	v := f.value
	switch f.lower {
	case "message-id":
		c.shape(headShapes, "message-id shape", outline(v))
		if left, _, ok := strings.Cut(v, "@"); ok {
			c.shape(headShapes, "message-id left", outline(left))
		}
		c.shape(headShapes, "message-id domain", domainOf(v))
	case "from":
		c.shape(headShapes, "from domain", from)
		c.shape(headShapes, "from shape", outline(v))
		c.shape(headShapes, "from", strings.ToLower(v))
	case "reply-to", "return-path", "to":
		d := domainOf(v)
		c.shape(headShapes, f.lower+" domain", d)
		c.shape(headShapes, f.lower+" shape", outline(v))
		if from != "" && d == from {
			c.shape(headShapes, f.lower+" as from")
		}
	case "x-mailer", "user-agent":
		c.shape(headShapes, "mailer", nulled(v))
		if i := strings.IndexAny(v, " /"); i > 0 {
			c.shape(headShapes, "mailer name", v[:i])
		}
	case "content-type":
		c.shape(headShapes, "content-type", clip(v, 80))
		c.shape(headShapes, "content-type shape", outline(v))
	case "date":
		c.shape(headShapes, "zone", v)
	case "received":
		c.received(v)
	case "subject":
		c.subject(v)
	}
}

// received: the networks and servers of a Received field.
func (c *collector) received(v string) {
	n := 0
	for i := 0; i < len(v) && n < 6; {
		end, dots := address(v, i)
		if end == 0 {
			i++
			continue
		}
		c.shape(headShapes, "network", v[i:dots[1]])
		c.shape(headShapes, "network", v[i:dots[2]])
		c.shape(headShapes, "client", v[i:end])
		i = end
		n++
	}
	word, rest, _ := strings.Cut(v, " ")
	for rest != "" {
		next, after, _ := strings.Cut(rest, " ")
		if word == "by" || word == "with" || word == "from" {
			c.shape(headShapes, "received "+word, strings.TrimRight(next, ";,"))
		}
		word, rest = next, after
	}
	c.shape(headShapes, "received shape", outline(v))
}

// address returns where the IPv4 address that begins at i ends, and where its dots are; 0 if none does.
func address(s string, i int) (end int, dots [3]int) {
	if !isDigit(s[i]) || i > 0 && (isDigit(s[i-1]) || s[i-1] == '.') {
		return 0, dots
	}
	for part := range 4 {
		start := i
		for i < len(s) && isDigit(s[i]) {
			i++
		}
		if i == start || i-start > 3 {
			return 0, dots
		}
		if part == 3 {
			return i, dots
		}
		if i == len(s) || s[i] != '.' {
			return 0, dots
		}
		dots[part] = i
		i++
	}
	return 0, dots
}

func (c *collector) subject(v string) {
	upper, lower := 0, 0
	for _, r := range v {
		switch {
		case unicode.IsUpper(r):
			upper++
		case unicode.IsLower(r):
			lower++
		}
	}
	c.number(headShapes, "subject in capitals, eighths", upper*8/(upper+lower+1))
	c.number(headShapes, "subject's length, eighths", len(v)/8)
	c.shape(headShapes, "subject shape", outline(v))
	if strings.Contains(v, "   ") {
		c.shape(headShapes, "gap in subject")
	}
}

// links: where they lead.
func (c *collector) links(s *source) {
	c.number(textWords, "links, power of two", bits.Len(uint(len(s.links))))
	for _, l := range s.links {
		host, path := l.URL, ""
		if i := strings.Index(host, "://"); i >= 0 {
			host = host[i+3:]
		}
		if i := strings.IndexAny(host, "/?#"); i >= 0 {
			host, path = host[:i], host[i:]
		}
		if i := strings.LastIndexByte(host, '@'); i >= 0 {
			host = host[i+1:]
			c.shape(textWords, "user name in link")
		}
		host = strings.ToLower(host)
		c.shape(textWords, "link", host)
		for at, dots := len(host), 0; dots < 3; dots++ {
			if at = strings.LastIndexByte(host[:at], '.'); at < 0 {
				break
			}
			c.shape(textWords, "link", host[at:])
		}
		c.shape(textWords, "link's path", outline(path))
		c.shape(textWords, "link's host", outline(host))
	}
}

// letters: how much text, of what characters.
func (c *collector) letters(s *source) {
	c.number(textWords, "length of text, power of two", bits.Len(uint(len(s.body))))
	c.number(textWords, "length of HTML, power of two", bits.Len(uint(s.html)))
	if s.html > 0 {
		c.number(textWords, "text in HTML, tenths", 10*len(s.body)/(s.html+len(s.body)+1))
	}
	high, upper, lower, loud := 0, 0, 0, 0
	for _, r := range clip(s.body, maxWords) {
		switch {
		case r >= utf8.RuneSelf:
			high++
		case 'a' <= r && r <= 'z':
			lower++
		case 'A' <= r && r <= 'Z':
			upper++
		case r == '!' || r == '$':
			loud++
		}
	}
	if high > 0 {
		if n := mixed(clip(s.body, maxWords)); n > 0 {
			c.number(textWords, "words of two alphabets, power of two", bits.Len(uint(n)))
		}
	}
	c.number(textWords, "beyond ASCII, power of two of hundredths", bits.Len(uint(high*100/(high+upper+lower+1))))
	c.number(textWords, "capitals, tenths", upper*10/(upper+lower+1))
	c.number(textWords, "! and $, power of two", bits.Len(uint(loud)))
}

// mixed counts words in which Latin letters stand beside Cyrillic or Greek ones, which look like them.
func mixed(s string) (n int) {
	latin, other := false, false
	for _, r := range s {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z':
			latin = true
		case 0x370 <= r && r < 0x530:
			other = true
		case unicode.IsLetter(r):
		default:
			latin, other = false, false
		}
		if latin && other {
			n++
			latin, other = false, false
		}
	}
	return n
}

// outline is a text with each run of like characters as one: "Aa9@a.a".
func outline(s string) string {
	const most = 40
	var out [most + utf8.UTFMax]byte
	n := 0
	last := rune(-1)
	for _, r := range s {
		switch {
		case '0' <= r && r <= '9':
			r = '9'
		case 'a' <= r && r <= 'z':
			r = 'a'
		case 'A' <= r && r <= 'Z':
			r = 'A'
		case r >= utf8.RuneSelf:
			r = 'u'
		}
		if r != last && n < most {
			n += utf8.EncodeRune(out[n:], r)
		}
		last = r
	}
	return string(out[:n])
}

// domainOf returns the domain of the last address in s, "-" if there is none.
func domainOf(s string) string {
	i := strings.LastIndexByte(s, '@')
	if i < 0 {
		return "-"
	}
	s = s[i+1:]
	end := 0
	for end < len(s) && (wordLetters[s[end]&0x7f] != 0 && s[end] < utf8.RuneSelf) {
		end++
	}
	return strings.ToLower(s[:end])
}
