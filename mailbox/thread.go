package mailbox

import (
	"context"
	"slices"
	"time"
)

// A Thread is a message and those that answer it. UID is 0 where the message itself is not there.
type Thread struct {
	UID      UID
	Children []*Thread

	date    time.Time
	subject string
	reply   bool
	parent  *Thread
}

// BySubjectThreads groups messages by their base subject, in the order in which they were sent
// (RFC 5256 §3, ORDEREDSUBJECT): each thread's first message, with all others as its children.
func BySubjectThreads(list []Sortable) []*Thread {
	list = slices.Clone(list)
	Sort(list, []SortOrder{{Key: BySubject}, {Key: ByDate}})
	var threads []*Thread
	for _, m := range list {
		if n := len(threads); n > 0 && threads[n-1].subject == m.Subject {
			threads[n-1].Children = append(threads[n-1].Children, &Thread{UID: m.UID, date: m.Date})
			continue
		}
		threads = append(threads, &Thread{UID: m.UID, date: m.Date, subject: m.Subject})
	}
	sortThreads(threads)
	return threads
}

// ReferenceThreads finds who answers whom by Message-IDs, and joins what has the same base subject (RFC 5256 §3,
// REFERENCES).
// It fails only where ctx ends: a folder may hold many messages, and strangers choose what they refer to.
func ReferenceThreads(ctx context.Context, list []Sortable) ([]*Thread, error) {
	linked, err := link(ctx, list)
	if err != nil {
		return nil, err
	}
	roots := prune(linked, true)
	for _, t := range roots {
		t.settle()
	}
	sortThreads(roots)
	roots = joinSubjects(roots)
	for _, t := range roots {
		t.settle()
	}
	sortThreads(roots)
	return roots, nil
}

// link makes a node of each message and of each that is only referred to, and returns those without a parent.
func link(ctx context.Context, list []Sortable) (roots []*Thread, err error) {
	nodes := map[string]*Thread{}
	var all []*Thread
	node := func(id string) *Thread {
		t := nodes[id]
		if t == nil {
			t = &Thread{}
			nodes[id] = t
			all = append(all, t)
		}
		return t
	}
	for i, m := range list {
		if i%1000 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		t := &Thread{}
		if m.ID == "" {
			all = append(all, t)
		} else if t = node(m.ID); t.UID != 0 { // who bears the ID of another is a message of its own
			t = &Thread{}
			all = append(all, t)
		}
		t.UID, t.date, t.subject, t.reply = m.UID, m.Date, m.Subject, m.Reply
		var last *Thread
		for _, id := range m.References {
			r := node(id)
			if last != nil && r.parent == nil {
				last.adopt(r)
			}
			last = r
		}
		if last != nil && last != t {
			t.leave()
			last.adopt(t)
		}
	}
	for _, t := range all {
		if t.parent == nil {
			roots = append(roots, t)
		}
	}
	return roots, nil
}

// maxChain bounds how deep answers to answers stand; what is deeper begins anew.
const maxChain = 500

// adopt makes c a child, unless it is an ancestor.
func (t *Thread) adopt(c *Thread) {
	depth := 0
	for up := t; up != nil; up = up.parent {
		if depth++; up == c || depth == maxChain {
			return
		}
	}
	c.parent = t
	t.Children = append(t.Children, c)
}

func (t *Thread) leave() {
	if t.parent == nil {
		return
	}
	t.parent.Children = slices.DeleteFunc(t.parent.Children, func(c *Thread) bool { return c == t })
	t.parent = nil
}

// prune leaves out messages that are not there: their children stand in their place, but several at the top stay
// together. Chains may be long, so it goes without recursion.
func prune(list []*Thread, top bool) []*Thread {
	var order []*Thread // parents before children
	for todo := slices.Clone(list); len(todo) > 0; {
		t := todo[len(todo)-1]
		todo = append(todo[:len(todo)-1], t.Children...)
		order = append(order, t)
	}
	// Of the lists that are joined the longest stays, and the others are added: their order comes later, by date.
	kept := func(children []*Thread, top bool) []*Thread {
		var own, longest []*Thread
		for _, c := range children {
			switch {
			case c.UID != 0, top && len(c.Children) > 1:
				own = append(own, c)
			case len(c.Children) > len(longest):
				own, longest = append(own, longest...), c.Children
			default:
				own = append(own, c.Children...)
			}
		}
		return append(longest, own...)
	}
	for _, t := range slices.Backward(order) {
		t.Children = kept(t.Children, false)
	}
	return kept(list, top)
}

// settle sorts all children by date, and gives what is not there its first child's.
func (t *Thread) settle() {
	var order []*Thread
	for todo := []*Thread{t}; len(todo) > 0; {
		one := todo[len(todo)-1]
		todo = append(todo[:len(todo)-1], one.Children...)
		order = append(order, one)
	}
	for _, one := range slices.Backward(order) {
		sortThreads(one.Children)
		if one.UID == 0 && len(one.Children) > 0 {
			first := one.Children[0]
			one.date, one.subject, one.reply = first.date, first.subject, first.reply
		}
	}
}

func sortThreads(list []*Thread) {
	slices.SortStableFunc(list, func(a, b *Thread) int {
		if c := a.date.Compare(b.date); c != 0 {
			return c
		}
		return int(int64(a.first()) - int64(b.first()))
	})
}

// first is the message that a thread is sorted by.
func (t *Thread) first() UID {
	if t.UID == 0 && len(t.Children) > 0 {
		return t.Children[0].UID
	}
	return t.UID
}

// joinSubjects brings threads of one base subject together (RFC 5256 §3, REFERENCES, step 5).
func joinSubjects(roots []*Thread) []*Thread {
	table := map[string]*Thread{}
	for _, t := range roots {
		old := table[t.subject]
		if t.subject == "" || old != nil && !(old.UID != 0 && t.UID == 0) && !(old.UID != 0 && old.reply && !t.reply) {
			continue
		}
		table[t.subject] = t
	}
	var out []*Thread
	for _, t := range roots {
		other := table[t.subject]
		switch {
		case t.subject == "" || other == t:
			out = append(out, t)
		case other.UID == 0 && t.UID == 0:
			other.Children = append(other.Children, t.Children...)
		case other.UID == 0, t.reply && !other.reply:
			other.Children = append(other.Children, t)
		default: // a new one that is not there, in the place of the other
			both := &Thread{UID: other.UID, Children: other.Children, date: other.date, subject: other.subject, reply: other.reply}
			*other = Thread{subject: t.subject, Children: []*Thread{both, t}}
		}
	}
	return out
}

// Append adds a thread as RFC 5256 §4 writes it; number says what stands for a message.
func (t *Thread) Append(b []byte, number func([]byte, UID) []byte) []byte {
	b = append(b, '(')
	space := false
	for {
		if t.UID != 0 {
			if space {
				b = append(b, ' ')
			}
			b, space = number(b, t.UID), true
		}
		if len(t.Children) != 1 {
			break
		}
		t = t.Children[0]
	}
	if len(t.Children) > 0 && space {
		b = append(b, ' ')
	}
	for _, c := range t.Children {
		b = c.Append(b, number)
	}
	return append(b, ')')
}

// String shows threads, for tests and logs.
func (t *Thread) String() string {
	return string(t.Append(nil, func(b []byte, u UID) []byte { return UIDSet{}.Add(u).Append(b) }))
}
