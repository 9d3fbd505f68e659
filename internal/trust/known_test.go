package trust

import (
	"errors"
	"fmt"
	"hash/maphash"
	"testing"
	"time"

	"gatepost/internal/mail"
)

// A book that follows the rows does not look for a stranger's, and knows within a turn
// whom others have learnt to trust.
func TestFollow(t *testing.T) {
	now := noon
	rows := rowsOf(entry("m1", "bob@far.example", One, noon))
	b := newBook(rows, func() time.Time { return now })
	weigh := func(sender mail.Path, want bool, asked int) {
		t.Helper()
		now = now.Add(remember)
		rows.asked = 0
		if _, ok, err := b.Weigh(t.Context(), "ann@here.example", sender, now); err != nil || ok != want || rows.asked != asked {
			t.Errorf("%s: trusted %t, %v, %d keys looked up; want %t, %d", sender, ok, err, rows.asked, want, asked)
		}
	}
	follow := func() {
		t.Helper()
		if err := b.Follow(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	learn := func(sender mail.Path) {
		rows.rows[Key{"m1", sender}] = entry("m1", sender, One, noon)
		rows.news = append(rows.news, sender)
	}
	weigh("eve@far.example", false, 2) // nothing is known of who is known
	rows.listed = func() { b.Learnt(Key{"m1", "Meanwhile@far.example"}) }
	follow()
	rows.listed = nil
	follow()
	weigh("eve@far.example", false, 0)
	weigh("bob@far.example", true, 2)
	weigh("meanwhile@far.example", false, 2) // was learnt on this node while the rows were read

	learn("eve@far.example")
	follow()
	weigh("eve@far.example", true, 2)
	if _, err := b.Set(t.Context(), Key{"m1", "Set@far.example"}, One); err != nil {
		t.Fatal(err)
	}
	weigh("set@far.example", true, 2)

	follow()
	now = now.Add(followGood)
	weigh("x@far.example", false, 2) // nobody looked at the news for too long

	learn("lost@far.example")
	learn("kept@far.example")
	rows.gone = len(rows.news) - 1
	follow() // sees the gap and reads all
	follow()
	weigh("lost@far.example", true, 2)
	weigh("x@far.example", false, 0)

	delete(rows.rows, Key{"m1", "bob@far.example"})
	now = now.Add(loadEvery)
	follow()
	follow()
	weigh("bob@far.example", false, 0)

	rows.failing = errors.New("away")
	now = now.Add(loadEvery)
	if err := b.Follow(t.Context()); !errors.Is(err, rows.failing) {
		t.Errorf("the store is away: got %v", err)
	}
	rows.failing = nil
	weigh("x@far.example", false, 2)
	follow()
	follow()
	weigh("x@far.example", false, 0)
}

// Whom known has it has; of strangers it takes few for known ones, as full as it may be.
func TestKnown(t *testing.T) {
	const senders = minSenders
	k := newKnown(maphash.MakeSeed(), senders/2)
	name := func(i int) mail.Path { return mail.Path(fmt.Sprintf("user%d@far.example", i)) }
	for i := range senders {
		k.add(name(i))
	}
	wrong := 0
	for i := range senders {
		if !k.has(name(i)) {
			t.Fatalf("%s is not there", name(i))
		}
		if k.has(name(senders + i)) {
			wrong++
		}
	}
	if wrong > senders/100 {
		t.Errorf("of %d strangers %d are taken for known ones", senders, wrong)
	}
}
