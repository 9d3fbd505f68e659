package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"gatepost/mailbox"
	"gatepost/quarantine"
)

// HeldRows is a store with the mailboxes 1 and 2, of which the folders of what is held
// are tested.
type HeldRows struct {
	Mailboxes  MailboxStore
	Quarantine QuarantineRows
	// Back has a message be held again whose release came to nothing.
	Back func(t *testing.T, id string)
}

// HeldFolder tests that the folder of what is held keeps mailbox.Held's contract. Each
// call of open is a new store.
func HeldFolder(t *testing.T, open func(*testing.T) HeldRows) {
	for name, test := range map[string]func(*heldFolder){
		"one for each box":          (*heldFolder).opened,
		"shows what is held":        (*heldFolder).shows,
		"an end is an expunge":      (*heldFolder).ends,
		"held again is a new UID":   (*heldFolder).back,
		"rows go, the folder knows": (*heldFolder).purged,
		"nobody changes it":         (*heldFolder).unchangeable,
		"many":                      (*heldFolder).many,
		"whatever happens":          (*heldFolder).random,
	} {
		t.Run(name, func(t *testing.T) {
			f := &heldFolder{box: &box{T: t}, rows: open(t)}
			f.s = f.rows.Mailboxes
			f.check(f.s.OpenBox(t.Context(), 1, "", when))
			f.check(f.s.OpenHeld(t.Context(), 1))
			f.id = f.held().ID
			test(f)
		})
	}
}

// A heldFolder is the one of box 1 under test.
type heldFolder struct {
	*box
	rows HeldRows
	id   int64
}

// held returns the folder.
func (f *heldFolder) held() (found mailbox.Folder) {
	f.Helper()
	all, err := f.s.Folders(f.Context(), 1)
	f.check(err)
	n := 0
	for _, one := range all {
		if one.Use == mailbox.Quarantine {
			found = one
			n++
		}
	}
	f.want("folders of what is held", n, 1)
	return found
}

// hold makes a row of box 1, named by its number; change may make it another.
func (f *heldFolder) hold(n int, change ...func(*quarantine.Held)) string {
	f.Helper()
	h := heldMessage(n)
	h.Box, h.Guarded = 1, false
	for _, c := range change {
		c(h)
	}
	f.rows.Quarantine.Hold(f.T, h)
	return h.ID
}

func (f *heldFolder) end(id string, what quarantine.State) {
	f.Helper()
	_, err := f.rows.Quarantine.Settle(f.Context(), id, quarantine.Act{Who: "admin", What: what, When: quarantineTime.Add(time.Hour)}, nil)
	f.check(err)
}

// shown gathers and describes what the folder has: "1 held0001".
func (f *heldFolder) shown() (all []string) {
	f.Helper()
	f.check(f.s.Gather(f.Context(), f.id))
	list, err := f.s.Messages(f.Context(), f.id, everything, mailbox.Whole)
	f.check(err)
	for _, m := range list {
		all = append(all, fmt.Sprint(m.UID, " ", m.Held))
	}
	f.want("counted", f.held().Messages, len(list))
	f.want("indexed", len(f.index(f.id)), len(list))
	return all
}

var everything = mailbox.UIDSet{{First: 1, Last: ^mailbox.UID(0)}}

func (f *heldFolder) opened() {
	f.want("name", f.held().Name, "Quarantine")
	f.want("subscribed", f.held().Subscribed, true)
	f.check(f.s.OpenHeld(f.Context(), 1))
	f.want("the same", f.held().ID, f.id)
	f.check(f.s.OpenBox(f.Context(), 2, "", when))
	for _, name := range []string{"Quarantine", "Quarantine 2"} {
		_, err := f.s.CreateFolder(f.Context(), 2, name, "")
		f.check(err)
	}
	f.check(f.s.OpenHeld(f.Context(), 2))
	other, err := f.s.Folder(f.Context(), 2, "Quarantine 3")
	f.check(err)
	f.want("use beside others of the name", other.Use, mailbox.Quarantine)
	f.check(f.s.OpenBox(f.Context(), 3, "fr", when))
	_, err = f.s.CreateFolder(f.Context(), 3, "Quarantaine", "")
	f.check(err)
	f.check(f.s.OpenHeld(f.Context(), 3))
	other, err = f.s.Folder(f.Context(), 3, "Quarantaine 2")
	f.check(err)
	f.want("use among French names", other.Use, mailbox.Quarantine)
	f.wantErr("no such folder", f.s.Gather(f.Context(), 1<<40), mailbox.ErrNoFolder)
	f.check(f.s.Gather(f.Context(), f.id-1)) // another one: nothing is to be done
}

func (f *heldFolder) shows() {
	f.hold(7)
	f.hold(3)
	f.hold(4, func(h *quarantine.Held) { h.Guarded = true })
	f.hold(5, func(h *quarantine.Held) { h.Box = 2 })
	f.hold(6, func(h *quarantine.Held) { h.Box = quarantine.Anywhere })
	f.hold(8, func(h *quarantine.Held) { h.Box = quarantine.Elsewhere })
	f.want("before it is gathered", f.held().Messages, 0)
	f.want("shown, the oldest first", f.shown(), []string{"1 held0003", "2 held0007"})
	list, err := f.s.Messages(f.Context(), f.id, set(1, 1), mailbox.Whole)
	f.check(err)
	want := heldMessage(3)
	m := list[0]
	f.want("message", fmt.Sprint(m.Blob, m.View, m.Size, m.InternalDate, m.EmailID, m.Flags), fmt.Sprint(want.Blob, want.View, want.Size, want.Time, -1, mailbox.Flags{}))
	f.want("octets", f.held().Size, 2*want.Size)
	u, err := f.s.Usage(f.Context(), 1)
	f.check(err)
	f.want("usage", u, mailbox.Usage{})
}

func (f *heldFolder) ends() {
	var ids []string
	for n := range 5 {
		ids = append(ids, f.hold(n))
	}
	f.shown()
	before := f.held().HighestModSeq
	f.end(ids[1], quarantine.StateReleased)
	f.end(ids[4], quarantine.StateDeleted)
	f.want("indexed until it is gathered", len(f.index(f.id)), 5)
	list, err := f.s.Messages(f.Context(), f.id, everything, mailbox.Row)
	f.check(err)
	f.want("but not served", len(list), 3)
	f.want("shown", f.shown(), []string{"1 held0000", "3 held0002", "4 held0003"})
	d, err := f.s.Since(f.Context(), f.id, before)
	f.check(err)
	f.want("expunged", fmt.Sprint(d.Expunged, d.Changed), "[2 5] []")
	f.hold(9)
	f.want("a UID is not given again", f.shown()[3], "6 held0009")
}

func (f *heldFolder) back() {
	id := f.hold(1)
	f.shown()
	f.end(id, quarantine.StateReleased)
	f.rows.Back(f.T, id)
	f.want("back before anybody looked", f.shown(), []string{"1 held0001"})
	f.end(id, quarantine.StateReleased)
	f.want("gone", len(f.shown()), 0)
	f.rows.Back(f.T, id)
	f.want("back", f.shown(), []string{"2 held0001"})
}

func (f *heldFolder) purged() {
	a, b := f.hold(1), f.hold(2)
	f.hold(3)
	f.shown()
	before := f.held().HighestModSeq
	f.end(a, quarantine.StateExpired)
	f.end(b, quarantine.StateDeleted)
	n, err := f.rows.Quarantine.Purge(f.Context(), quarantineTime.Add(10*time.Hour), 50)
	f.check(err)
	f.want("removed", n, 2)
	f.want("counted", f.held().Messages, 1)
	d, err := f.s.Since(f.Context(), f.id, before)
	f.check(err)
	f.want("expunged", d.Expunged, "[1 2]")
	f.want("shown", f.shown(), []string{"3 held0003"})
}

func (f *heldFolder) unchangeable() {
	f.hold(1)
	f.shown()
	ctx, inbox := f.Context(), f.s
	in, err := inbox.Folder(ctx, 1, mailbox.Inbox)
	f.check(err)
	d := mailbox.Delivery{Box: 1, Folder: "Quarantine", Blob: "blob9", Size: 5, Time: when}
	f.check(f.s.Deliver(ctx, &d))
	f.want("delivered to", d.FolderID, in.ID)
	d = mailbox.Delivery{Box: 1, Folder: string(mailbox.Quarantine), Blob: "blob9", Size: 5, Time: when}
	f.check(f.s.Deliver(ctx, &d))
	f.want("delivered by use to", d.FolderID, in.ID)
	for what, do := range map[string]func() error{
		"copy into":    func() error { _, err := f.s.Copy(ctx, in.ID, everything, f.id); return err },
		"move into":    func() error { _, err := f.s.Move(ctx, in.ID, everything, f.id); return err },
		"copy out":     func() error { _, err := f.s.Copy(ctx, f.id, everything, in.ID); return err },
		"move out":     func() error { _, err := f.s.Move(ctx, f.id, everything, in.ID); return err },
		"flags":        func() error { _, err := f.s.SetFlags(ctx, f.id, everything, mailbox.FlagChange{}); return err },
		"expunge":      func() error { return f.s.Expunge(ctx, f.id, everything) },
		"delete":       func() error { return f.s.DeleteFolder(ctx, 1, "Quarantine") },
		"rename":       func() error { return f.s.RenameFolder(ctx, 1, "Quarantine", "Other") },
		"use":          func() error { return f.s.SetUse(ctx, 1, "Quarantine", mailbox.Archive) },
		"rename below": func() error { return f.s.RenameFolder(ctx, 1, "Junk", "Quarantine/Junk") },
		"create below": func() error { _, err := f.s.CreateFolder(ctx, 1, "Quarantine/a/b", ""); return err },
		"standard uses": func() error {
			_, ok := mailbox.ParseUse(`\Quarantine`)
			return map[bool]error{false: mailbox.ErrQuarantine}[ok]
		},
	} {
		f.wantErr(what, do(), mailbox.ErrQuarantine)
	}
	f.want("shown", f.shown(), []string{"1 held0001"})
}

func (f *heldFolder) many() {
	const n = 1203 // more than one commit takes
	for i := range n {
		f.hold(i)
	}
	got := f.shown()
	f.want("shown", len(got), n)
	f.want("the last", got[n-1], "1203 held1202")
	for done := 0; done < n; {
		k, err := f.rows.Quarantine.Expire(f.Context(), quarantine.Act{Who: "expiry", What: quarantine.StateExpired, When: quarantineTime.Add(9000 * time.Hour)}, 400)
		f.check(err)
		if done += k; k == 0 {
			f.Fatalf("%d of %d expired", done, n)
		}
	}
	f.want("after expiry", len(f.shown()), 0)
}

// A looker is a session as IMAP has it: what it knows, it knows from Index and Since.
type looker struct {
	there map[mailbox.UID]bool
	seq   mailbox.ModSeq
	last  mailbox.UID // the highest UID that it saw
}

// look brings a looker up to date, and finds what no client could understand.
func (f *heldFolder) look(l *looker, gather bool) {
	if gather {
		f.check(f.s.Gather(f.Context(), f.id))
	}
	if l.there == nil {
		l.there = map[mailbox.UID]bool{}
		found, err := f.s.Index(f.Context(), f.id, func(e mailbox.Entry) { l.there[e.UID], l.last = true, max(l.last, e.UID) })
		f.check(err)
		l.seq = found.HighestModSeq
		if found.Messages != int64(len(l.there)) {
			f.Errorf("the folder counts %d, and has %d", found.Messages, len(l.there))
		}
		return
	}
	d, err := f.s.Since(f.Context(), f.id, l.seq)
	f.check(err)
	for _, u := range d.Expunged {
		delete(l.there, u)
	}
	for _, e := range d.Changed {
		if e.UID <= l.last {
			f.Errorf("UID %d is new, after %d", e.UID, l.last)
		}
		l.there[e.UID], l.last = true, e.UID
	}
	l.seq = max(l.seq, d.HighestModSeq)
}

// random has holds begin, end, come back and be removed while sessions look. In the end
// all know what is held, and nothing else.
func (f *heldFolder) random() {
	const workers, rounds = 3, 60
	var wg sync.WaitGroup
	var mu sync.Mutex
	lookers := make([]looker, 3)
	for i := range lookers {
		wg.Go(func() {
			for k := range rounds {
				f.look(&lookers[i], i > 0 || k%7 == 0)
			}
		})
	}
	held := map[string]bool{}
	for w := range workers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 1))
			var open, ended []string
			for k := range rounds {
				switch n := r.IntN(10); {
				case n < 5 || len(open) == 0:
					open = append(open, f.hold(w*rounds+k))
				case n < 8:
					i := r.IntN(len(open))
					f.end(open[i], []quarantine.State{quarantine.StateReleased, quarantine.StateDeleted}[n%2])
					if n%2 == 0 {
						ended = append(ended, open[i])
					}
					open = slices.Delete(open, i, i+1)
				case len(ended) > 0 && n < 9:
					f.rows.Back(f.T, ended[0])
					open, ended = append(open, ended[0]), ended[1:]
				default:
					ended = nil // they may be removed now
					_, err := f.rows.Quarantine.Purge(f.Context(), quarantineTime.Add(time.Minute*30), 3)
					f.check(err)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			for _, id := range open {
				held[id] = true
			}
		})
	}
	wg.Wait()
	shown := f.shown()
	f.want("shown", len(shown), len(held))
	list, err := f.s.Messages(f.Context(), f.id, everything, mailbox.Row)
	f.check(err)
	for i := range lookers {
		f.look(&lookers[i], false)
		f.want("a session knows", len(lookers[i].there), len(held))
		for _, m := range list {
			if !lookers[i].there[m.UID] || !held[m.Held] {
				f.Errorf("session %d: %d (%s): there %v, held %v", i, m.UID, m.Held, lookers[i].there[m.UID], held[m.Held])
			}
		}
	}
}
