package scripts

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"gatepost/mailbox"
	"gatepost/mailbox/sieve"
	"gatepost/test/bubble"
)

// others are the methods that nobody asks for.
type others interface{ mailbox.ScriptChanges }

// rows keeps one script for each box in memory.
type rows struct {
	others
	mailbox.ScriptMemory
	mu       sync.Mutex
	content  map[int64]string
	revision map[int64]int64
	off      map[int64]bool
	last     int64
	reads    int
	few      int // changes in one answer; 0: all
	err      error
}

func (r *rows) Script(_ context.Context, box int64, name string) (mailbox.Script, error) {
	r.reads++
	text, ok := r.content[box]
	if !ok || name != "rules" {
		return mailbox.Script{}, mailbox.ErrNoScript
	}
	return mailbox.Script{Name: name, Content: text}, r.err
}

func (r *rows) PutScript(_ context.Context, box int64, s mailbox.Script) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last++
	r.content[box], r.revision[box] = s.Content, r.last
	return nil
}

func (r *rows) ScriptsSince(_ context.Context, after int64) (list []mailbox.ScriptChange, last int64, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for revision := after + 1; revision <= r.last; revision++ {
		for box, at := range r.revision {
			if at == revision && (r.few == 0 || len(list) < r.few) {
				c := mailbox.ScriptChange{Box: box, Revision: at, Active: "rules"}
				if r.off[box] {
					c.Active = ""
				}
				list = append(list, c)
			}
		}
	}
	return list, r.last, r.err
}

func newRows() *rows {
	return &rows{content: map[int64]string{}, revision: map[int64]int64{}, off: map[int64]bool{}}
}

func (r *rows) put(box int64, text string) {
	r.PutScript(context.Background(), box, mailbox.Script{Name: "rules", Content: text})
}

func newDesk(t *testing.T, r *rows, global fs.FS) *Desk {
	t.Helper()
	d, err := New(t.Context(), Config{Rows: r, Global: global, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestActive(t *testing.T) {
	r := newRows()
	r.few = 2
	for box := range int64(5) {
		r.put(box, "keep;")
	}
	r.off[3] = true
	d := newDesk(t, r, nil)
	for box := range int64(7) {
		want := box < 5 && box != 3
		s, revision, err := d.Active(t.Context(), box)
		if got := s != nil; got != want || d.Has(box) != want || err != nil || want && revision != box+1 {
			t.Errorf("box %d: %v, revision %d, %v", box, got, revision, err)
		}
	}
	reads := r.reads
	first, _, _ := d.Active(t.Context(), 1)
	if again, _, _ := d.Active(t.Context(), 1); again != first || r.reads != reads {
		t.Error("it was compiled again")
	}
	if err := d.PutScript(t.Context(), 1, mailbox.Script{Content: "stop;"}); err != nil {
		t.Fatal(err)
	}
	if other, revision, err := d.Active(t.Context(), 1); other == first || revision != 6 || err != nil {
		t.Errorf("a change by way of the desk does not count at once: revision %d, %v", revision, err)
	}
	r.put(2, "not sieve")
	r.put(4, "keep;")
	r.off[4] = true
	if err := d.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	var fault *sieve.Error
	if s, _, err := d.Active(t.Context(), 2); s != nil || !errors.As(err, &fault) || d.Has(4) {
		t.Errorf("a script with a fault: %v; off: %v", err, d.Has(4))
	}
	r.err = errors.New("away")
	if _, _, err := d.Active(t.Context(), 2); !errors.As(err, &fault) {
		t.Errorf("a fault is known: %v", err)
	}
	if err := d.Refresh(t.Context()); !errors.Is(err, r.err) {
		t.Errorf("got %v", err)
	}
}

// What another node stored counts within a second.
func TestFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRows()
		d := newDesk(t, r, nil)
		ctx, cancel := context.WithCancel(t.Context())
		go d.Run(ctx)
		synctest.Wait()
		r.put(7, "keep;")
		bubble.Sleep(followEvery)
		if !d.Has(7) {
			t.Error("it does not count")
		}
		cancel()
		synctest.Wait()
	})
}

func TestInclude(t *testing.T) {
	r := newRows()
	r.put(7, "keep;")
	files := fstest.MapFS{"firm.sieve": {Data: []byte("keep;"), ModTime: time.Unix(1, 0)}, "big.sieve": {Data: []byte(strings.Repeat("#", maxGlobal+1))}, "secret": {Data: []byte("keep;")}}
	d := newDesk(t, r, files)
	for _, c := range []struct {
		global     bool
		name       string
		found, bad bool
	}{
		{false, "rules", true, false}, {false, "none", false, false}, {true, "firm", true, false}, {true, "rules", false, false},
		{true, "big", false, true}, {true, "secret", false, false}, {true, "../secret", false, false}, {true, "", false, false},
	} {
		s, err := d.Include(t.Context(), 7, c.global, c.name)
		if (s != nil) != c.found || (err != nil) != c.bad {
			t.Errorf("%v %q: %v, %v", c.global, c.name, s != nil, err)
		}
	}
	first, _ := d.Include(t.Context(), 7, true, "firm")
	files["firm.sieve"] = &fstest.MapFile{Data: []byte("stop;"), ModTime: time.Unix(2, 0)}
	if again, _ := d.Include(t.Context(), 7, true, "firm"); again == first {
		t.Error("a changed file does not count")
	}
}

// The cache stays within its bounds, whatever runs.
func TestCacheBounds(t *testing.T) {
	var c cache
	load := func(text string) func() (string, error) { return func() (string, error) { return text, nil } }
	for i := range int64(maxEntries + 10) {
		if _, err := c.get(key{i, 1, "a"}, load("keep;")); err != nil {
			t.Fatal(err)
		}
	}
	if _, old := c.entries[key{9, 1, "a"}]; len(c.entries) != maxEntries || c.order.Len() != maxEntries || c.octets != maxEntries*5 || old {
		t.Errorf("%d entries, %d octets", len(c.entries), c.octets)
	}
	big := "#" + strings.Repeat("x", maxOctets/4) + "\n"
	for i := range 9 {
		c.put(&kept{key: key{0, 1, fmt.Sprint(i)}, octets: len(big)})
	}
	if c.octets > maxOctets || len(c.entries) != 3 {
		t.Errorf("%d entries, %d octets", len(c.entries), c.octets)
	}
}
