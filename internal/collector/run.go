package collector

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"gatepost/internal/mail"
)

// Errors of a Session and of a Taker by which a run decides.
var (
	ErrTooLarge = errors.New("the message is too large")
	ErrGone     = errors.New("the message is gone")
	// ErrLater is of a message that can't be taken now, while others can.
	ErrLater = errors.New("the message is not taken now")
	// ErrWithheld is of a message that the server does not give out now, while it may others.
	ErrWithheld = errors.New("the server does not give out the message")
)

// A Listed message is one that a server has.
type Listed struct {
	ID     string
	Size   int64     // as the server says; negative: it does not
	Date   time.Time // when the server got it; zero: it does not say
	Number int       // for the Session
}

// A Session is a log-in to an account. It is used by one goroutine.
type Session interface {
	// List opens a folder and returns its messages, oldest first, and the folder's UIDVALIDITY.
	List(folder string) (validity uint32, list []Listed, err error)
	// Fetch writes a message of the folder that was listed last. It fails with ErrTooLarge or ErrGone,
	// after which the session may be at its end, and with ErrWithheld.
	Fetch(l Listed, w io.Writer, most int64) error
	// Remove removes messages of that folder; of some protocols with the session's End.
	Remove(list []Listed) error
	// End logs out. Close ends without a word, if it has not ended.
	End() error
	Close() error
}

// A Taker accepts responsibility for a message.
type Taker interface {
	// Take returns once the message and its mark are durable, in one commit, with the mark's fate: one
	// that is not Taken says that the message can't be taken, and is to be noted. ErrLater: nothing
	// happened. ErrTaken: the mark is there already.
	Take(ctx context.Context, a *Account, m *mail.Message, mark Mark) (Fate, error)
}

// A Buffer has room for one message.
type Buffer interface {
	io.Writer
	Message() *mail.Message // what was written
	Reset() error
	Close() error
}

// A run is one visit to an account.
type run struct {
	desk    *Desk
	account *Account
	session Session
	buffer  Buffer

	taken, left int
	octets      int64
	later       error // why one was not taken that is to be tried again
	refused     int   // that the server did not give out
	more        bool  // the cap ended it: there is more
}

// removeBatch is how many messages are removed at once. What was taken and not yet removed when a
// run is killed is removed by the next.
const removeBatch = 50

// mostRefused is how many messages a server may refuse to give out in one visit: one that refuses more is
// thought to refuse all.
const mostRefused = 20

// do visits the folders. What it took is counted also where it fails.
func (r *run) do(ctx context.Context) error {
	folders := slices.Clone(r.account.folders())
	if r.otherEnd() {
		slices.Reverse(folders)
	}
	for _, folder := range folders {
		if err := r.folder(ctx, folder); err != nil {
			if folder != "" {
				err = fmt.Errorf("folder %q: %w", folder, err)
			}
			return err
		}
		if r.more {
			break
		}
	}
	return r.session.End()
}

// otherEnd reports whether the visit begins with the newest. Each second one does after a failure: where the
// server always hangs up at the same message all others come all the same.
func (r *run) otherEnd() bool { return r.account.Failures%2 == 1 }

// A view is a folder as a run finds it.
type view struct {
	name     string
	validity uint32
	list     []Listed
	marks    map[string]Mark // by id, of this validity
	stale    []Mark          // of messages that are not there any more, or have another id
	known    map[[sha256.Size]byte]bool
	began    *Mark // when the folder was looked at first
}

func (r *run) folder(ctx context.Context, name string) error {
	validity, list, err := r.session.List(name)
	if err != nil {
		return err
	}
	v, err := r.look(ctx, name, validity, list)
	if err != nil {
		return err
	}
	if err := r.begin(ctx, v); err != nil {
		return err
	}
	if r.otherEnd() {
		slices.Reverse(v.list)
	}
	var due []Listed
	for _, l := range v.list {
		mark, marked := v.marks[l.ID]
		if !marked {
			if mark, marked, err = r.message(ctx, v, l); err != nil {
				return err
			}
		}
		if marked && r.removable(mark) {
			due = append(due, l)
		}
		if len(due) >= removeBatch {
			if err := r.session.Remove(due); err != nil {
				return err
			}
			due = due[:0]
		}
	}
	if len(due) > 0 {
		if err := r.session.Remove(due); err != nil {
			return err
		}
	}
	if r.more || r.later != nil { // what has another id may be yet to come
		return nil
	}
	return r.desk.rows.Forget(ctx, v.stale)
}

// look compares what is there with what is marked.
func (r *run) look(ctx context.Context, name string, validity uint32, list []Listed) (*view, error) {
	marks, err := r.desk.rows.Marks(ctx, r.account.ID, name)
	if err != nil {
		return nil, err
	}
	v := &view{name: name, validity: validity, list: list, marks: map[string]Mark{}, known: map[[sha256.Size]byte]bool{}}
	there := make(map[string]bool, len(list))
	for _, l := range list {
		there[l.ID] = true
	}
	for _, m := range marks {
		switch {
		case m.ID == "":
			if v.began == nil || m.Validity == validity {
				v.began = &m
			}
		case m.Validity == validity && there[m.ID]:
			v.marks[m.ID] = m
		default:
			v.stale = append(v.stale, m)
			if m.Fate.Here() && len(m.Sum) == sha256.Size {
				v.known[[sha256.Size]byte(m.Sum)] = true
			}
		}
	}
	return v, nil
}

// begin passes over what was there before, where only new mail is wanted: in the first run all, and
// where the server has given the messages other ids those that it had before.
func (r *run) begin(ctx context.Context, v *view) error {
	first := v.began == nil
	if !first && v.began.Validity == v.validity {
		return nil
	}
	began := Mark{Account: r.account.ID, Folder: v.name, Validity: v.validity, Fate: Passed, Time: r.desk.now()}
	if !first {
		began.Time = v.began.Time
		v.stale = append(v.stale, *v.began)
	}
	list := []Mark{began}
	for _, l := range v.list {
		if r.account.NewOnly && (first || !l.Date.IsZero() && l.Date.Before(began.Time)) {
			m := r.mark(v, l, Passed)
			list = append(list, m)
			v.marks[l.ID] = m
		}
	}
	return r.desk.rows.Mark(ctx, list)
}

func (r *run) mark(v *view, l Listed, fate Fate) Mark {
	return Mark{Account: r.account.ID, Folder: v.name, Validity: v.validity, ID: l.ID, Fate: fate, Size: max(l.Size, 0), Time: r.desk.now()}
}

// removable reports whether a message is to go at the other server.
func (r *run) removable(m Mark) bool {
	return m.Fate.Here() && r.account.Remove >= 0 && !r.desk.now().Before(m.Time.Add(r.account.Remove))
}

// message brings one, if the run may still, and returns its mark.
func (r *run) message(ctx context.Context, v *view, l Listed) (m Mark, marked bool, err error) {
	if r.full(l) {
		r.more = true
		return m, false, nil
	}
	if l.Size > r.desk.most {
		return r.leave(ctx, r.mark(v, l, TooLarge), "the server says that it has %d octets", l.Size)
	}
	if err := r.buffer.Reset(); err != nil {
		return m, false, err
	}
	switch err := r.session.Fetch(l, r.buffer, r.desk.most); {
	case errors.Is(err, ErrGone):
		return m, false, nil
	case errors.Is(err, ErrTooLarge):
		return r.leave(ctx, r.mark(v, l, TooLarge), "it has more than %d octets", r.desk.most)
	case errors.Is(err, ErrWithheld):
		return m, false, r.refuse(l, err)
	case err != nil:
		return m, false, err
	}
	return r.take(ctx, v, l)
}

// refuse notes that the server does not give a message out. It is asked for again by the next visit.
func (r *run) refuse(l Listed, why error) error {
	why = fmt.Errorf("message %q: %w", l.ID, why)
	if r.refused++; r.refused > mostRefused {
		return why
	}
	r.later = why
	return nil
}

// full reports whether the run is at its cap. One message is taken whatever its size.
func (r *run) full(l Listed) bool {
	done := r.taken + r.left
	return done >= r.account.Messages || done > 0 && r.octets+max(l.Size, 0) > r.account.Octets
}

func (r *run) take(ctx context.Context, v *view, l Listed) (m Mark, marked bool, err error) {
	content := r.buffer.Message()
	r.octets += content.Size()
	sum := sha256.New()
	if _, err := io.Copy(sum, content.Reader()); err != nil {
		return m, false, err
	}
	m = r.mark(v, l, Taken)
	m.Sum, m.Size = sum.Sum(nil), content.Size()
	switch {
	case content.Size() == 0:
		m.Fate = Bad
		return r.leave(ctx, m, "it is empty")
	case v.known[[sha256.Size]byte(m.Sum)]:
		m.Fate = Known
		return m, true, r.desk.rows.Mark(ctx, []Mark{m})
	case r.came(content):
		m.Fate = Looped
		return r.leave(ctx, m, "this collector brought it before")
	}
	fate, err := r.desk.taker.Take(ctx, r.account, content, m)
	switch {
	case errors.Is(err, ErrTaken):
		return m, true, nil
	case errors.Is(err, ErrLater):
		r.later = err
		return m, false, nil
	case err != nil:
		return m, false, err
	case fate != Taken:
		m.Fate = fate
		return r.leave(ctx, m, "it can't be taken in")
	}
	r.taken++
	r.desk.observe(fate)
	return m, true, nil
}

// TokenField is the header field that a message gets by which it is known again.
const TokenField = "X-Gatepost-Collector"

// came reports whether this account brought the message before: then it is collected from where
// it is delivered to.
func (r *run) came(m *mail.Message) bool {
	for _, f := range m.Header().Fields {
		if bytes.EqualFold([]byte(f.Name), []byte(TokenField)) && f.Value() != "" && r.account.Token != "" && trimmed(f.Value()) == r.account.Token {
			return true
		}
	}
	return false
}

// leave notes a message that stays where it is.
func (r *run) leave(ctx context.Context, m Mark, why string, args ...any) (Mark, bool, error) {
	r.left++
	r.desk.observe(m.Fate)
	r.desk.log.Warn("collector: a message stays where it is", "collector", r.account.Name, "folder", m.Folder, "message", m.ID,
		"reason", m.Fate.String(), "detail", fmt.Sprintf(why, args...))
	return m, true, r.desk.rows.Mark(ctx, []Mark{m})
}
