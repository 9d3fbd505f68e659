package pipeline

import (
	"testing"

	"gatepost/internal/mail"
)

func TestParseEffect(t *testing.T) {
	tests := []struct {
		in   string
		want Effect
		bad  bool
	}{
		{in: "none", want: Effect{}},
		{in: " accept ", want: Effect{Action: Accept}},
		{in: "score 2.5", want: Effect{Action: Score, Points: 2.5}},
		{in: "score -1", want: Effect{Action: Score, Points: -1}},
		{in: "score", want: Effect{Action: Score, Graded: true}},
		{in: "reject", want: Effect{Action: Reject}},
		{in: "reject 554 5.7.1 not here", want: Effect{Action: Reject, Reply: mail.Reply{Code: 554, Enhanced: "5.7.1", Text: "not here"}}},
		{in: "defer 451 4.7.1 later", want: Effect{Action: Defer, Reply: mail.Reply{Code: 451, Enhanced: "4.7.1", Text: "later"}}},
		{in: "", bad: true},
		{in: "rejct", bad: true},
		{in: "Spam", bad: true},
		{in: "score lots", bad: true},
		{in: "score NaN", bad: true},
		{in: "spam 3", bad: true},
		{in: "reject 450 4.7.1 no", bad: true},
		{in: "reject 550 4.7.1 no", bad: true},
		{in: "defer 550 5.7.1 no", bad: true},
		{in: "reject 550 5.7.1 é", bad: true},
	}
	for _, tt := range tests {
		got, err := ParseEffect(tt.in)
		if (err != nil) != tt.bad || err == nil && got != tt.want {
			t.Errorf("ParseEffect(%q): got %+v, %v; want %+v, error %t", tt.in, got, err, tt.want, tt.bad)
		}
	}
}

func FuzzParseEffect(f *testing.F) {
	for _, s := range []string{"score 2", "reject 554 5.7.1 x", "defer 4 4.1.1", "score 1e309"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := ParseEffect(s)
		if err != nil {
			return
		}
		if again, err := ParseEffect(e.String()); err != nil || again != e {
			t.Errorf("%q is written %q, which reads as %+v, %v", s, e.String(), again, err)
		}
	})
}
