package smtpd

import (
	"fmt"
	"strings"
	"testing"
)

// A model is what a server of SMTP is, in short: which replies are due, and which messages are taken. It knows
// nothing of how the server is made.
type model struct {
	in    strings.Builder // what the client sends
	codes []string        // of the replies due, the banner's first
	taken []string        // contents

	greeted, mail, rcpt bool
	chunks              bool   // BDAT was taken, and LAST is not there yet
	body                string // of the chunks
	over                bool
	impatient           bool // it is over since DATA was refused, and something came with it
}

func (m *model) due(code string) { m.codes = append(m.codes, code) }

// command is a line that is answered with a code.
func (m *model) command(line, code string) {
	m.in.WriteString(line + "\r\n")
	m.due(code)
}

// reset ends a transaction.
func (m *model) reset() { m.mail, m.rcpt, m.chunks, m.body = false, false, false, "" }

// act has the client do the next thing, chosen by kind, with n to vary it.
func (m *model) act(kind, n byte) {
	busy := map[bool]string{true: "503"}[m.chunks]
	or := func(code string) string {
		if busy != "" {
			return busy
		}
		return code
	}
	switch kind % 16 {
	case 0, 1:
		m.command([]string{"EHLO c", "HELO c"}[n%2], "250")
		m.reset()
		m.greeted = true
	case 2:
		m.begin(or)
	case 3, 4:
		m.recipient(n, or)
	case 5, 6:
		m.data(n, or)
	case 7, 8:
		m.chunk(n)
	case 9:
		m.command("RSET", "250")
		m.reset()
	case 10:
		m.command("NOOP", "250")
	case 11:
		line := [...]string{"VRFY ann", "EXPN list", "HELP", "XYZZY", "", "MAIL FROM:<", "RCPT TO:<>", "EHLO", "DATA \x01"}[n%9]
		code := [...]string{"252", "502", "502", "500", "500", "501", "501", "501", "500"}[n%9]
		if m.chunks && line == "EHLO" { // it ends them all the same
			m.reset()
			m.command(line, code)
			return
		}
		m.command(line, or(code))
		m.hasty(line == "DATA \x01" && !m.chunks)
	case 12:
		m.command("MAIL FROM:<a@x.example> SIZE=99999999", or(m.inOrder("552")))
	case 13:
		m.command("STARTTLS", or("502")) // it has no certificate
	case 14:
		if n < 16 {
			m.in.WriteString("NOOP\nMAIL FROM:<evil@x.example>\r\n")
			m.due("500")
			m.over = true
		}
	case 15:
		if n < 16 {
			m.command("QUIT", "221")
			m.over = true
		}
	}
}

// hasty ends it all: DATA was refused, and the client, which did not wait to hear that, may send content.
func (m *model) hasty(is bool) { m.over, m.impatient = m.over || is, m.impatient || is }

// inOrder is the code of MAIL where its own is code.
func (m *model) inOrder(code string) string {
	if !m.greeted || m.mail {
		return "503"
	}
	return code
}

func (m *model) begin(or func(string) string) {
	code := or(m.inOrder("250"))
	m.command("MAIL FROM:<a@x.example>", code)
	m.mail = m.mail || code == "250"
}

func (m *model) recipient(n byte, or func(string) string) {
	name, code := [...]string{"ann", "nobody", "full"}[n%3], [...]string{"250", "550", "452"}[n%3]
	if !m.mail {
		code = "503"
	}
	code = or(code)
	m.command("RCPT TO:<"+name+"@y.example>", code)
	m.rcpt = m.rcpt || code == "250"
}

// texts are contents, each with whether it may be taken. They are ended by what follows.
var texts = [...]struct {
	text string
	good bool
}{
	{"Subject: x\r\n\r\none\r\n", true},
	{"", true},
	{"a\r\nMAIL FROM:<evil@x.example>\r\nQUIT\r\n", true},
	{"a\n.\nMAIL FROM:<evil@x.example>\r\n", false},
	{"a\r.\r\nb\r\n", false},
	{"a\r\n.\nb\r\n", false},
	{"a\x00b\r\n\x00.\r\n", true},
	{strings.Repeat("x", 998) + "\r\n", true},
	{strings.Repeat("x", 999) + "\r\n", false},
	{strings.Repeat(strings.Repeat("y", 98)+"\r\n", 41), false}, // larger than what is taken
}

func (m *model) data(n byte, or func(string) string) {
	if !m.rcpt || m.chunks {
		m.command("DATA", or("503"))
		m.hasty(!m.chunks)
		return
	}
	m.command("DATA", "354")
	t := texts[n%10]
	m.in.WriteString(strings.ReplaceAll("\r\n"+t.text, "\r\n.", "\r\n..")[2:] + ".\r\n")
	m.end(t.text, t.good)
}

// end is the reply to whole content.
func (m *model) end(text string, good bool) {
	switch {
	case good:
		m.due("250")
		m.taken = append(m.taken, text)
	case len(text) > 4000:
		m.due("552")
	default:
		m.due("554")
	}
	m.reset()
}

// chunk is BDAT with a text, the last of some or not.
func (m *model) chunk(n byte) {
	t, last := texts[n%10], ""
	if len(m.body) > 2500 { // so that one thing only is wrong with the whole
		t = texts[0]
	}
	if n >= 128 {
		last = " LAST"
	}
	fmt.Fprintf(&m.in, "BDAT %d%s\r\n%s", len(t.text), last, t.text)
	switch {
	case !m.rcpt:
		m.due("503")
	case !t.good:
		m.end(m.body+t.text, false)
	case last != "":
		m.end(m.body+t.text, true)
	default:
		m.chunks = true
		m.body += t.text
		m.due("250")
	}
}

// FuzzDialogue has clients do things in any order, all of it sent at once and in pieces: each thing has one reply, as the
// model says, none comes by itself, and what is taken is what was ended.
func FuzzDialogue(f *testing.F) {
	f.Add([]byte{0, 0, 2, 0, 3, 0, 5, 0, 15, 0})
	f.Add([]byte{0, 0, 2, 0, 3, 0, 3, 1, 7, 0, 10, 0, 7, 128, 5, 0})
	f.Add([]byte{0, 1, 2, 0, 2, 0, 3, 2, 7, 3, 9, 0, 2, 0, 3, 0, 5, 3, 2, 0, 3, 0, 7, 1, 11, 7, 7, 128, 14, 0})
	f.Add([]byte{2, 0, 3, 0, 0, 0, 12, 0, 2, 0, 12, 0, 3, 0, 7, 2, 13, 0, 11, 0, 11, 7, 2, 0, 3, 0, 5, 9, 10, 0})
	f.Fuzz(func(t *testing.T, steps []byte) {
		m := &model{codes: []string{"220"}}
		for i := 0; i+1 < min(len(steps), 80) && !m.over; i += 2 {
			m.act(steps[i], steps[i+1])
		}
		m.in.WriteString("NOOP\r\n") // whoever is cut off has said more
		if !m.over {
			m.due("250")
		}
		if !m.over && m.chunks {
			m.due("421") // it went in the middle of a message
		}
		for _, piece := range []int{1 << 20, 1, 512} {
			if m.impatient && piece < 1<<20 {
				break // whether that is seen depends on the pieces
			}
			asked, told, content := replay(t, &script{in: []byte(m.in.String()), piece: piece}, func(c *Config) { c.MaxErrors = 1000 })
			var codes []string
			for line := range strings.Lines(told) {
				if len(line) > 4 && line[3] == ' ' {
					codes = append(codes, line[:3])
				}
			}
			if got, want := strings.Join(codes, " "), strings.Join(m.codes, " "); got != want {
				t.Fatalf("%q\nis answered\n%s\nwant\n%s\n%s\nthe machine is asked\n%s", m.in.String(), got, want, told, asked)
			}
			var taken []string
			for _, c := range content {
				taken = append(taken, string(c))
			}
			if got, want := fmt.Sprintf("%.90q", taken), fmt.Sprintf("%.90q", m.taken); got != want {
				t.Fatalf("%q\ntaken is\n%s\nwant\n%s", m.in.String(), got, want)
			}
			if strings.Contains(asked, "evil") && !strings.Contains(asked, "data ") {
				t.Fatalf("a command in content was run:\n%s", asked)
			}
		}
	})
}
