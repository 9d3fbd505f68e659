package bayes

import (
	"math/rand/v2"
	"os"
	"testing"

	"gatepost/internal/mail"
)

// big reads testdata/mails/spam-pills.eml with as much text as is looked at.
func big(b *testing.B) []byte {
	head, err := os.ReadFile("testdata/mails/ham-meeting.eml")
	if err != nil {
		b.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 1))
	for len(head) < 2*maxWords {
		for range 4 + r.IntN(8) {
			head = append(head, byte('a'+r.IntN(26)))
		}
		head = append(head, ' ')
	}
	return head
}

func BenchmarkOf(b *testing.B) {
	content := big(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Of(mail.NewMessage(content)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkJudge(b *testing.B) {
	f := features(b, string(big(b)))
	for _, domain := range []string{"", "example.org"} {
		b.Run("domain="+domain, func(b *testing.B) {
			m := New()
			m.Learn(f, domain, true)
			m.Learn(features(b, "Subject: x\r\n\r\ny\r\n"), domain, false)
			b.ReportAllocs()
			for b.Loop() {
				m.Judge(f, domain)
			}
		})
	}
}

func BenchmarkLearn(b *testing.B) {
	f := features(b, string(big(b)))
	m := New()
	b.ReportAllocs()
	spam := false
	for b.Loop() {
		m.Learn(f, "", spam)
		spam = !spam
	}
}

func BenchmarkTake(b *testing.B) {
	f := features(b, string(big(b)))
	m := New()
	b.ReportAllocs()
	for b.Loop() {
		m.Learn(f, "", true)
		m.Take()
	}
}

func BenchmarkExplain(b *testing.B) {
	f := features(b, string(big(b)))
	m := New()
	m.Learn(f, "", true)
	m.Learn(features(b, "Subject: x\r\n\r\ny\r\n"), "", false)
	b.ReportAllocs()
	for b.Loop() {
		m.Explain(f, "", 10)
	}
}
