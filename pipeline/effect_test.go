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

// What a filter with a scale of its own calls spam can have a message held, and never refused; what it
// must not decide alone stays below.
func TestPointsOfAnOwnScale(t *testing.T) {
	graded := Effect{Action: Score, Graded: true}
	for name, tt := range map[string]struct {
		effect             Effect
		finding            Finding
		required, rejectAt float64
		want               float64
	}{
		"the walk's scale":              {graded, Finding{Score: 11}, 7.5, 0, 11},
		"fixed points":                  {Effect{Action: Score, Points: 2}, Finding{Score: 11, Required: 7.5}, 7.5, 0, 2},
		"no score":                      {Effect{Action: Spam}, Finding{Score: 11, Required: 7.5}, 7.5, 0, 0},
		"half of what it takes":         {graded, Finding{Score: 5, Required: 10}, 7.5, 0, 3.75},
		"as much as it takes":           {graded, Finding{Score: 10, Required: 10}, 7.5, 0, 7.5},
		"more":                          {graded, Finding{Score: 14.9, Required: 10}, 7.5, 0, 7.5},
		"a mailbox that wants less":     {graded, Finding{Score: 5, Required: 10}, 15, 0, 7.5},
		"not to decide":                 {graded, Finding{Score: 14.9, Required: 10, Most: 6}, 7.5, 0, 6},
		"not to decide, few points":     {graded, Finding{Score: 5, Required: 10, Most: 6}, 7.5, 0, 3.75},
		"not to decide in a strict box": {graded, Finding{Score: 14.9, Required: 10, Most: 6}, 5, 0, 4},
		"not to decide in a lax box":    {graded, Finding{Score: 14.9, Required: 10, Most: 6}, 13, 0, 6},
		"refused from the same on":      {graded, Finding{Score: 14.9, Required: 10}, 10, 10, 9.9},
		"refused from more on":          {graded, Finding{Score: 14.9, Required: 10}, 7.5, 12, 7.5},
		"nothing is spam by its score":  {graded, Finding{Score: 5, Required: 10}, 0, 0, 5},
		"above a floor":                 {graded, Finding{Score: 7.5, Required: 10, Floor: 5}, 7.5, 0, 3.75},
		"just above a floor":            {graded, Finding{Score: 5.001, Required: 10, Floor: 5}, 7.5, 0, .0015},
		"at a floor":                    {graded, Finding{Score: 5, Required: 10, Floor: 5}, 7.5, 0, 0},
		"below a floor":                 {graded, Finding{Score: 1, Required: 10, Floor: 5}, 7.5, 0, 0},
		"below a floor, bound":          {graded, Finding{Score: 1, Required: 10, Floor: 5, Most: 6}, 7.5, 0, 0},
		"no room above a floor":         {graded, Finding{Score: 5, Required: 5, Floor: 5}, 7.5, 0, 7.5},
		"no room, and below":            {graded, Finding{Score: 4.999, Required: 5, Floor: 5}, 7.5, 0, 0},
		"and refused from little on":    {graded, Finding{Score: 14, Required: 10}, 0, 5, 4.95},
	} {
		w := &Walk{Required: tt.required, Policy: &Policy{RejectAt: tt.rejectAt}}
		if got := tt.effect.points(tt.finding, w); got < tt.want-1e-9 || got > tt.want+1e-9 {
			t.Errorf("%s: got %g points, want %g", name, got, tt.want)
		}
	}
}
