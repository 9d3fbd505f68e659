package desk_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/bayes"
	"gatepost/internal/bayes/desk"
	"gatepost/internal/mail"
	"gatepost/internal/store"
	"gatepost/test/fresh"
)

// A site is one store, with mail of which it is known what it is.
type site struct {
	t     *testing.T
	close func() error // the store; more than once is as good as once
	rows  desk.Rows
	now   time.Time
	mu    sync.Mutex
	mail  map[string]*bayes.Features // by message
	log   bytes.Buffer               // once nobody writes to it
	logs  *slog.Logger               // of all nodes
	caps  desk.Caps
}

// firstDay is when a new site begins.
var firstDay = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func newSite(t *testing.T) *site {
	t.Helper()
	s := siteIn(t, t.TempDir())
	s.now = firstDay
	return s
}

// siteIn is the site whose store is in a directory.
func siteIn(t *testing.T, dir string) *site {
	t.Helper()
	db, err := store.Open(t.Context(), fresh.In(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	end := sync.OnceValue(db.Close)
	t.Cleanup(func() { end() })
	s := &site{t: t, close: end, rows: db.Bayes(), now: time.Now().UTC(), mail: map[string]*bayes.Features{}}
	s.logs = slog.New(slog.NewTextHandler(&s.log, nil))
	return s
}

// Features implements desk.Contents.
func (s *site) Features(_ context.Context, message string) (*bayes.Features, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.mail[message]; f != nil {
		return f, nil
	}
	return nil, desk.ErrGone
}

// node starts a desk on the site's store.
func (s *site) node(name string) *desk.Desk {
	s.t.Helper()
	d := desk.New(desk.Config{
		Rows: s.rows, Contents: s, Node: name, Caps: s.caps, Log: s.logs,
		Now: func() time.Time { return s.now },
	})
	if err := d.Follow(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	return d
}

// lesson makes one about a message of some text, which is for everybody.
func (s *site) lesson(message, text string, spam bool, person string) desk.Lesson {
	s.t.Helper()
	f, err := bayes.Of(mail.NewMessage([]byte(text)))
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	s.mail[message] = f
	s.mu.Unlock()
	l := desk.Lesson{Message: message, Features: f, Domain: person[strings.IndexByte(person, '@')+1:], Spam: spam, Source: desk.Junk, Person: person, Confirmed: true}
	if !spam {
		l.Source = desk.Inbox
	}
	return l
}

func (s *site) teach(d *desk.Desk, l desk.Lesson) desk.Taught {
	s.t.Helper()
	t, err := d.Teach(s.t.Context(), l)
	if err != nil {
		s.t.Fatal(err)
	}
	return t
}

// octets tell a desk's model, whole, from any other: they are its digest.
func octets(t *testing.T, d *desk.Desk) []byte {
	t.Helper()
	if err := d.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	return octetsOf(t, d.Model())
}

func octetsOf(t *testing.T, m *bayes.Model) []byte {
	t.Helper()
	h := sha256.New()
	if _, err := m.WriteTo(h); err != nil {
		t.Fatal(err)
	}
	return h.Sum(nil)
}

func same(t *testing.T, what string, a, b *desk.Desk) {
	t.Helper()
	if !bytes.Equal(octets(t, a), octets(t, b)) {
		t.Errorf("%s: the models differ", what)
	}
}

// A writer makes mail: of each kind with words of its own and words that all have.
type writer struct{ *rand.Rand }

func newWriter(seed uint64) writer { return writer{rand.New(rand.NewPCG(seed, 1))} }

func (w writer) words(kind string, of, n int) string {
	var b strings.Builder
	for range n {
		if w.IntN(3) == 0 {
			fmt.Fprintf(&b, "%s%d ", kind, w.IntN(of))
		} else {
			fmt.Fprintf(&b, "common%d ", w.IntN(400))
		}
	}
	return b.String()
}

func (w writer) letter(kind string, of int) string {
	return fmt.Sprintf("From: <%s%d@%s.example>\r\nSubject: %s\r\nMessage-ID: <%d@%s.example>\r\n\r\n%s\r\n",
		kind, w.IntN(50), kind, w.words(kind, of, 6), w.Uint64(), kind, w.words(kind, of, 60))
}

func TestTeachIsIdempotentAndTakenBack(t *testing.T) {
	s := newSite(t)
	d := s.node("a")
	empty := octets(t, d)
	l := s.lesson("m1", newWriter(1).letter("pill", 50), true, "ann@one.example")
	if got := s.teach(d, l); got.State != desk.Learnt {
		t.Fatalf("got %+v", got)
	}
	once := octets(t, d)
	if bytes.Equal(once, empty) {
		t.Fatal("nothing learnt")
	}
	if got := s.teach(d, l); !got.Known {
		t.Errorf("again: %+v", got)
	}
	copied := l
	copied.Message = "m2" // the same mail, come once more
	if got := s.teach(d, copied); !got.Known {
		t.Errorf("a copy: %+v", got)
	}
	if !bytes.Equal(octets(t, d), once) {
		t.Error("it was learnt again")
	}
	l.Spam, l.Source = false, desk.Inbox
	if got := s.teach(d, l); !got.Instead || got.Kept {
		t.Errorf("the opposite: %+v", got)
	}
	if v := d.Judge(l.Features, ""); v.Ham != 1 || v.Spam != 0 {
		t.Errorf("the model counts %d ham, %d spam", v.Ham, v.Spam)
	}
	other := s.node("b")
	if list, err := other.Forget(t.Context(), "m1", "ann@one.example", "bob"); err != nil || len(list) != 1 {
		t.Fatalf("forget on another node: %v, %v", list, err)
	}
	if !bytes.Equal(octets(t, d), empty) || !bytes.Equal(octets(t, other), empty) {
		t.Error("taken back, the model is not what it was")
	}
	if _, err := d.Forget(t.Context(), "m1", "", "bob"); !errors.Is(err, desk.ErrNone) {
		t.Errorf("forget again: %v", err)
	}
	list, err := d.Lessons(t.Context(), desk.Query{})
	if err != nil || len(list) != 2 || list[0].Stands || list[1].Stands || list[0].EndedBy != "bob" || list[1].EndedBy != "ann@one.example" {
		t.Errorf("lessons %+v, %v", list, err)
	}
}
