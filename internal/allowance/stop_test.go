package allowance

import (
	"testing"
	"time"
)

// Over reads what the limits wrote, and nothing else.
func TestOver(t *testing.T) {
	for _, o := range []Over{{InHour, 10, 5}, {InDay, 1000, 500}, {ToOthers, 4000, 2000}} {
		if got, ok := (Stop{Reason: o.String()}).Over(); !ok || got != o {
			t.Errorf("%q: %v, %v", o, got, ok)
		}
		if _, ok := (Stop{Reason: o.String(), Who: "olga"}).Over(); ok {
			t.Errorf("%q is what olga says, not the limits", o)
		}
	}
	for _, reason := range []string{
		"", "its password is on a list", "10 messages in an hour were asked for, 5 are allowed!", "010 messages in an hour were asked for, 5 are allowed",
		"10 letters in an hour were asked for, 5 are allowed", "x messages in an hour were asked for, 5 are allowed",
	} {
		if o, ok := (Stop{Reason: reason}).Over(); ok {
			t.Errorf("%q: %v", reason, o)
		}
	}
}

func FuzzOver(f *testing.F) {
	f.Add(Over{InHour, 10, 5}.String())
	f.Add("10 messages in an hour")
	f.Fuzz(func(t *testing.T, reason string) {
		if o, ok := (Stop{Reason: reason}).Over(); ok && o.String() != reason {
			t.Errorf("%q is not %q", o, reason)
		}
	})
}

// Who is stopped is listed, the last one first; who may send again is not.
func TestStopping(t *testing.T) {
	d := newDesk(t, newMemory(), "a", Limits{Hour: 2, LockAt: 2})
	for box := range int64(3) {
		d.begins(box+1, 3, 2, Later)
		d.begins(box+1, 1, 0, Stopped)
		d.now = d.now.Add(time.Second)
	}
	d.sync()
	if _, err := d.Resume(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	list := d.Stopping()
	if len(list) != 2 || list[0].Box != 3 || list[1].Box != 1 {
		t.Errorf("stopped: %+v", list)
	}
}
