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
