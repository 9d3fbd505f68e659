package bayes

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// What is learnt for a domain alone changes no judgement elsewhere, survives the octets of its step, and goes exactly.
func TestLearnOwn(t *testing.T) {
	m := New()
	r := rand.New(rand.NewPCG(5, 6))
	for i := range 300 {
		m.Learn(made(t, r, i%2 == 0), "", i%2 == 0)
	}
	var before, after bytes.Buffer
	if _, err := m.WriteTo(&before); err != nil {
		t.Fatal(err)
	}
	next := made(t, r, true)
	own, other := m.Judge(next, "own.test"), m.Judge(next, "other.test")
	type taught struct {
		f    *Features
		step Step
	}
	var list []taught
	for range 60 {
		f := made(t, r, true)
		b, err := m.LearnOwn(f, "own.test", false).MarshalBinary()
		if err != nil || len(b) > 64 {
			t.Fatal(len(b), err)
		}
		var s Step
		if err := s.UnmarshalBinary(b); err != nil {
			t.Fatal(err)
		}
		list = append(list, taught{f, s})
	}
	if got := m.Judge(next, "other.test"); got != other || got != m.Judge(next, "") {
		t.Errorf("elsewhere %+v, was %+v", got, other)
	}
	if got := m.Judge(next, "own.test"); got.Score >= own.Score-1 || got.Spam != own.Spam {
		t.Errorf("at home %+v, was %+v", got, own)
	}
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	for _, l := range list {
		m.Undo(l.f, "own.test", l.step)
	}
	if _, err := m.WriteTo(&after); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before.Bytes(), after.Bytes()) {
		t.Error("the model is not what it was")
	}
}

// A domain whose people alone teach has mail judged by that.
func TestOwnTrained(t *testing.T) {
	m := New()
	r := rand.New(rand.NewPCG(7, 8))
	for i := range 300 {
		m.LearnOwn(made(t, r, i%2 == 0), "own.test", i%2 == 0)
	}
	wrong := 0
	for i := range 100 {
		v := m.Judge(made(t, r, i%2 == 0), "own.test")
		if !v.Trained {
			t.Fatal("not trained")
		}
		if (v.Score >= LevelScore(DefaultLevel)) != (i%2 == 0) {
			wrong++
		}
	}
	if wrong > 10 {
		t.Errorf("%d of 100 wrong", wrong)
	}
	if v := m.Judge(made(t, r, true), "other.test"); v.Trained {
		t.Errorf("%+v", v)
	}
}
