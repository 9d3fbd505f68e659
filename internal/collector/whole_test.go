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
)

// A wholeSite is a whole account elsewhere and its mailbox here.
type wholeSite struct {
	t        *testing.T
	rows     memory
	account  Account
	validity uint32
	there    map[string][]Item // by folder
	content  map[string]string // by folder and UID
	here     map[string]string // by folder and UID here: content and flags
	open     string
	last     uint32
	dies     int    // after so many messages
	refuses  string // folder and UID of a message that the server does not give out
	followed []string
	folders  map[string]Folder
}

func newWholeSite(t *testing.T) *wholeSite {
	s := &wholeSite{t: t, validity: 7, there: map[string][]Item{}, content: map[string]string{}, here: map[string]string{}, folders: map[string]Folder{}, dies: -1}
	s.account = Account{ID: 1, Settings: Settings{Name: WholePrefix + "ann@a.example", Whole: true, Protocol: "imap", Interval: time.Minute, Follow: true}}
	return s
}

func (s *wholeSite) add(folder string, uid uint32, content string, flags ...string) {
	s.there[folder] = append(s.there[folder], Item{UID: uid, Size: int64(len(content)), Flags: flags})
	s.content[fmt.Sprint(folder, uid)] = content
}

func (s *wholeSite) Places() (list []Place, _ error) {
	for name := range s.there {
		list = append(list, Place{Name: name, Wire: name})
	}
	slices.SortFunc(list, func(a, b Place) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

func (s *wholeSite) Open(p Place) (Look, error) {
	if s.open = p.Wire; p.Wire == "closed" {
		return Look{}, ErrRefused
	}
	return Look{Validity: s.validity, Messages: len(s.there[p.Wire]), State: fmt.Sprint(s.there[p.Wire])}, nil
}
func (s *wholeSite) Items() ([]Item, error) { return slices.Clone(s.there[s.open]), nil }

func (s *wholeSite) Some(uids []uint32, most int64, each func(uint32, []byte, error) error) error {
	for _, u := range uids {
		if s.dies == 0 {
			return errors.New("the server closed the connection")
		}
		s.dies--
		if s.refuses == fmt.Sprint(s.open, u) {
			return fmt.Errorf("%w: the server says no", ErrWithheld)
		}
		content := s.content[fmt.Sprint(s.open, u)]
		var err error
		if int64(len(content)) > most {
			content, err = "", ErrTooLarge
		}
		if err := each(u, []byte(content), err); err != nil {
			return err
		}
	}
	return nil
}

func (s *wholeSite) Fetch(uid uint32, w io.Writer, most int64) error {
	if s.refuses == fmt.Sprint(s.open, uid) {
		return fmt.Errorf("%w: the server says no", ErrWithheld)
	}
	content := s.content[fmt.Sprint(s.open, uid)]
	if int64(len(content)) > most {
		return ErrTooLarge
	}
	_, err := io.WriteString(w, content)
	return err
}
func (s *wholeSite) End() error   { return nil }
func (s *wholeSite) Close() error { return nil }

// A wholeHouse is the site as its Home.
type wholeHouse struct{ *wholeSite }

func (h wholeHouse) Open(_ context.Context, _ *Account, p Place) (int64, string, error) {
	return int64(len(p.Name)), p.Name, nil
}
func (h wholeHouse) Flags(names []string) string { return strings.Join(names, " ") }

func (h wholeHouse) Take(_ context.Context, _ *Account, _ int64, name string, list []Arrival) error {
	for _, a := range list {
		h.last++
		a.Mark.UID = h.last
		if !h.rows.put(a.Mark) {
			return ErrTaken
		}
		b, err := io.ReadAll(a.Content.Reader())
		if err != nil {
			return err
		}
		h.here[fmt.Sprint(name, " ", h.last)] = fmt.Sprint(string(b[:min(len(b), 20)]), " ", a.Mark.Flags)
	}
	return nil
}

func (h wholeHouse) Follow(_ context.Context, _ *Account, _ int64, list []Following) (changed, removed int, err error) {
	for _, f := range list {
		what := "to " + f.Flags
		if f.Gone {
			what = "gone"
			h.rows.Forget(context.Background(), []Mark{f.Mark})
			removed++
		} else {
			i := slices.IndexFunc(h.rows.marks, func(m Mark) bool { return same(m, f.Mark) })
			h.rows.marks[i].Flags = f.Flags
			changed++
		}
		h.followed = append(h.followed, fmt.Sprint(f.Mark.UID, " ", what))
	}
	return changed, removed, nil
}

func (s *wholeSite) visit() State {
	s.t.Helper()
	d := New(Config{
		Rows: rows{s}, Source: func(context.Context, *Account) (Source, error) { return s, nil }, Home: wholeHouse{s},
		Buffer: func() (Buffer, error) { return &page{}, nil }, Gone: func(*Account) bool { return false },
		Tell: func(context.Context, *Account) (bool, error) { return true, nil },
		Log:  slog.New(slog.DiscardHandler), Now: func() time.Time { return noon }, Most: 1 << 20, AtOnce: 1, RunTime: time.Hour,
	})
	state, err := d.Visit(s.t.Context(), &s.account)
	if err != nil {
		s.t.Fatal(err)
	}
	return state
}

// rows are the site's as a Desk wants them.
type rows struct{ s *wholeSite }

var _ Rows = rows{}

func (r rows) Accounts(context.Context) ([]Account, error)       { return nil, nil }
func (r rows) Due(context.Context, bool, int) ([]Account, error) { return nil, nil }
func (r rows) Add(context.Context, *Account) error               { return nil }
func (r rows) Change(context.Context, *Account) error            { return nil }
func (r rows) Remove(context.Context, int64) error               { return nil }
func (r rows) Remark(context.Context, []Mark) error              { return nil }
func (r rows) Unfit(context.Context, int64, int) ([]Mark, error) { return nil, nil }
func (r rows) Finish(ctx context.Context, id int64, s State, wait time.Duration) error {
	return r.s.rows.Finish(ctx, id, s, wait)
}
func (r rows) Marks(ctx context.Context, id int64, folder string) ([]Mark, error) {
	return r.s.rows.Marks(ctx, id, folder)
}
func (r rows) Mark(ctx context.Context, list []Mark) error   { return r.s.rows.Mark(ctx, list) }
func (r rows) Forget(ctx context.Context, list []Mark) error { return r.s.rows.Forget(ctx, list) }
func (r rows) Folders(context.Context, int64) (list []Folder, _ error) {
	for _, f := range r.s.folders {
		list = append(list, f)
	}
	return list, nil
}
func (r rows) PutFolder(_ context.Context, f Folder) error { r.s.folders[f.Name] = f; return nil }

// A server that dies loses nothing and doubles nothing; large messages come alone, and what is too large stays; a folder that is
// refused keeps nothing from the others.
func TestWhole(t *testing.T) {
	s := newWholeSite(t)
	for n := range uint32(100) {
		s.add("INBOX", n+1, fmt.Sprint("message ", n))
	}
	s.add("INBOX", 101, strings.Repeat("x", 600<<10))
	s.add("INBOX", 102, strings.Repeat("x", 2<<20))
	s.add("INBOX", 103, "")
	s.add("closed", 1, "no")
	s.add("Sent", 1, "sent", `\Seen`)
	s.dies = 70
	if st := s.visit(); st.Failures != 1 || len(s.here) != 64 {
		t.Fatalf("%d are here, %+v", len(s.here), st)
	}
	s.dies = -1
	st := s.visit()
	if len(s.here) != 102 || st.Taken != 102 || st.Left != 2 || !strings.Contains(st.Fault, "closed") {
		t.Errorf("%d are here, %+v", len(s.here), st)
	}
	if s.visit(); len(s.here) != 102 {
		t.Errorf("%d are here after one visit more", len(s.here))
	}
	if f := s.folders["INBOX"]; f.Messages != 101 || f.Left != 2 || f.State == "" {
		t.Errorf("%+v", f)
	}
}

// A message that the server does not give out keeps neither its folder's others nor other folders from coming, and is asked
// for again.
func TestWholeRefused(t *testing.T) {
	s := newWholeSite(t)
	for n := range uint32(100) {
		s.add("INBOX", n+1, fmt.Sprint("message ", n))
	}
	s.add("Sent", 1, "sent")
	s.refuses = "INBOX10"
	for range 2 {
		if st := s.visit(); len(s.here) != 100 || !strings.Contains(st.Fault, "the server says no") || !strings.Contains(s.folders["INBOX"].Fault, "the server says no") {
			t.Fatalf("%d are here, %+v, %+v", len(s.here), st, s.folders["INBOX"])
		}
	}
	s.refuses = ""
	if st := s.visit(); len(s.here) != 101 || st.Failures != 0 || s.folders["INBOX"].Fault != "" {
		t.Errorf("%d are here, %+v", len(s.here), st)
	}
}

// New ids bring nothing again, also of two that are equal; flags and removals follow, but not that most of a folder is gone.
func TestWholeFollows(t *testing.T) {
	s := newWholeSite(t)
	for n := range uint32(300) {
		s.add("INBOX", n+1, fmt.Sprint("message ", n/2))
	}
	s.visit()
	s.validity = 8
	for n := range s.there["INBOX"] {
		i := &s.there["INBOX"][n]
		content := s.content[fmt.Sprint("INBOX", i.UID)]
		i.UID += 1000
		s.content[fmt.Sprint("INBOX", i.UID)] = content
	}
	if st := s.visit(); st.Failures != 0 || len(s.here) != 300 || len(s.rows.marks) != 300 {
		t.Fatalf("%d are here with %d marks, %+v", len(s.here), len(s.rows.marks), st)
	}
	s.there["INBOX"] = s.there["INBOX"][1:]
	s.there["INBOX"][0].Flags = []string{`\Seen`}
	s.visit()
	slices.Sort(s.followed)
	if got := strings.Join(s.followed, ", "); !strings.Contains(got, "gone") || !strings.Contains(got, `to \Seen`) || len(s.followed) != 2 {
		t.Errorf("followed: %s", got)
	}
	s.there["INBOX"] = s.there["INBOX"][200:]
	if st := s.visit(); len(s.followed) != 2 || !strings.Contains(st.Fault, "200 of 299") {
		t.Errorf("followed %d, %+v", len(s.followed), st)
	}
}
