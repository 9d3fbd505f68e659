package collector

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"gatepost/internal/mail"
)

// ErrRefused is of a folder that the server does not let anybody read: the others are brought all the same.
var ErrRefused = errors.New("the server refused it")

// A Place is a folder elsewhere.
type Place struct {
	Name       string // in UTF-8, levels with "/" between
	Wire       string // as the server knows it
	Use        string // `\Sent`; "": none
	Subscribed bool
}

// A Look is what the server says of a folder that was opened.
type Look struct {
	Validity uint32
	Messages int
	State    string // the same as long as nothing happens in it; "": the server does not tell
}

// An Item is a message there.
type Item struct {
	UID   uint32
	Size  int64 // as the server says
	Date  time.Time
	Flags []string
}

// A Source is a log-in to a whole account. It is used by one goroutine.
type Source interface {
	Places() ([]Place, error)
	// Open opens a folder to read it alone; ErrRefused where that is not allowed.
	Open(p Place) (Look, error)
	// Items are the messages of the folder, by UID.
	Items() ([]Item, error)
	// Some brings messages of it of at most most octets each, at once, and tells each as it comes; content is its for as
	// long as it runs. Of one with more it tells ErrTooLarge, and nothing of those that are gone. It fails with ErrWithheld where the
	// server does not give out all of them.
	Some(uids []uint32, most int64, each func(uid uint32, content []byte, err error) error) error
	// Fetch writes one. It fails with ErrTooLarge or ErrGone, after which the session may be at its end, and with
	// ErrWithheld.
	Fetch(uid uint32, w io.Writer, most int64) error
	End() error
	Close() error
}

// An Arrival is a message that came.
type Arrival struct {
	Item
	Content *mail.Message
	Mark    Mark
}

// A Following is what happened there to a message that is here.
type Following struct {
	Mark  Mark
	Flags string // now
	Gone  bool   // it was removed
}

// A Home is the mailbox here.
type Home interface {
	// Open finds the folder for a place, or makes it; ErrRefused where it can't be.
	Open(ctx context.Context, a *Account, p Place) (id int64, name string, err error)
	// Flags are a message's as they are kept here, in one form.
	Flags(names []string) string
	// Take takes messages in, with their marks, in one commit.
	Take(ctx context.Context, a *Account, folder int64, name string, list []Arrival) error
	// Follow does to messages here what happened to them there, unless somebody changed them here, and notes that in
	// their marks.
	Follow(ctx context.Context, a *Account, folder int64, list []Following) (changed, removed int, err error)
}

// Bounds of bringing several messages at once. What is larger comes alone, by a file.
const (
	smallMessage = 256 << 10
	someMessages = 64
	someOctets   = 4 << 20
	followSome   = 200
)

// wholeTime is the part of a visit's time after which it ends by itself and is gone on with by the next.
const wholeTime = 3 * time.Minute

// manyGone is from how many on it is not believed that more than half of a folder's messages were removed
// there: a server that lost its disk says so, too.
const manyGone = 100

// A whole is one visit to a whole account.
type whole struct {
	*run
	source  Source
	folders map[string]Folder
	until   time.Time
}

// whole brings what is new of an account. A folder that can't be read does not keep it from the others.
func (d *Desk) whole(ctx context.Context, r *run) error {
	known, err := d.rows.Folders(ctx, r.account.ID)
	if err != nil {
		return err
	}
	w := &whole{run: r, folders: map[string]Folder{}, until: time.Now().Add(min(wholeTime, d.RunTime/2))}
	for _, f := range known {
		w.folders[f.Name] = f
	}
	if w.source, err = d.Source(ctx, r.account); err != nil {
		return err
	}
	defer w.source.Close()
	places, err := w.source.Places()
	if err != nil {
		return err
	}
	for _, p := range places {
		if err := w.place(ctx, p); err != nil {
			return err
		}
		if w.more {
			break
		}
	}
	if err := w.source.End(); err != nil {
		return err
	}
	return w.later
}

// late reports whether the visit has taken its time.
func (w *whole) late() bool {
	w.more = w.more || time.Now().After(w.until)
	return w.more
}

// place brings one folder, and notes what came of it.
func (w *whole) place(ctx context.Context, p Place) error {
	f, ok := w.folders[p.Name]
	if !ok {
		f = Folder{Account: w.account.ID, Name: p.Name}
	}
	err := w.folder(ctx, p, &f)
	f.Fault = ""
	if err != nil {
		f.Fault = err.Error()
		if errors.Is(err, ErrRefused) || errors.Is(err, ErrWithheld) {
			w.later, err = fmt.Errorf("folder %s: %w", p.Name, err), nil
		}
	}
	return errors.Join(err, w.desk.rows.PutFolder(context.WithoutCancel(ctx), f))
}

// A comparison is what is there, and what is known of it.
type comparison struct {
	fresh  []Item
	follow []Following
	gone   []Following
	stale  []Mark                       // of a time when UIDs were others
	known  map[[sha256.Size]byte][]Mark // of those, by content
	marked int
	// refused is why the server did not give out a message.
	refused error
}

func (w *whole) folder(ctx context.Context, p Place, f *Folder) error {
	look, err := w.source.Open(p)
	if err != nil {
		return err
	}
	id, name, err := w.desk.Home.Open(ctx, w.account, p)
	if err != nil {
		return err
	}
	f.Target = name
	if look.State != "" && f.State == look.State && f.Validity == look.Validity {
		return nil
	}
	f.State, f.Validity = "", look.Validity
	var items []Item
	if look.Messages > 0 {
		if items, err = w.source.Items(); err != nil {
			return err
		}
	}
	c, err := w.compare(ctx, p, look.Validity, items)
	if err != nil {
		return err
	}
	if err := w.bring(ctx, id, name, f, look.Validity, c); err != nil || w.more {
		return err
	}
	if err := w.followAll(ctx, id, p, f, c); err != nil {
		return err
	}
	if c.refused != nil { // it is yet to come, maybe under another id
		return c.refused
	}
	if err := w.desk.rows.Forget(ctx, c.stale); err != nil {
		return err
	}
	f.State = look.State
	return nil
}

func (w *whole) compare(ctx context.Context, p Place, validity uint32, items []Item) (*comparison, error) {
	marks, err := w.desk.rows.Marks(ctx, w.account.ID, p.Name)
	if err != nil {
		return nil, err
	}
	c := &comparison{known: map[[sha256.Size]byte][]Mark{}}
	now := make(map[string]Mark, len(marks))
	for _, m := range marks {
		switch {
		case m.Validity == validity:
			now[m.ID] = m
		default:
			c.stale = append(c.stale, m)
			if m.Fate.Here() && len(m.Sum) == sha256.Size {
				sum := [sha256.Size]byte(m.Sum)
				c.known[sum] = append(c.known[sum], m)
			}
		}
	}
	c.marked = len(now)
	for _, i := range items {
		id := fmt.Sprint(i.UID)
		m, ok := now[id]
		delete(now, id)
		switch flags := w.desk.Home.Flags(i.Flags); {
		case !ok:
			c.fresh = append(c.fresh, i)
		case m.Fate.Here() && m.Flags != flags:
			c.follow = append(c.follow, Following{Mark: m, Flags: flags})
		}
	}
	for _, m := range now {
		c.gone = append(c.gone, Following{Mark: m, Gone: true})
	}
	return c, nil
}

// bring takes in what is new, small messages some at a time.
func (w *whole) bring(ctx context.Context, id int64, name string, f *Folder, validity uint32, c *comparison) error {
	for rest := c.fresh; len(rest) > 0; {
		if w.late() {
			return nil
		}
		n, octets := 0, int64(0)
		for n < len(rest) && n < someMessages && rest[n].Size >= 0 && rest[n].Size <= smallMessage && octets < someOctets {
			octets += rest[n].Size
			n++
		}
		var err error
		if n > 0 {
			err = w.some(ctx, id, name, f, validity, c, rest[:n])
		} else {
			n = 1
			err = w.alone(ctx, id, name, f, validity, c, rest[0])
		}
		if err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

// some brings small messages. One that is larger than the server said comes alone.
func (w *whole) some(ctx context.Context, id int64, name string, f *Folder, validity uint32, c *comparison, items []Item) error {
	uids, byUID := make([]uint32, len(items)), map[uint32]Item{}
	for n, i := range items {
		uids[n], byUID[i.UID] = i.UID, i
	}
	var list []Arrival
	var larger []Item
	err := w.source.Some(uids, 2*smallMessage, func(uid uint32, content []byte, err error) error {
		i, asked := byUID[uid]
		delete(byUID, uid) // who sends one twice is not asked twice
		switch {
		case !asked:
		case errors.Is(err, ErrTooLarge):
			larger = append(larger, i)
		case err != nil:
			return err
		default:
			list = append(list, Arrival{Item: i, Content: mail.NewMessage(append([]byte(nil), content...))})
		}
		return nil
	})
	if err != nil && !errors.Is(err, ErrWithheld) {
		return err
	}
	if err := w.take(ctx, id, name, f, validity, c, list); err != nil {
		return err
	}
	if err != nil { // one of those that did not come keeps the others from coming with it
		for _, i := range items {
			if _, missing := byUID[i.UID]; missing {
				larger = append(larger, i)
			}
		}
	}
	for _, i := range larger {
		if err := w.alone(ctx, id, name, f, validity, c, i); err != nil {
			return err
		}
	}
	return nil
}

func (w *whole) alone(ctx context.Context, id int64, name string, f *Folder, validity uint32, c *comparison, i Item) error {
	v := &view{name: f.Name, validity: validity}
	l := Listed{ID: fmt.Sprint(i.UID), Size: i.Size}
	tooLarge := func(format string, args ...any) error {
		f.Left++
		_, _, err := w.leave(ctx, w.mark(v, l, TooLarge), format, args...)
		return err
	}
	if i.Size > w.desk.most {
		return tooLarge("the server says that it has %d octets", i.Size)
	}
	if err := w.buffer.Reset(); err != nil {
		return err
	}
	switch err := w.source.Fetch(i.UID, w.buffer, w.desk.most); {
	case errors.Is(err, ErrGone):
		return nil
	case errors.Is(err, ErrTooLarge):
		return tooLarge("it has more than %d octets", w.desk.most)
	case errors.Is(err, ErrWithheld):
		c.refused = err
		return w.refuse(l, err)
	case err != nil:
		return err
	}
	return w.take(ctx, id, name, f, validity, c, []Arrival{{Item: i, Content: w.buffer.Message()}})
}

// take has what came taken in, but for what is here already and what is nothing.
func (w *whole) take(ctx context.Context, id int64, name string, f *Folder, validity uint32, c *comparison, came []Arrival) error {
	v := &view{name: f.Name, validity: validity}
	var list []Arrival
	var known []Mark
	for _, a := range came {
		sum := sha256.New()
		if _, err := io.Copy(sum, a.Content.Reader()); err != nil {
			return err
		}
		a.Mark = w.mark(v, Listed{ID: fmt.Sprint(a.UID)}, Taken)
		a.Mark.Sum, a.Mark.Size, a.Mark.Flags = sum.Sum(nil), a.Content.Size(), w.desk.Home.Flags(a.Flags)
		key := [sha256.Size]byte(a.Mark.Sum)
		here := c.known[key]
		switch {
		case a.Mark.Size == 0:
			f.Left++
			a.Mark.Fate = Bad
			if _, _, err := w.leave(ctx, a.Mark, "it is empty"); err != nil {
				return err
			}
		case len(here) > 0:
			c.known[key] = here[1:] // two that are equal are two
			a.Mark.Fate, a.Mark.UID, a.Mark.Flags = Known, here[0].UID, here[0].Flags
			known = append(known, a.Mark)
		default:
			list = append(list, a)
		}
	}
	if err := w.desk.rows.Mark(ctx, known); err != nil || len(list) == 0 {
		return err
	}
	if err := w.desk.Home.Take(ctx, w.account, id, name, list); err != nil {
		return err
	}
	for _, a := range list {
		w.taken++
		w.octets += a.Mark.Size
		f.Messages++
		w.desk.observe(Taken)
	}
	return nil
}

// followAll does here what happened there since.
func (w *whole) followAll(ctx context.Context, id int64, p Place, f *Folder, c *comparison) error {
	list := c.follow
	if n := len(c.gone); n >= manyGone && 2*n > c.marked && p.Use != `\Trash` && p.Use != `\Junk` {
		w.later = fmt.Errorf("folder %s: %d of %d messages are gone there, which is not followed: whoever removed them removes them here", p.Name, n, c.marked)
	} else {
		list = append(list, c.gone...)
	}
	for len(list) > 0 {
		n := min(len(list), followSome)
		changed, removed, err := w.desk.Home.Follow(ctx, w.account, id, list[:n])
		f.Changed += int64(changed)
		f.Removed += int64(removed)
		if err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}
