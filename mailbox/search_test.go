package mailbox

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"gatepost/internal/mail"
)

// What a message holds, its signature has; most of what it does not hold, it has not.
func TestSignature(t *testing.T) {
	m := mail.NewMessage([]byte("From: \"Smith, Ann\" <ann@example.org>\r\nSubject: =?utf-8?q?Stra=C3=9Fe?= nach =?utf-8?q?K=C3=B6ln?=\r\nX-Odd: Kept\r\n" +
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nZ=FCrich and\r\nback\r\n" +
		"--b\r\nContent-Type: application/octet-stream; name=unseen.bin\r\n\r\nbinary words\r\n--b--\r\n"))
	s := SignatureOf(m, nil)
	for _, c := range []struct {
		text string
		want bool
	}{
		{"Smith, Ann <ann@example.org>", true}, {"STRASSE NACH KÖLN", true}, {"x-odd: kept", true}, {"kept", true},
		{"zürich and\nback", true}, {"unseen.bin", true}, {"binary words", false}, {"yellow submarine", false}, {"ab", true}, {"", true},
	} {
		if got := s.May(Places(Fold(c.text))); got != c.want {
			t.Errorf("%q: %v, want %v", c.text, got, c.want)
		}
	}
}

// The signature grows with the text; beyond its bound it may hold anything.
func TestSignatureSize(t *testing.T) {
	words := func(n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(strings.Repeat(string(rune('a'+i%26)), i%7+1))
			b.WriteByte(byte(' ' + i*i%90))
		}
		return b.String()
	}
	last := 0
	for _, n := range []int{1, 100, 2000, 60_000, 600_000} {
		s := SignatureOf(mail.NewMessage([]byte("Subject: x\r\n\r\n"+words(n)+"\r\n")), nil)
		if n == 600_000 {
			if len(s) != 0 {
				t.Errorf("%d words: %d octets, want none", n, len(s))
			}
			continue
		}
		if len(s) < last || len(s) < minPlaces/8 || len(s)&(len(s)-1) != 0 || !s.May(Places(Fold("x"+words(n)[:1]))) {
			t.Errorf("%d words: %d octets after %d", n, len(s), last)
		}
		last = len(s)
	}
}

// A signature is the same whatever size it is begun with; also where decoding makes three octets of each that came.
func TestSignatureIsBegunSmall(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{0, 10, 100, 127, 128, 129, 1000, 5000, 30_000, 100_000, 400_000} {
		for _, charset := range []string{"us-ascii", "koi8-r", "windows-1252"} {
			text := make([]byte, size)
			for i := range text {
				text[i] = byte('!' + r.IntN(90))
				if charset != "us-ascii" {
					text[i] |= 0x80
				}
			}
			m := mail.NewMessage(append([]byte("Content-Type: text/plain; charset="+charset+"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"), text...))
			var want Signature
			if large := newSignature(m, nil, maxPlaces); !large.crowded() {
				want = large.shrink()
			}
			if got := SignatureOf(m, nil); !bytes.Equal(got, want) {
				t.Errorf("%d octets of %s: %d octets, want %d, or others", size, charset, len(got), len(want))
			}
		}
	}
}

func FuzzSignature(f *testing.F) {
	f.Add([]byte("Subject: =?utf-8?q?a=C3=9F?=\r\n\r\nhello there\r\n"), 3, 9)
	f.Fuzz(func(t *testing.T, raw []byte, from, n int) {
		m := mail.NewMessage(raw)
		s := SignatureOf(m, nil)
		text, _ := m.Text(m.Root(), MaxIndexed)
		if from < 0 || n < 0 || from > len(text) || n > len(text)-from || m.Root().Type != "text" {
			return
		}
		needle := Fold(text[from : from+n])
		if strings.Contains(Fold(text), needle) && !s.May(Places(needle)) {
			t.Errorf("the signature leaves out %q", needle)
		}
	})
}
