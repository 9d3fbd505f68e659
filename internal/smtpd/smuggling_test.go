package smtpd

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

// endings are what some server took for the end of content in 2023 and later (CVE-2023-51764, -51765, -51766 and
// what followed), and is none.
var endings = []string{
	"\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r.\r\n", "\r\n.\r", "\r.\n", "\n.\r", "\n\n.\r\n", "\n\r.\r\n", "\r\n.\r\r\n",
	"\r\n\x00.\r\n", "\r\n.\x00\r\n", "\r\n\x00.\x00\r\n", "\r\n\x1a\r\n", "\x1a", "\r\n.\x0b\r\n", "\r\n .\r\n", "\r\n. \r\n", "\r\n..\r\n",
	"\u0085.\u0085", "\u2028.\u2028", "\x8d\x8a.\x8d\x8a",
}

// smuggled is what stands behind the false end.
const smuggled = "MAIL FROM:<evil@client.example>\r\nRCPT TO:<ann@test.example>\r\nDATA\r\nSubject: evil\r\n\r\nx\r\n"

// No false end ends content, in DATA or in chunks, wherever the octets are cut into segments: there is one answer, and
// the machine sees no second message.
func TestSmuggling(t *testing.T) {
	for _, ending := range endings {
		content := "Subject: one\r\n\r\nx" + ending + smuggled
		t.Run(fmt.Sprintf("%q", ending), func(t *testing.T) {
			for way, in := range map[string]string{
				"DATA":       "DATA\r\n" + content + ".\r\nQUIT\r\n",
				"a chunk":    fmt.Sprintf("BDAT %d LAST\r\n%sQUIT\r\n", len(content), content),
				"two chunks": inChunks(content, 16) + "QUIT\r\n",
				"octets":     inChunks(content[:40], 0) + fmt.Sprintf("BDAT %d LAST\r\n%sQUIT\r\n", len(content)-40, content[40:]),
			} {
				whole := oneMessage(t, way, opening+in, 0, false)
				for cut := len(opening); cut < len(opening)+len(in); cut++ {
					if got := oneMessage(t, way, opening+in, cut, false); got != whole {
						t.Fatalf("%s, cut at %d of %q: the client hears\n%s\nwithout the cut\n%s", way, cut, opening+in, got, whole)
					}
				}
			}
		})
	}
}

// The same from somebody who has logged in.
func TestSmugglingBySubmission(t *testing.T) {
	login := "EHLO c\r\nAUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00ann\x00secret")) + "\r\n"
	for _, ending := range endings {
		content := "Subject: one\r\n\r\nx" + ending + smuggled
		oneMessage(t, "DATA", login+strings.TrimPrefix(opening, "EHLO c\r\n")+"DATA\r\n"+content+".\r\nQUIT\r\n", 0, true)
	}
}

// inChunks is content in BDAT's chunks, the first with so many octets, or one for each octet and none at the end.
func inChunks(content string, first int) string {
	if first > 0 {
		return fmt.Sprintf("BDAT %d\r\n%sBDAT %d LAST\r\n%s", first, content[:first], len(content)-first, content[first:])
	}
	var b strings.Builder
	for i := range len(content) {
		b.WriteString("BDAT 1\r\n" + content[i:i+1])
	}
	return b.String()
}

// oneMessage plays a client that sends one message, cut in two at an octet, and returns what it was told.
func oneMessage(t *testing.T, way, in string, cut int, submission bool) string {
	t.Helper()
	s := &script{in: []byte(in), piece: 1 << 20, cut: cut}
	if submission {
		s.peer = "127.0.0.1:1025" // it may say its password in the clear
	}
	asked, told, content := replay(t, s, func(c *Config) { c.Submission, c.MaxErrors = submission, 1000 })
	if strings.Count("\n"+asked, "\nmail <") != 1 || len(content) > 1 {
		t.Fatalf("%s: %q is more than one message: the machine is asked\n%s\nand the client told\n%s", way, in, asked, told)
	}
	if !strings.Contains(told, "\r\n554 5.6.0 ") && !strings.Contains(told, " accepted id1\r\n") || !strings.HasSuffix(told, "\r\n221 2.0.0 bye\r\n") {
		t.Fatalf("%s: %q is answered with\n%s", way, in, told)
	}
	return told
}
