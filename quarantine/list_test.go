package quarantine

import (
	"context"
	"errors"
	"testing"
)

// memLists notes what is listed.
type memLists struct {
	own     bool
	nowhere error // there is nobody for whom an entry would count
	failing error
	listed  []Listing
}

func (m *memLists) Own(Held) bool { return m.own }

func (m *memLists) Listable(Held, bool) error { return m.nowhere }

func (m *memLists) List(_ context.Context, l Listing) error {
	m.listed = append(m.listed, l)
	return m.failing
}

func TestAllowAndBlock(t *testing.T) {
	down := errors.New("down")
	ann, op := By{Who: "ann@example.net"}, By{Who: "admin", Operator: true}
	proven := Held{ID: "one", Sender: "Bob@Sender.example", Proof: "spf", State: StateHeld}
	with := func(change func(*Held)) Held { h := proven; change(&h); return h }
	for name, c := range map[string]struct {
		held   Held
		block  bool
		by     By
		choice Choice
		lists  memLists
		err    error
		value  string // listed; "": nothing is
		origin string
		state  State // then
	}{
		"allow":                  {held: proven, by: ann, value: "bob@sender.example", origin: "release", state: StateReleased},
		"allow the domain":       {held: proven, by: ann, choice: Choice{Domain: true, Origin: "admin"}, value: "sender.example", origin: "admin", state: StateReleased},
		"allow what is released": {held: with(func(h *Held) { h.State = StateReleased }), by: ann, value: "bob@sender.example", origin: "release", state: StateReleased},
		"allow what is deleted":  {held: with(func(h *Held) { h.State = StateDeleted }), by: ann, err: ErrNotHeld, state: StateDeleted},
		"allow unproven":         {held: with(func(h *Held) { h.Proof = "" }), by: op, err: ErrUnproven, state: StateHeld},
		"allow own":              {held: proven, by: op, lists: memLists{own: true}, err: ErrOwn, state: StateHeld},
		"allow nobody":           {held: with(func(h *Held) { h.Sender = "" }), by: op, err: ErrNobody, state: StateHeld},
		"allow guarded":          {held: with(func(h *Held) { h.Guarded = true }), by: ann, err: ErrGuarded, state: StateHeld},
		"operators may":          {held: with(func(h *Held) { h.Guarded = true }), by: op, value: "bob@sender.example", origin: "release", state: StateReleased},
		"lists are down":         {held: proven, by: ann, lists: memLists{failing: down}, err: down, value: "bob@sender.example", origin: "release", state: StateReleased},
		"allow for no mailbox":   {held: proven, by: ann, lists: memLists{nowhere: down}, err: down, state: StateHeld},
		"block for no mailbox":   {held: proven, block: true, by: ann, lists: memLists{nowhere: down}, err: down, state: StateHeld},
		"block":                  {held: proven, block: true, by: ann, value: "bob@sender.example", origin: "owner", state: StateDeleted},
		"block unproven":         {held: with(func(h *Held) { h.Proof = "" }), block: true, by: ann, value: "bob@sender.example", origin: "owner", state: StateDeleted},
		"block nobody":           {held: with(func(h *Held) { h.Sender = "" }), block: true, by: ann, err: ErrNobody, state: StateHeld},
		"block what is released": {held: with(func(h *Held) { h.State = StateReleased }), block: true, by: ann, err: ErrNotHeld, state: StateReleased},
		"block what has expired": {held: with(func(h *Held) { h.State = StateExpired }), block: true, by: ann, value: "bob@sender.example", origin: "owner", state: StateExpired},
		"block guarded":          {held: with(func(h *Held) { h.Guarded = true }), block: true, by: ann, value: "bob@sender.example", origin: "owner", state: StateDeleted},
	} {
		t.Run(name, func(t *testing.T) {
			rows, lists := &memRows{held: c.held}, c.lists
			q := open(rows)
			q.c.Lists = &lists
			do := q.Allow
			if c.block {
				do = q.Block
			}
			_, err := do(t.Context(), "one", c.by, c.choice)
			if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
				t.Errorf("got %v, want %v", err, c.err)
			}
			if rows.held.State != c.state {
				t.Errorf("it is %s, want %s", rows.held.State, c.state)
			}
			if len(lists.listed) != 0 != (c.value != "") {
				t.Fatalf("listed %+v, want %q", lists.listed, c.value)
			}
			if c.value == "" {
				return
			}
			if l := lists.listed[0]; l.Value != c.value || l.Origin != c.origin || l.Allow == c.block || l.Wide != c.choice.Wide || l.Held.ID != "one" {
				t.Errorf("listed %+v, want %s by %s", l, c.value, c.origin)
			}
			if err == nil {
				last := rows.held.Acts[len(rows.held.Acts)-1]
				if want := map[bool]State{false: ActAllowed, true: ActBlocked}[c.block]; last.What != want || last.Who != c.by.Who {
					t.Errorf("noted %+v, want %s", last, want)
				}
			}
		})
	}
}

func TestGuardedIsReleasedByOperators(t *testing.T) {
	rows := &memRows{held: Held{ID: "one", Guarded: true, State: StateHeld}}
	q := open(rows)
	if _, err := q.Release(t.Context(), "one", By{Who: "ann@example.net"}); !errors.Is(err, ErrGuarded) || len(rows.delivered) > 0 {
		t.Errorf("by its owner: got %v and %d deliveries, want ErrGuarded", err, len(rows.delivered))
	}
	if _, err := q.Ask(t.Context(), "one", By{Who: "ann@example.net"}); err != nil || rows.held.Acts[0] != (Act{"ann@example.net", ActAsked, noon}) {
		t.Errorf("asked: got %v, %+v", err, rows.held.Acts)
	}
	if _, err := q.Release(t.Context(), "one", By{Who: "admin", Operator: true}); err != nil || len(rows.delivered) != 1 {
		t.Errorf("by an operator: got %v and %d deliveries", err, len(rows.delivered))
	}
}
