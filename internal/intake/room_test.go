package intake_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"gatepost/internal/directory"
	"gatepost/internal/intake"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/mailbox"
)

// A gauge is a Meter by local part.
type gauge struct {
	dir              *directory.Directory
	full             map[string]error
	flooded, refuses bool
	sizes            []int64
	stored           []int64 // octets
}

func (g *gauge) Room(_ context.Context, box, octets int64) error {
	g.sizes = append(g.sizes, octets)
	m, _ := g.dir.Snapshot().Box(box)
	return g.full[m.Address.Local()]
}
func (g *gauge) Refuses() bool                                              { return g.refuses }
func (g *gauge) Flooded(context.Context, directory.Mailbox, mail.Path) bool { return g.flooded }
func (g *gauge) Stored(_, octets int64)                                     { g.stored = append(g.stored, octets) }

// R2 of the field notes: mail for a full mailbox is neither dropped nor put off after it was
// taken. It is judged at RCPT, and what was taken there is delivered.
func TestOverQuotaAtRcpt(t *testing.T) {
	full, beyond := map[string]error{"none": mailbox.ErrOverQuota}, map[string]error{"none": mailbox.ErrBeyondQuota}
	for name, c := range map[string]struct {
		meter   gauge
		to      []string
		answers []mail.Answer
		code    int
		kept    int
	}{
		"room":                        {gauge{}, []string{"none@late.example"}, []mail.Answer{mail.OK, mail.OK}, 0, 1},
		"full":                        {gauge{full: full}, []string{"none@late.example"}, []mail.Answer{mail.MailboxFull}, 0, 0},
		"full, by setting for good":   {gauge{full: full, refuses: true}, []string{"none@late.example"}, []mail.Answer{mail.MailboxFull}, 552, 0},
		"larger than the quota":       {gauge{full: beyond}, []string{"none@late.example"}, []mail.Answer{mail.MailboxFull}, 552, 0},
		"others go on":                {gauge{full: full}, []string{"none@late.example", "tag@late.example"}, []mail.Answer{mail.MailboxFull, mail.OK, mail.OK}, 0, 1},
		"refused is refused":          {gauge{full: map[string]error{"reject": mailbox.ErrOverQuota}}, []string{"reject@early.example"}, []mail.Answer{mail.Refused}, 0, 0},
		"discarded, and not told":     {gauge{full: map[string]error{"discard": mailbox.ErrOverQuota}}, []string{"discard@early.example"}, []mail.Answer{mail.OK, mail.OK}, 0, 0},
		"not known":                   {gauge{full: map[string]error{"none": errors.New("down")}}, []string{"none@late.example"}, []mail.Answer{mail.Failed}, 0, 0},
		"too much an hour":            {gauge{flooded: true}, []string{"none@late.example"}, []mail.Answer{mail.MailboxBusy}, 0, 0},
		"too much, but it is allowed": {gauge{flooded: true}, []string{"accept@early.example"}, []mail.Answer{mail.OK, mail.OK}, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.meter.dir = w.Directory.(*directory.Directory)
			w.Meter = &c.meter
			if got := w.send(t, c.to...); !slices.Equal(got, c.answers) {
				t.Errorf("answers: got %v, want %v", got, c.answers)
			}
			if c.kept > 0 && (len(c.meter.stored) == 0 || c.meter.stored[0] < 100) {
				t.Errorf("%v octets were counted", c.meter.stored)
			}
			if got := w.kept(); len(got) != c.kept || len(c.meter.stored) != c.kept {
				t.Errorf("kept: got %v, want %d; counted %v", got, c.kept, c.meter.stored)
			}
			if c.code != 0 {
				if v := w.first(t, c.to[0]); v.Reply.Code != c.code {
					t.Errorf("reply %+v, want %d", v.Reply, c.code)
				}
			}
		})
	}
}

// first returns the answer to the RCPT of a message of 4321 octets.
func (w *world) first(t *testing.T, to string) mail.Verdict {
	t.Helper()
	conv, _ := w.Connect(t.Context(), client)
	defer conv.Close()
	tx, _ := conv.Mail(t.Context(), client, "ann@elsewhere.example", mail.Params{Size: 4321})
	defer tx.Abort(mail.OK, "over")
	v := tx.Rcpt(t.Context(), mail.Path(to), mail.RcptParams{})
	if g := w.Meter.(*gauge); g.sizes[len(g.sizes)-1] != 4321 {
		t.Errorf("SIZE= was not asked about: %v", g.sizes)
	}
	return v
}

// Where an address leads to several places a full one has its copy put off by the queue; the
// others get theirs at once.
func TestOneOfSeveralIsFull(t *testing.T) {
	w, _, dir := newOutWorld(t)
	g := &gauge{dir: dir, full: map[string]error{"none": mailbox.ErrOverQuota}}
	w.Meter = g
	_, err := dir.AddAlias(t.Context(), directory.Alias{Address: "two@late.example", Targets: []mail.Path{"none@late.example", "tag@late.example"}})
	if err != nil {
		t.Fatal(err)
	}
	for to, want := range map[string]string{"two@late.example": "1 deliveries, to [local]", "both@late.example": "0 deliveries, to [local mx:elsewhere.example by late.example]"} {
		w.commits = nil
		if got := w.send(t, to); got[len(got)-1] != mail.OK || len(w.commits) != 1 {
			t.Errorf("%s: answers %v, %d commits", to, got, len(w.commits))
			continue
		}
		var ways []string
		for _, tr := range w.commits[0].Transfers {
			ways = append(ways, string(tr.Destination))
		}
		slices.Sort(ways)
		if got := fmt.Sprintf("%d deliveries, to %v", len(w.commits[0].Deliveries), ways); got != want {
			t.Errorf("%s: got %s, want %s", to, got, want)
		}
	}
}

// What the queue brings to full mailboxes stays there for those alone, or goes back.
func TestLocalOverQuota(t *testing.T) {
	w, _, dir := newOutWorld(t)
	box := func(local string) int64 {
		m, ok := dir.Snapshot().Mailbox(mail.Path(local + "@late.example"))
		if !ok {
			t.Fatal(local)
		}
		return m.ID
	}
	g := &gauge{dir: dir, full: map[string]error{"none": mailbox.ErrOverQuota}}
	w.Meter = g
	for name, c := range map[string]struct {
		boxes   []string
		refuses bool
		want    string
	}{
		"room":          {[]string{"tag"}, false, "carried 2.1.5, left [[]]"},
		"one is full":   {[]string{"tag", "none"}, false, "deferred 4.2.2, left [[none]]"},
		"all are full":  {[]string{"none"}, false, "deferred 4.2.2, left []"},
		"and go back":   {[]string{"none"}, true, "refused 5.2.2, left []"},
		"one goes back": {[]string{"none", "tag"}, true, "refused 5.2.2, left [[none]]"},
	} {
		t.Run(name, func(t *testing.T) {
			g.refuses = c.refuses
			store := &leftovers{}
			m := &queue.Message{ID: "m", Sender: "bob@elsewhere.example", Size: 5}
			tr := &queue.Transfer{Message: m, Recipient: "two@late.example", Destination: queue.Local}
			names := map[int64]string{}
			for _, b := range c.boxes {
				tr.Boxes = append(tr.Boxes, box(b))
				names[box(b)] = b
			}
			got := intake.Local{In: w.Intake, Store: store}.Carry(t.Context(), queue.Job{Destination: queue.Local, Message: m, Content: mail.NewMessage([]byte(letter)), Transfers: []*queue.Transfer{tr}}).Results[0]
			left := [][]string{}
			for _, boxes := range store.left {
				some := []string{}
				for _, id := range boxes {
					some = append(some, names[id])
				}
				left = append(left, some)
			}
			if n := len(store.left); n > 0 && len(store.left[n-1]) > 0 && !slices.Equal(tr.Boxes, store.left[n-1]) { // what is held or told of it is theirs
				t.Errorf("the transfer is still for %v, its row for %v", tr.Boxes, store.left[n-1])
			}
			if s := fmt.Sprintf("%s %s, left %v", got.Fate, got.Reply.Enhanced, left); s != c.want {
				t.Errorf("got %s, want %s", s, c.want)
			}
		})
	}
}

// leftovers is a LocalStore that writes down for whom a row stays.
type leftovers struct{ left [][]int64 }

func (l *leftovers) CommitLocal(_ context.Context, _ *queue.Transfer, _ *intake.Commit, left []int64) error {
	l.left = append(l.left, left)
	return nil
}
