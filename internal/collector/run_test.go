package collector

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/internal/mail"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// memory is Rows of one account; what is taken is marked as a commit would.
type memory struct {
	Rows
	marks []Mark
	state State
	wait  time.Duration
}

func (m *memory) Marks(_ context.Context, _ int64, folder string) (list []Mark, _ error) {
	for _, k := range m.marks {
		if k.Folder == folder {
			list = append(list, k)
		}
	}
	return list, nil
}

func (m *memory) Mark(_ context.Context, list []Mark) error {
	for _, k := range list {
		m.put(k)
	}
	return nil
}

func same(a, b Mark) bool { return a.Folder == b.Folder && a.Validity == b.Validity && a.ID == b.ID }

func (m *memory) put(k Mark) bool {
	if slices.ContainsFunc(m.marks, func(o Mark) bool { return same(o, k) }) {
		return false
	}
	m.marks = append(m.marks, k)
	return true
}

func (m *memory) Forget(_ context.Context, list []Mark) error {
	m.marks = slices.DeleteFunc(m.marks, func(o Mark) bool { return slices.ContainsFunc(list, func(k Mark) bool { return same(o, k) }) })
	return nil
}

func (m *memory) Finish(_ context.Context, _ int64, s State, wait time.Duration) error {
	m.state, m.wait = s, wait
	return nil
}

// A site is an account elsewhere, a mailbox here, and the collector between them.
type site struct {
	t        *testing.T
	rows     memory
	account  Account
	validity uint32
	there    []Listed
	content  map[string]string
	dies     string // the id in whose middle the server does
	refuses  string // the id that it does not give out; "*": none
	taken    []string
	asked    int
	told     int
	later    string // a message that is not taken now
	clock    time.Time
}

func newSite(t *testing.T, ids ...string) *site {
	s := &site{t: t, content: map[string]string{}, validity: 7, clock: noon}
	s.account = Account{ID: 1, Token: "token", Settings: Settings{Name: "a", Protocol: "imap", Interval: time.Minute, Remove: -1, Messages: 100, Octets: 1 << 20}}
	s.add(ids...)
	return s
}

func (s *site) add(ids ...string) {
	for _, id := range ids {
		s.content[id] = "Subject: " + id + "\r\n\r\nhello\r\n"
		s.there = append(s.there, Listed{ID: id, Size: int64(len(s.content[id])), Date: s.clock})
	}
}

func (s *site) List(string) (uint32, []Listed, error) { return s.validity, slices.Clone(s.there), nil }

func (s *site) Fetch(l Listed, w io.Writer, most int64) error {
	if l.ID == s.dies {
		io.WriteString(w, s.content[l.ID][:5])
		return errors.New("the server closed the connection")
	}
	s.asked++
	if s.refuses == l.ID || s.refuses == "*" {
		return fmt.Errorf("%w: the server says no", ErrWithheld)
	}
	if int64(len(s.content[l.ID])) > most {
		return ErrTooLarge
	}
	_, err := io.WriteString(w, s.content[l.ID])
	return err
}

func (s *site) Remove(list []Listed) error {
	for _, l := range list {
		s.there = slices.DeleteFunc(s.there, func(o Listed) bool { return o.ID == l.ID })
	}
	return nil
}
func (s *site) End() error   { return nil }
func (s *site) Close() error { return nil }

func (s *site) Take(_ context.Context, _ *Account, m *mail.Message, mark Mark) (Fate, error) {
	subject := m.Header().Get("Subject")
	if subject == s.later {
		return 0, ErrLater
	}
	if !s.rows.put(mark) {
		return 0, ErrTaken
	}
	s.taken = append(s.taken, subject)
	return Taken, nil
}

// A page is a Buffer in memory.
type page struct{ b []byte }

func (p *page) Write(b []byte) (int, error) { p.b = append(p.b, b...); return len(b), nil }
func (p *page) Message() *mail.Message      { return mail.NewMessage(slices.Clone(p.b)) }
func (p *page) Reset() error                { p.b = nil; return nil }
func (p *page) Close() error                { return nil }

// visit runs once, and compares what was taken in all.
func (s *site) visit(want ...string) {
	s.t.Helper()
	d := New(Config{
		Rows: &s.rows, Taker: s, Dial: func(context.Context, *Account) (Session, error) { return s, nil },
		Buffer: func() (Buffer, error) { return &page{}, nil }, Gone: func(*Account) bool { return false },
		Tell: func(context.Context, *Account) (bool, error) { s.told++; return true, nil },
		Log:  slog.New(slog.DiscardHandler), Now: func() time.Time { return s.clock }, Most: 1000, AtOnce: 1, RunTime: time.Minute, TellAfter: 72 * time.Hour,
	})
	var err error
	if s.account.State, err = d.Visit(s.t.Context(), &s.account); err != nil {
		s.t.Fatal(err)
	}
	if got := strings.Join(s.taken, " "); got != strings.Join(want, " ") {
		s.t.Errorf("taken: %s; want %v", got, want)
	}
}

func TestAll(t *testing.T) {
	s := newSite(t, "1", "2")
	s.visit("1", "2")
	s.add("3")
	s.visit("1", "2", "3")
	if s.rows.wait != time.Minute || len(s.there) != 3 {
		t.Errorf("wait %v, %d left", s.rows.wait, len(s.there))
	}
}

func TestOnlyNew(t *testing.T) {
	s := newSite(t, "1", "2")
	s.account.NewOnly = true
	s.visit()
	s.clock = noon.Add(time.Hour)
	s.add("3")
	s.visit("3")
}

// A server that gives all messages new ids has none of them brought again.
func TestRenumbered(t *testing.T) {
	s := newSite(t, "1", "2")
	s.visit("1", "2")
	s.validity = 8
	for i := range s.there {
		was := s.there[i].ID
		s.there[i].ID = "1" + was
		s.content["1"+was] = s.content[was]
	}
	s.add("3")
	s.visit("1", "2", "3")
	s.visit("1", "2", "3")
	if n := len(s.rows.marks); n != 4 { // and the folder's
		t.Errorf("%d marks", n)
	}
}

func TestCap(t *testing.T) {
	s := newSite(t, "1", "2", "3")
	s.account.Messages, s.account.Remove = 2, 0
	s.visit("1", "2")
	if s.rows.wait != 0 || len(s.there) != 1 {
		t.Errorf("wait %v, %d left", s.rows.wait, len(s.there))
	}
	s.visit("1", "2", "3")
}

func TestRemovedLater(t *testing.T) {
	s := newSite(t, "1")
	s.account.Remove = time.Hour
	s.visit("1")
	s.clock = noon.Add(59 * time.Minute)
	s.visit("1")
	if len(s.there) != 1 {
		t.Error("removed too soon")
	}
	s.clock = noon.Add(61 * time.Minute)
	s.visit("1")
	if len(s.there) != 0 {
		t.Error("not removed")
	}
}

// A server that dies in the middle of a message loses it nothing: it comes once the server lives, what came before
// does not come again, and what is behind it comes with the next visit. Failures are waited out longer and longer, and told once.
func TestServerDies(t *testing.T) {
	s := newSite(t, "1", "2", "3")
	s.dies = "2"
	s.visit("1")
	for n := range 5 {
		before := s.rows.wait
		s.clock = s.clock.Add(20 * time.Hour)
		s.visit("1", "3")
		if s.rows.wait <= before {
			t.Errorf("failure %d: waited %v and then %v", n, before, s.rows.wait)
		}
	}
	if s.told != 1 || s.rows.state.Failures != 6 || !strings.Contains(s.rows.state.Fault, "closed the connection") {
		t.Errorf("told %d times, %+v", s.told, s.rows.state)
	}
	s.dies = ""
	s.visit("1", "3", "2")
	if st := s.rows.state; st.Failures != 0 || st.Fault != "" || !st.Failing.IsZero() || st.Taken != 3 {
		t.Errorf("got %+v", st)
	}
}

// What can't be taken stays there, also where the rest is removed, and is not fetched again.
func TestStays(t *testing.T) {
	s := newSite(t, "1", "lies", "says", "loops", "empty")
	s.account.Remove = 0
	s.content["lies"] = strings.Repeat("x", 1001)
	s.there[2].Size = 1001
	s.content["loops"] = TokenField + ": token\r\nSubject: loops\r\n\r\n"
	s.content["empty"] = ""
	s.visit("1")
	s.dies = "loops" // if it were fetched
	s.visit("1")
	var fates []string
	for _, m := range s.rows.marks {
		if m.ID != "" {
			fates = append(fates, fmt.Sprint(m.ID, " ", m.Fate))
		}
	}
	if got, want := strings.Join(fates, ", "), "lies too-large, says too-large, loops looped, empty bad"; got != want || len(s.there) != 4 || s.rows.state.Left != 4 {
		t.Errorf("got %s; want %s; %d there, %+v", got, want, len(s.there), s.rows.state)
	}
}

// A message that is put off holds up no other, and is tried again.
func TestLater(t *testing.T) {
	s := newSite(t, "1", "2", "3")
	s.later, s.account.Remove = "2", 0
	s.visit("1", "3")
	if len(s.there) != 1 || s.rows.state.Failures != 1 {
		t.Errorf("%d there, %+v", len(s.there), s.rows.state)
	}
	s.later = ""
	s.visit("1", "3", "2")
}

// A message that the server does not give out holds up no other, is named, and is asked for again; a server that refuses
// all is left.
func TestRefusedMessage(t *testing.T) {
	s := newSite(t, "1", "2", "3")
	s.refuses, s.account.Remove = "2", 0
	s.visit("1", "3")
	if st := s.rows.state; len(s.there) != 1 || st.Failures != 1 || !strings.Contains(st.Fault, `message "2"`) || !strings.Contains(st.Fault, "the server says no") {
		t.Errorf("%d there, %+v", len(s.there), st)
	}
	s.refuses = ""
	s.visit("1", "3", "2")
	for n := range 50 {
		s.add(fmt.Sprint("more ", n))
	}
	s.refuses, s.asked = "*", 0
	s.visit("1", "3", "2")
	if s.asked != mostRefused+1 || s.rows.state.Failures != 1 {
		t.Errorf("asked for %d messages, %+v", s.asked, s.rows.state)
	}
}

func TestRecipients(t *testing.T) {
	for _, c := range []struct {
		name, header, want string
		hops               int
		fields             []string
	}{
		{name: "above", header: "Delivered-To: bob@a.example\nReceived: x\n", want: "bob@a.example"},
		{name: "forged below", header: "Received: x\nDelivered-To: bob@a.example\n"},
		{name: "no trace", header: "Delivered-To: bob@a.example\n"},
		{name: "between the provider's", header: "Received: x\nDelivered-To: bob@a.example\nReceived: y\nDelivered-To: eve@a.example\n", hops: 2, want: "bob@a.example"},
		{name: "fewer than the provider's", header: "Delivered-To: bob@a.example\nReceived: x\n", hops: 2},
		{name: "other domain", header: "Delivered-To: all@old.example\nX-Original-To: bob@a.example\nReceived: x\n", want: "bob@a.example"},
		{name: "several", header: "Envelope-To: <bob@a.example>, ann@A.example, Bob@a.example\nReceived: x\n", want: "bob@a.example ann@a.example"},
		{name: "own order", header: "Delivered-To: bob@a.example\nX-For: ann@a.example\nReceived: x\n", fields: []string{"X-For", "Delivered-To"}, want: "ann@a.example"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := Settings{Domain: "a.example", Hops: c.hops, Fields: c.fields}
			m := mail.NewMessage([]byte(strings.ReplaceAll(c.header, "\n", "\r\n") + "\r\n"))
			var got []string
			for _, p := range s.Recipients(m.Header()) {
				got = append(got, string(p))
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("got %v, want %s", got, c.want)
			}
		})
	}
}
