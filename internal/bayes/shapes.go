package bayes

import (
	"math/bits"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// shape gathers one shape: what it is of, and what it is.
func (c *collector) shape(label string, values ...string) {
	h := hash(basis, label)
	for _, v := range values {
		h = hash((h^0xff)*16777619, v)
	}
	h = final(h)
	c.lists[shapes] = append(c.lists[shapes], h)
	if c.named != nil {
		c.named(shapes, h, label+": "+strings.Join(values, ", "))
	}
}

func (c *collector) number(label string, n int) { c.shape(label, strconv.Itoa(n)) }

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
	for _, p := range s.parts {
		c.shape("part", p)
		if w := strings.Fields(p); len(w) > 1 {
			c.shape("part type", w[1])
		}
	}
	for _, sign := range s.signs {
		c.shape("sign", sign)
	}
	for _, name := range s.names {
		if i := strings.LastIndexByte(name, '.'); i >= 0 {
			c.shape("file", strings.ToLower(clip(name[i:], 10)))
		}
	}
	if s.hidden > 0 {
		c.number("hidden text, power of two", bits.Len(uint(s.hidden)))
	}
	c.links(s)
	c.letters(s)
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
		c.shape("field", f.name)
		if last != "" {
			c.shape("fields", last, f.name)
		}
		if before != "" {
			c.shape("fields", before, last, f.name)
		}
		before, last = last, f.name
	}
	c.number("Received fields", min(received, 8))
	c.number("thirds of fields", count/3)
	for i, name := range usual {
		if missing[i] {
			c.shape("no field", name)
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
		c.shape("message-id shape", outline(v))
		if left, _, ok := strings.Cut(v, "@"); ok {
			c.shape("message-id left", outline(left))
		}
		c.shape("message-id domain", domainOf(v))
	case "from":
		c.shape("from domain", from)
		c.shape("from shape", outline(v))
		c.shape("from", strings.ToLower(v))
	case "reply-to", "return-path", "to":
		d := domainOf(v)
		c.shape(f.lower+" domain", d)
		c.shape(f.lower+" shape", outline(v))
		if from != "" && d == from {
			c.shape(f.lower + " as from")
		}
	case "x-mailer", "user-agent":
		c.shape("mailer", nulled(v))
		if i := strings.IndexAny(v, " /"); i > 0 {
			c.shape("mailer name", v[:i])
		}
	case "content-type":
		c.shape("content-type", clip(v, 80))
		c.shape("content-type shape", outline(v))
	case "date":
		c.shape("zone", v)
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
		c.shape("network", v[i:dots[1]])
		c.shape("network", v[i:dots[2]])
		c.shape("client", v[i:end])
		i = end
		n++
	}
	word, rest, _ := strings.Cut(v, " ")
	for rest != "" {
		next, after, _ := strings.Cut(rest, " ")
		if word == "by" || word == "with" || word == "from" {
			c.shape("received "+word, next)
		}
		word, rest = next, after
	}
	c.shape("received shape", outline(v))
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
	c.number("subject in capitals, eighths", upper*8/(upper+lower+1))
	c.number("subject's length, eighths", len(v)/8)
	c.shape("subject shape", outline(v))
	if strings.Contains(v, "   ") {
		c.shape("gap in subject")
	}
}

// links: where they lead.
func (c *collector) links(s *source) {
	c.number("links, power of two", bits.Len(uint(len(s.links))))
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
			c.shape("user name in link")
		}
		host = strings.ToLower(host)
		c.shape("link", host)
		for at, dots := len(host), 0; dots < 3; dots++ {
			if at = strings.LastIndexByte(host[:at], '.'); at < 0 {
				break
			}
			c.shape("link", host[at:])
		}
		c.shape("link's path", outline(path))
		c.shape("link's host", outline(host))
	}
}

// letters: how much text, of what characters.
func (c *collector) letters(s *source) {
	c.number("length of text, power of two", bits.Len(uint(len(s.body))))
	c.number("length of HTML, power of two", bits.Len(uint(s.html)))
	if s.html > 0 {
		c.number("text in HTML, tenths", 10*len(s.body)/(s.html+len(s.body)+1))
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
			c.number("words of two alphabets, power of two", bits.Len(uint(n)))
		}
	}
	c.number("beyond ASCII, power of two of hundredths", bits.Len(uint(high*100/(high+upper+lower+1))))
	c.number("capitals, tenths", upper*10/(upper+lower+1))
	c.number("! and $, power of two", bits.Len(uint(loud)))
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
