package storetest

import (
	"gatepost/mailbox"
)

// plannedFlags: a plan changes what it says, and is not followed once the folder is another.
func (b *box) plannedFlags() {
	ctx := b.Context()
	flags := [][]string{nil, {"$k"}, {`\Seen`}, nil, {`\Deleted`}, nil}
	var inbox int64
	for _, f := range flags {
		inbox = b.put("", "x", 1, f...).FolderID
	}
	b.check(b.s.Expunge(ctx, inbox, set(5, 5)))
	seen, both := mailbox.Flags{System: mailbox.Seen}, mailbox.Flags{System: mailbox.Seen | mailbox.Deleted, Keywords: "$k"}
	before := b.folder("INBOX")
	p := mailbox.FlagPlan{At: before.HighestModSeq}
	p.Put(1, mailbox.Flags{}, seen, false)
	p.Put(2, mailbox.Flags{Keywords: "$k"}, both, true)
	p.Put(4, mailbox.Flags{}, seen, false)
	p.Put(6, mailbox.Flags{}, seen, true)
	b.want("runs", p.Runs, []mailbox.FlagRun{{Range: mailbox.Range{First: 1, Last: 1}, Flags: seen}, {Range: mailbox.Range{First: 2, Last: 2}, Flags: both}, {Range: mailbox.Range{First: 4, Last: 6}, Flags: seen}})
	after, done, err := b.s.SetPlanned(ctx, inbox, p)
	b.check(err)
	f := b.folder("INBOX")
	b.want("done, after, unseen, deleted", []any{done, after, f.Unseen, f.Deleted}, []any{true, f.HighestModSeq, int64(0), int64(1)})
	b.want("entries", b.index(inbox), []string{`1:\Seen`, `2:\Seen \Deleted $k`, `3:\Seen`, `4:\Seen`, `6:\Seen`})
	d, err := b.s.Since(ctx, inbox, before.HighestModSeq)
	b.check(err)
	var changed []mailbox.UID
	for _, e := range d.Changed {
		changed = append(changed, e.UID)
	}
	b.want("changed", changed, []mailbox.UID{1, 2, 4, 6})

	late := mailbox.FlagPlan{At: before.HighestModSeq}
	late.Put(3, seen, mailbox.Flags{}, false)
	_, done, err = b.s.SetPlanned(ctx, inbox, late)
	b.check(err)
	b.want("of a folder that was, done", done, false)
	b.want("entries then", b.index(inbox), []string{`1:\Seen`, `2:\Seen \Deleted $k`, `3:\Seen`, `4:\Seen`, `6:\Seen`})
	_, _, err = b.s.SetPlanned(ctx, inbox+100, late)
	b.wantErr("of no folder", err, mailbox.ErrNoFolder)
}

// plannedOfMany: whoever reads flags after a plan of many messages sees what it said, by each of the ways there
// are; a store that does not take such a plan is given it as a change.
func (b *box) plannedOfMany() {
	ctx := b.Context()
	const many = mailbox.MaxPlan + 100
	var list []*mailbox.Delivery
	for range many {
		list = append(list, &mailbox.Delivery{Box: 7, Folder: "INBOX", Blob: "x", Size: 2, Time: when})
	}
	b.check(b.s.DeliverAll(ctx, list))
	all, inbox := set(1, many), list[0].FolderID
	gone := mailbox.Flags{System: mailbox.Deleted, Keywords: "$k"}
	// each makes a folder in which all messages are to be removed since a ModSeq.
	each := func(name string) (id int64, since mailbox.ModSeq) {
		f, err := b.s.CreateFolder(ctx, 7, name, "")
		b.check(err)
		_, err = b.s.Copy(ctx, inbox, all, f.ID)
		b.check(err)
		p := mailbox.FlagPlan{At: b.folder(name).HighestModSeq}
		for u := mailbox.UID(1); u <= many; u++ {
			p.Put(u, mailbox.Flags{}, gone, u > 1)
		}
		_, done, err := b.s.SetPlanned(ctx, f.ID, p)
		if err == nil && !done {
			_, err = b.s.SetFlags(ctx, f.ID, all, mailbox.FlagChange{How: mailbox.Replace, Flags: gone})
		}
		b.check(err)
		return f.ID, p.At
	}
	last := `600:\Deleted $k`
	id, _ := each("index")
	b.want("index", b.index(id)[many-1], last)
	id, since := each("since")
	d, err := b.s.Since(ctx, id, since)
	b.check(err)
	b.want("since", []any{len(d.Changed), describe(d.Changed[many-1])}, []any{many, last})
	id, since = each("changed")
	changed, err := b.s.Changed(ctx, id, since, 600, 10)
	b.check(err)
	b.want("changed", []any{len(changed), describe(changed[0])}, []any{1, last})
	id, _ = each("messages")
	messages, err := b.s.Messages(ctx, id, set(600, 600), mailbox.Marks)
	b.check(err)
	b.want("messages", describe(messages[0].Entry), last)
	id, _ = each("measure")
	u, err := b.s.Measure(ctx, id, all, true)
	b.check(err)
	b.want("measure", u, mailbox.Usage{Messages: many, Bytes: 2 * many})
	id, since = each("guarded")
	done, err := b.s.SetFlags(ctx, id, set(600, 600), mailbox.FlagChange{How: mailbox.Add, Flags: mailbox.Flags{System: mailbox.Seen}, Guarded: true, UnchangedSince: since})
	b.check(err)
	b.want("guarded", done.Failed, set(600, 600))
	id, _ = each("copied")
	to, err := b.s.CreateFolder(ctx, 7, "copies", "")
	b.check(err)
	_, err = b.s.Copy(ctx, id, all, to.ID)
	b.check(err)
	b.want("copies", b.index(to.ID)[many-1], last)
	id, _ = each("expunged")
	b.check(b.s.Expunge(ctx, id, all))
	b.want("expunged", len(b.index(id)), 0)
	each("deleted")
	b.check(b.s.DeleteFolder(ctx, 7, "deleted"))
	id, _ = each("one more")
	p := mailbox.FlagPlan{At: b.folder("one more").HighestModSeq}
	p.Put(600, gone, mailbox.Flags{}, false)
	_, ok, err := b.s.SetPlanned(ctx, id, p)
	b.check(err)
	b.want("one more", []any{ok, b.index(id)[many-2:]}, []any{true, []string{`599:\Deleted $k`, "600:"}})
}
