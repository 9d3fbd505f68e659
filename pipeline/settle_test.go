package pipeline

import (
	"reflect"
	"testing"

	"gatepost/internal/mail"
)

func TestSettle(t *testing.T) {
	end := func(a Action) Ending { return Ending{Decision: Decision{Action: a}, Disposition: ToQuarantine} }
	spam := func(d Disposition, tell bool) Ending {
		return Ending{Decision: Decision{Action: Spam}, Disposition: d, Tell: tell}
	}
	tests := []struct {
		name   string
		in     []Ending
		out    []mail.Outcome
		answer mail.Answer
	}{
		{"nothing spoke against it", []Ending{end(None), end(Accept)}, []mail.Outcome{mail.Delivered, mail.Delivered}, mail.OK},
		{"each disposition", []Ending{spam(ToQuarantine, false), spam(ToJunk, true), spam(ToTag, true)}, []mail.Outcome{mail.Held, mail.Junked, mail.Tagged}, mail.OK},
		{"quarantine holds whatever the disposition", []Ending{{Decision: Decision{Action: Quarantine}, Disposition: ToJunk, Tell: true}}, []mail.Outcome{mail.Held}, mail.OK},
		{"the only one refused", []Ending{end(Reject)}, []mail.Outcome{mail.Declined}, mail.Refused},
		{"all refused or told", []Ending{end(Reject), spam(ToQuarantine, true)}, []mail.Outcome{mail.Declined, mail.HeldTold}, mail.Refused},
		{"one refused among takers is held", []Ending{end(Reject), end(None)}, []mail.Outcome{mail.Held, mail.Delivered}, mail.OK},
		{"one told among takers is held", []Ending{spam(ToQuarantine, true), end(None)}, []mail.Outcome{mail.Held, mail.Delivered}, mail.OK},
		{"one refused beside a discard is held", []Ending{end(Reject), end(Discard)}, []mail.Outcome{mail.Held, mail.Dropped}, mail.OK},
		{"any deferred defers all", []Ending{end(None), end(Reject), end(Defer)}, []mail.Outcome{mail.Postponed, mail.Postponed, mail.Postponed}, mail.Deferred},
		{"junk and tag as effects", []Ending{end(Junk), end(Tag)}, []mail.Outcome{mail.Junked, mail.Tagged}, mail.OK},
		{"one who has it is taken", []Ending{{Decision: Decision{Action: Spam}, Disposition: ToQuarantine, Tell: true, Has: true}}, []mail.Outcome{mail.Duplicate}, mail.OK},
		{"who has it counts as a taker", []Ending{{Has: true}, spam(ToQuarantine, true), end(Reject)}, []mail.Outcome{mail.Duplicate, mail.Held, mail.Held}, mail.OK},
		{"a deferral goes before having it", []Ending{{Decision: Decision{Action: Defer}, Has: true}, end(None)}, []mail.Outcome{mail.Postponed, mail.Postponed}, mail.Deferred},
	}
	for _, tt := range tests {
		out, answer := Settle(tt.in)
		if !reflect.DeepEqual(out, tt.out) || answer != tt.answer {
			t.Errorf("%s: got %v %v, want %v %v", tt.name, out, answer, tt.out, tt.answer)
		}
	}
}
