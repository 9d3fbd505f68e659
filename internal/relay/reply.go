package relay

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Bounds of a reply. RFC 5321 §4.5.3.1.5 has lines of 512 octets.
const (
	maxReplyLine  = 4096
	maxReplyLines = 100
	maxReplyText  = 1000
)

// A reply is what a server said to one command (RFC 5321 §4.2).
type reply struct {
	code     int
	enhanced string   // of RFC 2034, "" where there is none
	lines    []string // without codes; printable
}

// errReply: what came is no reply. Nothing that follows can be understood.
var errReply = errors.New("the server's answer is not SMTP")

// readReply reads one reply, all its lines.
func readReply(r *bufio.Reader) (reply, error) {
	var got reply
	size := 0
	for n := 0; ; n++ {
		line, err := readLine(r)
		if err != nil {
			return reply{}, err
		}
		code, more, text, ok := cutReply(line)
		if !ok || n > 0 && code != got.code || n == maxReplyLines {
			return reply{}, fmt.Errorf("%w: %.80q", errReply, line)
		}
		got.code = code
		enhanced, rest := cutEnhanced(code, text)
		if n == 0 {
			got.enhanced = enhanced
		}
		if enhanced == got.enhanced { // it stands on each line (RFC 2034 §4)
			text = rest
		}
		if size += len(text); size <= maxReplyText {
			got.lines = append(got.lines, printable(text))
		}
		if !more {
			return got, nil
		}
	}
}

func readLine(r *bufio.Reader) (string, error) {
	var long []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(long)+len(part) > maxReplyLine {
			return "", fmt.Errorf("%w: a line longer than %d octets", errReply, maxReplyLine)
		}
		long = append(long, part...)
		switch {
		case err == nil:
			return strings.TrimRight(string(long), "\r\n"), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			if errors.Is(err, io.EOF) {
				err = errClosed
			}
			return "", err
		}
	}
}

// errClosed: the server hung up.
var errClosed = errors.New("the server closed the connection")

// cutReply splits "250-text" and "250 text"; some servers leave out both.
func cutReply(line string) (code int, more bool, text string, ok bool) {
	if len(line) < 3 {
		return 0, false, "", false
	}
	for _, c := range []byte(line[:3]) {
		if c < '0' || c > '9' {
			return 0, false, "", false
		}
		code = code*10 + int(c-'0')
	}
	switch {
	case code < 200 || code > 599:
		return 0, false, "", false
	case len(line) == 3:
		return code, false, "", true
	case line[3] == '-' || line[3] == ' ':
		return code, line[3] == '-', line[4:], true
	}
	return 0, false, "", false
}

// cutEnhanced takes a status code of RFC 3463 off the front of a text, where it
// is one of the reply's class.
func cutEnhanced(code int, text string) (enhanced, rest string) {
	word, after, _ := strings.Cut(text, " ")
	parts := strings.Split(word, ".")
	if len(parts) != 3 || len(word) > 9 || parts[0] != string(rune('0'+code/100)) {
		return "", text
	}
	for _, p := range parts {
		if p == "" || len(p) > 3 || strings.Trim(p, "0123456789") != "" {
			return "", text
		}
	}
	return word, after
}

// printable makes a stranger's words safe to log, to store and to quote.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' && c != '\t' || c == 0x7f || c == utf8.RuneError || c >= 0x80 && c < 0xa0 {
			return '?'
		}
		return c
	}, s)
}

// bounded is printable, cut to what a reply may have: certificates, policies and names
// of strangers have no end by themselves.
func bounded(s string) string {
	s = printable(s)
	if len(s) <= maxReplyText {
		return s
	}
	n := maxReplyText
	for !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// class is 2 to 5.
func (r reply) class() int { return r.code / 100 }

// text is all that was said.
func (r reply) text() string { return strings.Join(r.lines, "\n") }
