package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/quarantine"
	"gatepost/quarantine/digest"
)

// DigestRows is what digests ask of a store, and what their tests need beside it.
type DigestRows struct {
	digest.Rows
	// Hold makes the row of a held message; End ends its hold.
	Hold func(*testing.T, *quarantine.Held)
	End  func(t *testing.T, id string)
	// Tell keeps a mark and queues mail, in one commit.
	Tell func(context.Context, digest.Mark, []*queue.Transfer) error
	// Queued are the recipients of what is queued.
	Queued func(*testing.T) []mail.Path
	// SetOff says whether an address wants no digests.
	SetOff func(context.Context, digest.Key, bool) error
}

// Digest tests that what open returns keeps the contract of digest.Rows. Each call of
// open is a new, empty store.
func Digest(t *testing.T, open func(*testing.T) DigestRows) {
	for name, test := range map[string]func(*testing.T, DigestRows){
		"runs come back":             digestRuns,
		"readers, in pages":          digestFresh,
		"told, as it was seen":       digestSeen,
		"what is not needed":         digestSweep,
		"what there is to tell":      digestLook,
		"addresses without mailbox":  digestElsewhere,
		"readers whose messages end": digestEnding,
		"a mark and its mail":        digestTell,
		"an address that wants none": digestOff,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

var digestTime = time.Date(2026, 11, 20, 6, 0, 0, 0, time.UTC)

// hold holds the message n for a box, n hours after digestTime, for thirty days.
func (d DigestRows) hold(t *testing.T, n int, box int64) {
	h := heldMessage(n)
	h.Box, h.Time = box, digestTime.Add(time.Duration(n)*time.Hour)
	h.Expires = h.Time.Add(720 * time.Hour)
	d.Hold(t, h)
}

func digestRuns(t *testing.T, d DigestRows) {
	want := map[string]digest.Run{"example.org": {Slot: digestTime}, "example.net": {Slot: digestTime}}
	for range 2 {
		for domain, r := range want {
			if err := d.SetRun(t.Context(), domain, r); err != nil {
				t.Fatal(err)
			}
		}
		got, err := d.Runs(t.Context())
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %v, %v; want %v", got, err, want)
		}
		want["example.org"] = digest.Run{Slot: digestTime.Add(time.Hour)}
	}
}

// digestFresh: whatever time or domain what is held bears.
func digestFresh(t *testing.T, d DigestRows) {
	for n := range 9 {
		d.hold(t, n, int64(n%4+1))
	}
	d.End(t, "held0003")
	d.End(t, "held0007")
	for n, box := range []int64{quarantine.Anywhere, quarantine.Elsewhere, quarantine.Elsewhere, 7} {
		other := heldMessage(10 + n)
		other.Recipient, other.Box, other.Domain, other.Time = mail.Path(fmt.Sprintf("User%d@example.net", n%2)), box, "example.com", time.Unix(1, 0)
		d.Hold(t, other)
	}
	var got []string
	for after := (digest.Key{}); ; {
		page, err := d.Fresh(t.Context(), after, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range page {
			got = append(got, fmt.Sprintf("%d%s", k.Box, k.Recipient))
			after = k
		}
		if len(page) < 2 {
			break
		}
	}
	if want := "0user0@example.net 0user1@example.net 1 2 3 7"; strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// digestSeen: what is noted as told is what was seen, or nothing.
func digestSeen(t *testing.T, d DigestRows) {
	look := func(k digest.Key) digest.Look {
		t.Helper()
		l, err := d.Look(t.Context(), k, digest.Range{Now: digestTime, Horizon: digestTime, Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	box, address := digest.Key{Box: 1}, digest.Key{Recipient: "user@example.net"}
	for n, to := range []int64{1, 1, 2, quarantine.Anywhere} {
		h := heldMessage(n)
		h.Recipient, h.Box, h.Time, h.Expires = "User@example.net", to, digestTime.Add(time.Hour), digestTime.Add(48*time.Hour)
		d.Hold(t, h)
	}
	mark := digest.Mark{Key: box, Domain: "example.net", Seen: look(box).Seen, Now: digest.Told{Sent: digestTime}}
	d.hold(t, 5, 1)
	if err := d.Note(t.Context(), mark); !errors.Is(err, digest.ErrTold) || look(box).Fresh.Count != 3 {
		t.Errorf("one came meanwhile: got %v, and %d new", err, look(box).Fresh.Count)
	}
	d.End(t, "held0001")
	mark.Seen = digest.Seen{Count: 2, Sum: mark.Seen.Sum}
	if err := d.Note(t.Context(), mark); !errors.Is(err, digest.ErrTold) {
		t.Errorf("one came and one went: got %v", err)
	}
	for _, k := range []digest.Key{box, address} {
		mark.Key, mark.Seen = k, look(k).Seen
		if err := d.Note(t.Context(), mark); err != nil {
			t.Fatal(err)
		}
		if l := look(k); l.Fresh.Count != 0 || l.Seen != (digest.Seen{}) {
			t.Errorf("%v: got %+v, want nothing new", k, l)
		}
	}
	if n := look(digest.Key{Box: 2}).Fresh.Count; n != 1 {
		t.Errorf("another box has %d new, want 1", n)
	}
}

// digestSweep: a reader is kept while something is held for it, and where it wants none.
func digestSweep(t *testing.T, d DigestRows) {
	d.hold(t, 0, 1)
	d.hold(t, 1, 2)
	h := heldMessage(2)
	h.Recipient, h.Box = "User@example.net", quarantine.Anywhere
	d.Hold(t, h)
	keys := []digest.Key{{Box: 1}, {Box: 2}, {Recipient: "user@example.net"}, {Recipient: "gone@example.net"}, {Recipient: "off@example.net"}}
	for _, k := range keys {
		if err := d.Note(t.Context(), digest.Mark{Key: k, Domain: "example.net", Now: digest.Told{Sent: digestTime}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.SetOff(t.Context(), keys[4], true); err != nil {
		t.Fatal(err)
	}
	d.End(t, "held0001")
	if err := d.SetRun(t.Context(), "removed.example", digest.Run{Slot: digestTime}); err != nil {
		t.Fatal(err)
	}
	if err := d.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, false, true, false, true} {
		l, err := d.Look(t.Context(), keys[i], digest.Range{Now: digestTime})
		if err != nil || l.Told.Sent.IsZero() == want {
			t.Errorf("%v: got %+v, %v; want it kept: %v", keys[i], l.Told, err, want)
		}
	}
	if runs, err := d.Runs(t.Context()); err != nil || len(runs) != 0 {
		t.Errorf("runs: got %v, %v; want none of a domain that is gone", runs, err)
	}
}

func rowIDs(p digest.Part) (ids []string) {
	for _, r := range p.Rows {
		ids = append(ids, r.ID)
	}
	return ids
}

func digestLook(t *testing.T, d DigestRows) {
	for n := range 7 {
		d.hold(t, n, 1)
	}
	d.hold(t, 9, 2)
	d.End(t, "held0005")
	hour := func(n int) time.Time { return digestTime.Add(time.Duration(n) * time.Hour) }
	k := digest.Key{Box: 1}
	look := func(r digest.Range) digest.Look {
		t.Helper()
		got, err := d.Look(t.Context(), k, r)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	got := look(digest.Range{Now: hour(6), Horizon: hour(54), Limit: 3})
	if ids := rowIDs(got.Fresh); got.Fresh.Count != 6 || !slices.Equal(ids, []string{"held0006", "held0004", "held0003"}) || got.Ending.Count != 0 || !got.Ends.Equal(hour(720)) {
		t.Errorf("at first: got %+v, want six, of which three are listed, and the first end", got)
	}
	h := heldMessage(6)
	want := digest.Row{ID: h.ID, Recipient: h.Recipient, Sender: h.Sender, Subject: h.Subject, Filter: h.Filter, Time: hour(6), Expires: hour(726), Author: h.Author, Proven: true}
	if got.Fresh.Rows[0] != want {
		t.Errorf("got %+v, want %+v", got.Fresh.Rows[0], want)
	}
	first := digest.Told{Warned: hour(54), Ends: hour(720), Sent: hour(6)}
	if err := d.Note(t.Context(), digest.Mark{Key: k, Domain: "example.net", Now: first, Seen: got.Seen}); err != nil {
		t.Fatal(err)
	}
	d.hold(t, 7, 1)
	got = look(digest.Range{Now: hour(24), Horizon: hour(72), Limit: 3})
	if ids := rowIDs(got.Fresh); got.Told != first || got.Fresh.Count != 1 || !slices.Equal(ids, []string{"held0007"}) || got.Ending.Count != 0 {
		t.Errorf("then: got %+v, want what came since", got)
	}
	second := digest.Told{Warned: hour(72), Ends: hour(720), Sent: hour(24)}
	if err := d.Note(t.Context(), digest.Mark{Key: k, Domain: "example.net", Was: first, Now: second, Seen: got.Seen}); err != nil {
		t.Fatal(err)
	}
	got = look(digest.Range{Now: hour(721), Horizon: hour(723), Limit: 3})
	if ids := rowIDs(got.Ending); got.Fresh.Count != 0 || got.Ending.Count != 2 || !slices.Equal(ids, []string{"held0002", "held0003"}) || !got.Ends.Equal(hour(724)) {
		t.Errorf("at the end: got %+v, want those that end next, and not what is over", got)
	}
}

func digestElsewhere(t *testing.T, d DigestRows) {
	for n, box := range []int64{quarantine.Anywhere, quarantine.Elsewhere, 1} {
		h := heldMessage(n)
		h.Recipient, h.Box, h.Time = "User@example.net", box, digestTime.Add(time.Duration(n)*time.Hour)
		d.Hold(t, h)
	}
	k := digest.Key{Recipient: "user@example.net"}
	got, err := d.Look(t.Context(), k, digest.Range{Now: digestTime, Horizon: digestTime, Limit: 10})
	if ids := rowIDs(got.Fresh); err != nil || !slices.Equal(ids, []string{"held0001", "held0000"}) {
		t.Errorf("got %q, %v; want those without a mailbox", ids, err)
	}
}

func digestEnding(t *testing.T, d DigestRows) {
	note := func(k digest.Key, domain string, ends time.Time) {
		t.Helper()
		if err := d.Note(t.Context(), digest.Mark{Key: k, Domain: domain, Now: digest.Told{Ends: ends}}); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 5 {
		note(digest.Key{Box: int64(n + 1)}, "example.net", digestTime.Add(time.Duration(n)*time.Hour))
	}
	note(digest.Key{Recipient: "ann@example.net"}, "example.net", digestTime)
	note(digest.Key{Box: 7}, "example.net", time.Time{})
	note(digest.Key{Box: 8}, "example.org", digestTime)
	var got []digest.Key
	after := digest.Key{}
	for {
		page, err := d.Ending(t.Context(), "example.net", after, digestTime.Add(3*time.Hour), 2)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, page...)
		if len(page) < 2 {
			break
		}
		after = page[1]
	}
	want := []digest.Key{{Recipient: "ann@example.net"}, {Box: 1}, {Box: 2}, {Box: 3}, {Box: 4}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func digestTell(t *testing.T, d DigestRows) {
	letter := func(to mail.Path) []*queue.Transfer {
		m := &queue.Message{ID: mail.NewID(digestTime), Blob: "digest", Size: 100, Created: digestTime, Expires: digestTime.Add(time.Hour)}
		return []*queue.Transfer{{Message: m, Recipient: to, Destination: queue.Local, Boxes: []int64{1}}}
	}
	k := digest.Key{Box: 1}
	first := digest.Told{Sent: digestTime}
	mark := digest.Mark{Key: k, Domain: "example.net", Now: first}
	if err := d.Tell(t.Context(), mark, letter("first@example.net")); err != nil {
		t.Fatal(err)
	}
	if err := d.Tell(t.Context(), mark, letter("again@example.net")); !errors.Is(err, digest.ErrTold) {
		t.Errorf("told from nothing, again: got %v, want ErrTold", err)
	}
	mark.Was, mark.Now = first, digest.Told{Sent: digestTime.Add(time.Hour)}
	if err := d.Tell(t.Context(), mark, letter("second@example.net")); err != nil {
		t.Fatal(err)
	}
	if err := d.Tell(t.Context(), mark, letter("stale@example.net")); !errors.Is(err, digest.ErrTold) {
		t.Errorf("from what is over: got %v, want ErrTold", err)
	}
	if got, want := d.Queued(t), []mail.Path{"first@example.net", "second@example.net"}; !slices.Equal(got, want) {
		t.Errorf("queued for %q, want %q", got, want)
	}
}

func digestOff(t *testing.T, d DigestRows) {
	k := digest.Key{Recipient: "ann@example.net"}
	told := digest.Told{Sent: digestTime}
	for i, off := range []bool{true, true, false} {
		if err := d.SetOff(t.Context(), k, off); err != nil {
			t.Fatal(err)
		}
		look, err := d.Look(t.Context(), k, digest.Range{Now: digestTime})
		if err != nil || look.Told.Off != off {
			t.Errorf("got %+v, %v; want off %v", look.Told, err, off)
		}
		err = d.Note(t.Context(), digest.Mark{Key: k, Domain: "example.net", Now: told})
		if errors.Is(err, digest.ErrTold) != off {
			t.Errorf("step %d: noted with %v", i, err)
		}
	}
}
