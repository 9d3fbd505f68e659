package directory

import (
	"fmt"
	"testing"

	"gatepost/internal/mail"
)

// A snapshot remembers a bounded number of recipients, and of each only what leads to
// little; who appends to what it gave changes nothing.
func TestMet(t *testing.T) {
	var m met
	r := Resolution{Boxes: make([]Mailbox, 1, 4)}
	for i := range 3 * maxMet {
		m.add(mail.Path(fmt.Sprintf("u%d@x.example", i)), r)
		if len(m.to) > maxMet {
			t.Fatalf("remembers %d", len(m.to))
		}
	}
	last := mail.Path(fmt.Sprintf("u%d@x.example", 3*maxMet-1))
	one, ok := m.find(last)
	if !ok || len(one.Boxes) != 1 {
		t.Fatalf("got %+v, %t", one, ok)
	}
	_ = append(one.Boxes, Mailbox{ID: 7})
	two, _ := m.find(last)
	if grown := append(two.Boxes, Mailbox{ID: 8}); grown[1].ID != 8 || cap(two.Boxes) != 1 {
		t.Error("two share what they append")
	}
	m.add("many@x.example", Resolution{Boxes: make([]Mailbox, maxMetTo+1)})
	if _, ok := m.find("many@x.example"); ok {
		t.Error("remembers what leads to many")
	}
}
