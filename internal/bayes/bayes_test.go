package bayes

import (
	"bytes"
	"slices"
	"testing"

	"gatepost/internal/mail"
)

func features(t testing.TB, text string) *Features {
	t.Helper()
	f, err := Of(mail.NewMessage([]byte(text)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestLearnTellsApart(t *testing.T) {
	m := New()
	spam := features(t, "From: a@spam.test\r\nSubject: free pills\r\n\r\nBuy cheap pills now, http://pills.test/\r\n")
	ham := features(t, "From: ann@ham.test\r\nSubject: meeting\r\n\r\nShall we meet on Monday?\r\n")
	m.Learn(spam, "", true)
	m.Learn(ham, "", false)
	if s, h := m.Judge(spam, "").Score, m.Judge(ham, "").Score; s <= h {
		t.Errorf("spam %v, ham %v", s, h)
	}
	if r := m.Explain(spam, "", 10); len(r) == 0 || r[0].Weight <= 0 {
		t.Errorf("reasons %v", r)
	}
}

func TestUndoIsIdentity(t *testing.T) {
	m := New()
	a, b := features(t, "Subject: a\r\n\r\nfree pills\r\n"), features(t, "Subject: b\r\n\r\nmeeting\r\n")
	before := slices.Clone(m.table)
	s1 := m.Learn(a, "x.test", true)
	s2 := m.Learn(b, "", false)
	m.Undo(a, "x.test", s1)
	m.Undo(b, "", s2)
	if !slices.Equal(before, m.table) || m.lessons != (entry64{}) {
		t.Error("not as it was")
	}
}

func TestWriteRead(t *testing.T) {
	m := New()
	m.Learn(features(t, "Subject: a\r\n\r\nfree pills\r\n"), "x.test", true)
	var b bytes.Buffer
	if _, err := m.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	got, err := Read(bytes.NewReader(b.Bytes()))
	if err != nil || !slices.Equal(got.table, m.table) {
		t.Fatal("not what was written", err)
	}
	b.Bytes()[1000]++
	if _, err := Read(&b); err == nil {
		t.Error("a damaged model was read")
	}
}
