package bayes

import (
	"bytes"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"gatepost/internal/mail"
)

// FuzzOf: whatever the octets, a message has bounded features, a score, and can be taken back.
func FuzzOf(f *testing.F) {
	files, _ := filepath.Glob("testdata/mails/*.eml")
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte("Subject: =?utf-8?b?\xff?=\r\nReceived: id\r\nReceived: 1.2.3. 1.2.3.4 by\r\n\r\nhttp:///\r\n@"))
	m := New()
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := Of(mail.NewMessage(b))
		if err != nil {
			t.Skip()
		}
		for i, list := range x.lists {
			if len(list) > maxFeatures {
				t.Fatalf("family %d has %d features", i, len(list))
			}
		}
		before := m.Judge(x, "a.test")
		if math.IsNaN(before.Score) || before.Score <= 0 || before.Score >= 15 {
			t.Fatal(before)
		}
		s := m.Learn(x, "a.test", len(b)%2 == 0)
		m.Explain(x, "a.test", 10)
		m.Undo(x, "a.test", s)
		if after := m.Judge(x, "a.test"); after != before {
			t.Fatalf("%v became %v", before, after)
		}
	})
}

// FuzzRead reads models with octets changed: a whole one is too much for a corpus.
func FuzzRead(f *testing.F) {
	m := New()
	m.Learn(made(f, rand.New(rand.NewPCG(1, 1)), true), "", true)
	var b bytes.Buffer
	if _, err := m.WriteTo(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(uint32(0), []byte("GP"), uint32(0))
	f.Add(uint32(5000), []byte{1}, uint32(100))
	f.Fuzz(func(t *testing.T, at uint32, change []byte, cut uint32) {
		x := bytes.Clone(b.Bytes())
		copy(x[int(at)%len(x):], change)
		x = x[:len(x)-int(cut)%len(x)]
		got, err := Read(bytes.NewReader(x))
		if bytes.Equal(x, b.Bytes()) != (err == nil) {
			t.Fatal(got != nil, err)
		}
	})
}

func FuzzDelta(f *testing.F) {
	m := New()
	m.Learn(features(f, "Subject: x\r\n\r\ny\r\n"), "", true)
	b, _ := m.Take().MarshalBinary()
	f.Add(b)
	f.Add([]byte{deltaVersion, 0, 0, 1, 0, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		var d Delta
		if d.UnmarshalBinary(b) != nil {
			return
		}
		again, err := d.MarshalBinary()
		var e Delta
		if err != nil || e.UnmarshalBinary(again) != nil || len(e.at) != len(d.at) {
			t.Fatal("not written as read")
		}
		m.Merge(d)
		m.Merge(d.Inverse())
	})
}

func FuzzStepAndFeatures(f *testing.F) {
	x := features(f, "Subject: x\r\n\r\ny\r\n")
	b, _ := x.MarshalBinary()
	f.Add(b)
	s, _ := New().Learn(x, "d", true).MarshalBinary()
	f.Add(s)
	f.Fuzz(func(t *testing.T, b []byte) {
		var x Features
		if x.UnmarshalBinary(b) == nil {
			if again, _ := x.MarshalBinary(); len(again) > len(b) {
				t.Fatal("not written as read")
			}
		}
		var s Step
		if s.UnmarshalBinary(b) == nil {
			if again, err := s.MarshalBinary(); err != nil || len(again) > 80 {
				t.Fatal(len(again), err)
			}
		}
	})
}
