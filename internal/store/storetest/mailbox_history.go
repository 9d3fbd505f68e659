package storetest

import (
	"fmt"
	"time"

	"gatepost/mailbox"
)

// saved: RFC 8514 §3 and RFC 8970 §3.2.
func (b *box) saved() {
	ctx := b.Context()
	d := mailbox.Delivery{Box: 7, Blob: "x", Size: 1, Time: when, Preview: "first words", Previewed: true}
	b.check(b.s.Deliver(ctx, &d))
	b.put("", "x", 1) // nobody looked at its text
	done, err := b.s.Copy(ctx, d.FolderID, set(1, 2), b.folder("Junk").ID)
	b.check(err)
	b.want("copied", done.To(), "1:2")
	for _, folder := range []string{"INBOX", "Junk"} {
		all, err := b.s.Messages(ctx, b.folder(folder).ID, set(1, 9), mailbox.Whole)
		b.check(err)
		b.want("previews in "+folder, []any{all[0].Preview, all[0].Previewed, all[1].Preview, all[1].Previewed}, []any{"first words", true, "", false})
		if since := time.Since(all[0].Saved); since < 0 || since > time.Hour || !all[0].InternalDate.Equal(when) {
			b.Errorf("%s: saved %v, of %v", folder, all[0].Saved, all[0].InternalDate)
		}
	}
}

// thinned: RFC 7162 §5.3. Below the floor what is there is told instead of what is gone.
func (b *box) thinned() {
	ctx := b.Context()
	inbox := b.put("", "x", 1).FolderID
	start := b.folder("INBOX").HighestModSeq
	for u := mailbox.UID(2); u < 12; u++ { // an expunge each
		b.put("", "x", 1, `\Deleted`)
		b.check(b.s.Expunge(ctx, inbox, set(u, u)))
	}
	b.put("", "x", 1)
	b.check(b.s.ThinExpunged(ctx, 10))
	d, err := b.s.Since(ctx, inbox, start)
	b.check(err)
	b.want("whole log", []any{d.Forgot, len(d.Expunged)}, []any{false, 10})
	b.check(b.s.ThinExpunged(ctx, 4))
	d, err = b.s.Since(ctx, inbox, start)
	b.check(err)
	b.want("cut log", []any{d.Forgot, d.Expunged, d.Present, len(d.Changed)}, []any{true, []mailbox.UID(nil), "1,12", 1})
	b.check(b.s.ThinExpunged(ctx, 4))
	for after := start; after <= b.folder("INBOX").HighestModSeq; after++ {
		d, err := b.s.Since(ctx, inbox, after)
		b.check(err)
		gone := 0
		for u := mailbox.UID(2); u < 12; u++ { // its expunge was the 2nd number after start, and so on
			if start+2*mailbox.ModSeq(u-1) > after {
				gone++
			}
		}
		if d.Forgot && gone < 5 || !d.Forgot && len(d.Expunged) != gone {
			b.Errorf("since %d: %+v, %d were expunged", after-start, d, gone)
		}
	}
}

// numbers: no UID and no MODSEQ is given twice, whatever becomes of the folder (RFC 9051
// §2.3.1.1, RFC 7162 §3.1).
func (b *box) numbers() {
	ctx := b.Context()
	f, err := b.s.CreateFolder(ctx, 7, "a", "")
	b.check(err)
	b.put("a", "x", 1, `\Deleted`)
	b.check(b.s.Expunge(ctx, f.ID, set(1, 1)))
	emptied := b.folder("a")
	b.want("next UID of an emptied folder", []any{emptied.UIDNext, emptied.Messages}, []any{2, 0})
	b.check(b.s.RenameFolder(ctx, 7, "a", "b"))
	b.want("renamed", []any{b.folder("b").UIDNext, b.folder("b").HighestModSeq, b.folder("b").UIDValidity}, []any{emptied.UIDNext, emptied.HighestModSeq, emptied.UIDValidity})
	b.check(b.s.DeleteFolder(ctx, 7, "b"))
	for _, name := range []string{"a", "b"} {
		again, err := b.s.CreateFolder(ctx, 7, name, "")
		b.check(err)
		if again.HighestModSeq < emptied.HighestModSeq || again.UIDValidity <= emptied.UIDValidity {
			b.Errorf("made anew: %+v after %+v", again, emptied)
		}
	}
}

// history: whatever changes in a box raises its latest number.
func (b *box) history() {
	ctx := b.Context()
	b.check(b.s.OpenBox(ctx, 8, "", when))
	before := mailbox.ModSeq(0)
	raised := func(what string, want bool) {
		b.Helper()
		all, err := b.s.Latest(ctx, []int64{7, 9, 8})
		b.check(err)
		if len(all) != 2 || all[7] > before != want {
			b.Errorf("%s: %v, before %d", what, all, before)
		}
		before = all[7]
	}
	raised("made", true)
	raised("nothing", false)
	b.put("", "x", 1)
	raised("delivery", true)
	_, err := b.s.CreateFolder(ctx, 7, "a/b", "")
	b.check(err)
	raised("new folder", true)
	b.check(b.s.RenameFolder(ctx, 7, "a", "c"))
	raised("rename", true)
	b.check(b.s.Subscribe(ctx, 7, "c", true))
	raised("subscription", true)
	b.check(b.s.Subscribe(ctx, 7, "c", false))
	raised("end of a subscription", true)
	b.check(b.s.DeleteFolder(ctx, 7, "c"))
	raised("folder removed", true)
	all, err := b.s.Latest(ctx, nil)
	b.check(err)
	b.want("of none", len(all), 0)
}

// changedPages: what changed comes in pages, by UID, whether few or many did.
func (b *box) changedPages() {
	ctx := b.Context()
	inbox := b.put("", "x", 1).FolderID
	for range 9 {
		b.put("", "x", 1)
	}
	start := b.folder("INBOX").HighestModSeq
	for _, u := range []mailbox.UID{9, 2, 5, 7} {
		_, err := b.s.SetFlags(ctx, inbox, set(u, u), mailbox.FlagChange{How: mailbox.Add, Flags: mailbox.Flags{System: mailbox.Seen}})
		b.check(err)
	}
	for limit := 1; limit < 6; limit++ {
		var got []string
		for from := mailbox.UID(1); ; {
			page, err := b.s.Changed(ctx, inbox, start, from, limit)
			b.check(err)
			for _, e := range page {
				got = append(got, describe(e))
				from = e.UID + 1
			}
			if len(page) > limit {
				b.Errorf("%d in a page of %d", len(page), limit)
			}
			if len(page) < limit {
				break
			}
		}
		b.want(fmt.Sprint("pages of ", limit), got, []string{`2:\Seen`, `5:\Seen`, `7:\Seen`, `9:\Seen`})
	}
	list, err := b.s.Changed(ctx, inbox, 0, 4, 2)
	b.check(err)
	b.want("from the middle", []mailbox.UID{list[0].UID, list[1].UID}, []mailbox.UID{4, 5})
	d, err := b.s.Gone(ctx, inbox, 0)
	b.check(err)
	b.want("without what changed", []any{len(d.Changed), d.Messages}, []any{0, int64(10)})
	_, err = b.s.Changed(ctx, 999, 0, 1, 1)
	b.wantErr("no folder", err, mailbox.ErrNoFolder)
}
