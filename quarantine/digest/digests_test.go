package digest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/internal/mail"
	"gatepost/test/bubble"
)

// A world is store, directory and post of a test in memory. (The store's own rows are
// tested by the contract in store/storetest.)
type world struct {
	now       time.Time
	schedules map[string]Schedule
	runs      map[string]Run
	held      []heldFor
	told      map[Key]Told
	refused   map[Key]bool
	sent      []string // "ADDRESS SUBJECT"
	looks     int
	looked    func() // after a look
	sweeps    int
	failing   error
}

type heldFor struct {
	key    Key
	untold bool
	Row
}

func (w *world) Schedules() iter.Seq2[string, Schedule] { return maps.All(w.schedules) }

func (w *world) Reader(k Key) (Reader, bool) {
	address := k.Recipient
	if k.Box > 0 {
		address = mail.Path(fmt.Sprintf("box%d@example.org", k.Box))
	}
	return Reader{Key: k, Address: address, Domain: "example.org", Language: "en", Zone: time.UTC}, !w.refused[k]
}

func (w *world) Runs(context.Context) (map[string]Run, error) { return maps.Clone(w.runs), w.failing }

func (w *world) SetRun(_ context.Context, domain string, r Run) error {
	w.runs[domain] = r
	return w.failing
}

func (w *world) Fresh(_ context.Context, after Key, limit int) (list []Key, err error) {
	for _, h := range w.held {
		if h.untold && h.key.Box > after.Box {
			list = append(list, h.key)
		}
	}
	slices.SortFunc(list, func(a, b Key) int { return int(a.Box - b.Box) })
	list = slices.Compact(list)
	return list[:min(limit, len(list))], w.failing
}

func (w *world) Ending(_ context.Context, _ string, after Key, until time.Time, limit int) (list []Key, err error) {
	for k, t := range w.told {
		if k.Box > after.Box && !t.Ends.IsZero() && !t.Ends.After(until) {
			list = append(list, k)
		}
	}
	slices.SortFunc(list, func(a, b Key) int { return int(a.Box - b.Box) })
	return list[:min(limit, len(list))], w.failing
}

func (w *world) Look(_ context.Context, k Key, r Range) (Look, error) {
	w.looks++
	l := Look{Told: w.told[k]}
	add := func(p *Part, row Row) {
		if p.Count++; len(p.Rows) < r.Limit {
			p.Rows = append(p.Rows, row)
		}
	}
	l.Seen = w.seen(k)
	for _, h := range w.held {
		if h.key != k {
			continue
		}
		if h.Expires.After(r.Horizon) && (l.Ends.IsZero() || h.Expires.Before(l.Ends)) {
			l.Ends = h.Expires
		}
		if h.untold {
			add(&l.Fresh, h.Row)
		} else if h.Expires.After(l.Told.Warned) && !h.Expires.After(r.Horizon) {
			add(&l.Ending, h.Row)
		}
	}
	if w.looked != nil {
		w.looked()
	}
	return l, w.failing
}

func (w *world) seen(k Key) (s Seen) {
	for i, h := range w.held {
		if h.key == k && h.untold {
			s.Count, s.Sum = s.Count+1, s.Sum+uint64(i)
		}
	}
	return s
}

func (w *world) Note(_ context.Context, m Mark) error {
	if w.told[m.Key] != m.Was || m.Seen.Count > 0 && m.Seen != w.seen(m.Key) {
		return ErrTold
	}
	w.told[m.Key] = m.Now
	for i := range w.held {
		if m.Seen.Count > 0 && w.held[i].key == m.Key {
			w.held[i].untold = false
		}
	}
	return w.failing
}

func (w *world) Sweep(context.Context) error {
	w.sweeps++
	return w.failing
}

func (w *world) Send(ctx context.Context, to Reader, content []byte, m Mark) error {
	if err := w.Note(ctx, m); err != nil {
		return err
	}
	_, subject, _ := strings.Cut(string(content), "Subject: ")
	subject, _, _ = strings.Cut(subject, "\r\n")
	w.sent = append(w.sent, string(to.Address)+" "+subject)
	return nil
}

// hold holds a message for a box of example.org.
func (w *world) hold(box int64, at time.Time) {
	id := fmt.Sprintf("held%04d", len(w.held))
	w.held = append(w.held, heldFor{Key{Box: box}, true, Row{ID: id, Sender: "s@x.example", Subject: id, Time: at, Expires: at.Add(30 * 24 * time.Hour)}})
}

// six is when digests are due in the tests.
var six = time.Date(2026, 11, 20, 6, 0, 0, 0, time.UTC)

func newWorld(t *testing.T) (*world, func() *Digests) {
	w := &world{
		now: six.Add(-12 * time.Hour), runs: map[string]Run{}, told: map[Key]Told{}, refused: map[Key]bool{},
		schedules: map[string]Schedule{"example.org": {[]int{6}, time.UTC}},
	}
	return w, func() *Digests {
		return New(Config{Rows: w, Directory: w, Post: w, Writer: writer(t), Now: func() time.Time { return w.now }})
	}
}

// told has the turns of these times taken, and returns what was sent.
func (w *world) turns(t *testing.T, d *Digests, times ...time.Time) (sent string) {
	t.Helper()
	w.sent = nil
	for _, at := range times {
		w.now = at
		if err := d.turn(t.Context()); err != nil {
			t.Fatalf("%s: %v", at, err)
		}
	}
	slices.Sort(w.sent)
	return strings.Join(w.sent, "; ")
}

const one = "box1@example.org 1 new message is held"

func TestTurn(t *testing.T) {
	day := 24 * time.Hour
	for name, test := range map[string]func(t *testing.T, w *world, open func() *Digests) (got, want string){
		"told at the hour, and once": func(t *testing.T, w *world, open func() *Digests) (string, string) {
			d := open()
			w.turns(t, d, six.Add(-12*time.Hour))
			w.hold(1, six.Add(-2*time.Hour))
			return w.turns(t, d, six.Add(-time.Minute), six, six.Add(time.Minute), six.Add(day)), one
		},
		"nothing where nothing is new": func(t *testing.T, w *world, open func() *Digests) (string, string) {
			d := open()
			return w.turns(t, d, six.Add(-12*time.Hour), six, six.Add(day)), ""
		},
		"a domain seen first waits for its hour": func(t *testing.T, w *world, open func() *Digests) (string, string) {
			d := open()
			w.hold(1, six.Add(-20*time.Hour))
			return w.turns(t, d, six.Add(-12*time.Hour)) + "|" + w.turns(t, d, six), "|" + one
		},
		"down at the hour, once when back": func(t *testing.T, w *world, open func() *Digests) (string, string) {
			w.turns(t, open(), six.Add(-12*time.Hour))
			w.hold(1, six.Add(-2*time.Hour))
			d := open()
			return w.turns(t, d, six.Add(9*time.Hour), six.Add(10*time.Hour)), one
		},
		"down for days, once when back": func(t *testing.T, w *world, open func() *Digests) (string, string) {
			w.turns(t, open(), six.Add(-12*time.Hour))
			w.hold(1, six.Add(-2*time.Hour))
			return w.turns(t, open(), six.Add(5*day+time.Hour), six.Add(5*day+2*time.Hour)), one
		},
		"the clock goes back": func(t *testing.T, w *world, open func() *Digests) (string, string) {
			d := open()
			w.turns(t, d, six.Add(-12*time.Hour))
			w.hold(1, six.Add(-2*time.Hour))
			return w.turns(t, d, six, six.Add(-time.Hour), six, six.Add(time.Minute)), one
		},
		"the clock was years ahead": func(t *testing.T, w *world, open func() *Digests) (string, string) {
			d := open()
			w.turns(t, d, six.Add(-12*time.Hour))
			w.hold(1, six.Add(-2*time.Hour))
			first := w.turns(t, d, six.AddDate(4, 0, 0))
			w.turns(t, d, six.Add(time.Hour), six.Add(day))
			w.hold(1, six.Add(2*day-time.Hour))
			return first + "|" + w.turns(t, d, six.Add(2*day), six.Add(3*day)), one + "|" + one
		},
		"what came since, only": func(t *testing.T, w *world, open func() *Digests) (string, string) {
			d := open()
			w.turns(t, d, six.Add(-12*time.Hour))
			w.hold(1, six.Add(-2*time.Hour))
			w.turns(t, d, six)
			w.hold(1, six.Add(time.Hour))
			w.hold(1, six.Add(2*time.Hour))
			w.hold(2, six.Add(2*time.Hour))
			return w.turns(t, d, six.Add(day)), "box1@example.org 2 new messages are held; box2@example.org 1 new message is held"
		},
		"a transaction that took long": func(t *testing.T, w *world, open func() *Digests) (string, string) {
			d := open()
			w.turns(t, d, six.Add(-12*time.Hour))
			w.hold(1, six.Add(-2*time.Hour))
			w.turns(t, d, six)
			w.hold(1, six.Add(-time.Hour)) // it was under way, and is over now
			return w.turns(t, d, six.Add(day), six.Add(2*day)), one
		},
		"under way when told by command": func(t *testing.T, w *world, open func() *Digests) (string, string) {
			d := open()
			w.turns(t, d, six.Add(-12*time.Hour))
			w.hold(1, six.Add(-7*time.Hour))
			w.now, w.sent = six.Add(-6*time.Hour), nil
			if _, err := d.Tell(t.Context(), Key{Box: 1}); err != nil {
				t.Fatal(err)
			}
			first := strings.Join(w.sent, "; ")
			w.hold(1, w.now.Add(-20*time.Second))
			return first + "|" + w.turns(t, d, six, six.Add(day)), one + "|" + one
		},
		"the clock was ahead for some hours": func(t *testing.T, w *world, open func() *Digests) (string, string) {
			d := open()
			w.turns(t, d, six.Add(-12*time.Hour))
			w.hold(1, six.Add(-6*time.Hour))
			first := w.turns(t, d, six.Add(15*time.Hour))
			w.hold(1, six.Add(-4*time.Hour))
			w.hold(1, six.Add(5*time.Hour))
			return first + "|" + w.turns(t, d, six, six.Add(day), six.Add(2*day)), one + "|box1@example.org 2 new messages are held"
		},
		"what came while its mailbox was suspended": func(t *testing.T, w *world, open func() *Digests) (string, string) {
			d := open()
			w.turns(t, d, six.Add(-12*time.Hour))
			w.hold(1, six.Add(-2*time.Hour))
			w.refused[Key{Box: 1}] = true
			first := w.turns(t, d, six, six.Add(day))
			w.refused[Key{Box: 1}] = false
			return first + "|" + w.turns(t, d, six.Add(2*day), six.Add(3*day)), "|" + one
		},
		"held again": func(t *testing.T, w *world, open func() *Digests) (string, string) {
			d := open()
			w.turns(t, d, six.Add(-12*time.Hour))
			w.hold(1, six.Add(-2*time.Hour))
			w.turns(t, d, six)
			w.held[0].untold = true
			return w.turns(t, d, six.Add(day), six.Add(2*day)), one
		},
		"one comes while it is told": func(t *testing.T, w *world, open func() *Digests) (string, string) {
			d := open()
			w.turns(t, d, six.Add(-12*time.Hour))
			w.hold(1, six.Add(-2*time.Hour))
			w.looked = func() { w.looked = nil; w.hold(1, six.Add(-time.Hour)) }
			return w.turns(t, d, six, six.Add(day)), "box1@example.org 2 new messages are held"
		},
		"some come all the time": func(t *testing.T, w *world, open func() *Digests) (string, string) {
			d := open()
			w.turns(t, d, six.Add(-12*time.Hour))
			w.hold(1, six.Add(-2*time.Hour))
			w.looked = func() { w.hold(1, six.Add(-time.Hour)) }
			first := w.turns(t, d, six)
			w.looked = nil
			return first + "|" + w.turns(t, d, six.Add(day)), "|box1@example.org 4 new messages are held"
		},
		"who wants none": func(t *testing.T, w *world, open func() *Digests) (string, string) {
			d := open()
			w.turns(t, d, six.Add(-12*time.Hour))
			w.hold(1, six.Add(-2*time.Hour))
			w.hold(2, six.Add(-2*time.Hour))
			w.refused[Key{Box: 1}], w.told[Key{Box: 2}] = true, Told{Off: true}
			return w.turns(t, d, six), ""
		},
		"the end is told two days before, once": func(t *testing.T, w *world, open func() *Digests) (string, string) {
			d := open()
			w.turns(t, d, six.Add(-12*time.Hour))
			w.hold(1, six.Add(-2*time.Hour))
			w.turns(t, d, six)
			got := w.turns(t, d, six.Add(27*day)) + "|" + w.turns(t, d, six.Add(28*day)) + "|" + w.turns(t, d, six.Add(29*day))
			return got, "|box1@example.org 1 held message will be removed soon|"
		},
		"the end of what was released is not told": func(t *testing.T, w *world, open func() *Digests) (string, string) {
			d := open()
			w.turns(t, d, six.Add(-12*time.Hour))
			w.hold(1, six.Add(-2*time.Hour))
			w.turns(t, d, six)
			w.held = nil
			got := w.turns(t, d, six.Add(28*day))
			if ends := w.told[Key{Box: 1}].Ends; !ends.IsZero() {
				t.Errorf("it is still to be told of an end at %s", ends)
			}
			return got, ""
		},
		"no hours": func(t *testing.T, w *world, open func() *Digests) (string, string) {
			d := open()
			w.turns(t, d, six.Add(-12*time.Hour))
			w.hold(1, six.Add(-2*time.Hour))
			w.schedules["example.org"] = Schedule{nil, time.UTC}
			return w.turns(t, d, six, six.Add(day)), ""
		},
		"a crash in the middle": func(t *testing.T, w *world, open func() *Digests) (string, string) {
			d := open()
			w.turns(t, d, six.Add(-12*time.Hour))
			w.hold(1, six.Add(-2*time.Hour))
			w.hold(2, six.Add(-2*time.Hour))
			before := maps.Clone(w.runs)
			w.turns(t, d, six)
			w.runs = before // its last commit was not made
			delete(w.told, Key{Box: 2})
			w.held[1].untold = true
			return w.turns(t, open(), six.Add(time.Hour)), "box2@example.org 1 new message is held"
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, open := newWorld(t)
				if got, want := test(t, w, open); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			})
		})
	}
}

// Readers are looked at once, however many pages they stand on, and in pages.
func TestTurnLooksOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, open := newWorld(t)
		d := open()
		w.turns(t, d, six.Add(-12*time.Hour))
		for i := range 3 * page {
			w.hold(int64(i%7+1), six.Add(-2*time.Hour))
		}
		if got := w.turns(t, d, six); strings.Count(got, "@") != 7 || !strings.Contains(got, "box7@example.org 428 new messages are held") {
			t.Errorf("got %q", got)
		}
		if w.looks != 7 {
			t.Errorf("%d looks, want 7", w.looks)
		}
	})
}

// What fails is tried again, and keeps no other domain waiting.
func TestTurnFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, open := newWorld(t)
		d := open()
		w.turns(t, d, six.Add(-12*time.Hour))
		w.hold(1, six.Add(-2*time.Hour))
		w.now, w.failing = six, errors.New("down")
		if err := d.turn(t.Context()); !errors.Is(err, w.failing) || !strings.Contains(err.Error(), "example.org") {
			t.Errorf("got %v", err)
		}
		w.failing = nil
		if got := w.turns(t, d, six.Add(time.Minute)); got != one {
			t.Errorf("got %q, want %q", got, one)
		}
	})
}

func TestTellNow(t *testing.T) {
	w, open := newWorld(t)
	d, k := open(), Key{Box: 1}
	if p, err := d.Tell(t.Context(), k); err != nil || p.Text != "" || w.sent != nil {
		t.Errorf("nothing held: got %+v, %v, sent %q", p, err, w.sent)
	}
	w.hold(1, w.now)
	p, err := d.Preview(t.Context(), k)
	if err != nil || !strings.Contains(p.Text, "Subject     held0000\n") || strings.Contains(p.Text, "https:") || w.sent != nil {
		t.Errorf("preview: got %+v, %v, sent %q", p, err, w.sent)
	}
	if p, err := d.Tell(t.Context(), k); err != nil || p.Look.Fresh.Count != 1 || len(w.sent) != 1 || w.sent[0] != one {
		t.Errorf("tell: got %+v, %v, sent %q", p, err, w.sent)
	}
	if p, err := d.Tell(t.Context(), k); err != nil || p.Text != "" || len(w.sent) != 1 {
		t.Errorf("again: got %+v, %v, sent %q", p, err, w.sent)
	}
	w.refused[k] = true
	if _, err := d.Tell(t.Context(), k); !errors.Is(err, ErrNobody) {
		t.Errorf("refused: got %v", err)
	}
}

func TestRunEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, open := newWorld(t)
		d := open()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan bool)
		go func() { d.Run(ctx); close(done) }()
		bubble.Sleep(3 * every)
		if w.runs["example.org"].Slot.IsZero() || w.sweeps != 1 {
			t.Errorf("no turn was taken, or %d sweeps", w.sweeps)
		}
		cancel()
		<-done
	})
}
