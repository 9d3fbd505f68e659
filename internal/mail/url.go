package mail

import "strings"

// maxURL bounds one address; what is longer is cut there.
const maxURL = 2 << 10

// A urlSet collects addresses, each once, in the order met.
type urlSet struct {
	list []string
	seen map[string]bool
}

func (u *urlSet) full() bool { return len(u.list) >= MaxURLs }

func (u *urlSet) add(s string) {
	if len(s) > maxURL {
		s = strings.ToValidUTF8(s[:maxURL], "")
	}
	if s == "" || s[0] == '#' || u.full() || hasPrefixFold(s, "cid:") || hasPrefixFold(s, "data:") || u.seen[s] {
		return
	}
	if u.seen == nil {
		u.seen = make(map[string]bool)
	}
	u.seen[s] = true
	u.list = append(u.list, s)
}

// fromText finds what mail readers make links of in plain text: "http://…",
// "https://…", "www.…", up to white space or a bracket.
func (u *urlSet) fromText(s string) {
	for i := 0; i < len(s) && !u.full(); {
		n := linkStart(s[i:])
		if n == 0 || i > 0 && isAlnum(s[i-1]) {
			i++
			continue
		}
		end := strings.IndexAny(s[i:min(len(s), i+maxURL)], " \t\r\n<>\"")
		if end < 0 {
			end = min(len(s)-i, maxURL)
		}
		if link := strings.TrimRight(s[i:i+end], ".,;:!?)]}'*_"); len(link) > n {
			u.add(link)
		}
		i += max(end, n)
	}
}

// linkStart returns the length of what starts a link at the front of s, or 0.
func linkStart(s string) int {
	switch {
	case s[0] != 'h' && s[0] != 'H' && s[0] != 'w' && s[0] != 'W':
		return 0
	case hasPrefixFold(s, "https://"):
		return 8
	case hasPrefixFold(s, "http://"):
		return 7
	case hasPrefixFold(s, "www."):
		return 4
	}
	return 0
}

func isAlnum(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// indexFold returns where an ASCII word first stands in s, in either case, or -1.
func indexFold(s, word string) int {
	for i := 0; i+len(word) <= len(s); i++ {
		if strings.EqualFold(s[i:i+len(word)], word) {
			return i
		}
	}
	return -1
}
