package storetest

import (
	"fmt"

	"gatepost/mailbox"
)

// pages: what is kept of a block is there until the first of its messages goes, whichever way.
func (b *box) pages() {
	ctx := b.Context()
	inbox := b.folder("INBOX").ID
	fill := func(n int) {
		var list []*mailbox.Delivery
		for range n {
			list = append(list, &mailbox.Delivery{Box: 7, Blob: "x", Size: 1, Time: when})
		}
		b.check(b.s.DeliverAll(ctx, list))
	}
	page := func(block uint32, kind mailbox.PageKind, messages int, text string) mailbox.Page {
		return mailbox.Page{Block: block, Kind: kind, Messages: messages, Data: []byte(text)}
	}
	kept := func(what string, want ...string) {
		b.Helper()
		var got []string
		for kind := mailbox.PageKind(1); kind < 4; kind++ {
			pages, err := b.s.Pages(ctx, inbox, kind, 0, 9)
			b.check(err)
			for _, p := range pages {
				got = append(got, fmt.Sprintf("%d/%d:%d:%s", p.Block, p.Kind, p.Messages, p.Data))
			}
		}
		b.want(what, got, want)
	}
	unpaged := func(what string, from int64, want ...mailbox.FolderBlock) {
		b.Helper()
		got, err := b.s.Unpaged(ctx, mailbox.TextBatch{Box: 7, From: from, To: 4 * mailbox.PageUIDs}, 1)
		b.check(err)
		b.want("without pages "+what, got, want)
	}
	fill(2*mailbox.PageUIDs - 2) // up to the last but one of block 1
	b.check(b.s.KeepPages(ctx, inbox, []mailbox.Page{page(0, 1, 63, "a"), page(1, 1, 63, "b"), page(2, 1, 0, "c"), page(7, 1, 0, "d")}))
	kept("of the block that is full", "0/1:63:a")
	unpaged("while one is not full", 0)
	fill(1)
	unpaged("once it is", 0, mailbox.FolderBlock{Folder: inbox, Block: 1})
	unpaged("of the last e-mail", 2*mailbox.PageUIDs-2, mailbox.FolderBlock{Folder: inbox, Block: 1})
	unpaged("of none of its e-mails", 2*mailbox.PageUIDs-1)
	b.check(b.s.KeepPages(ctx, inbox, []mailbox.Page{page(1, 1, 63, "x"), page(1, 2, 64, "e"), page(1, 1, 64, "f"), page(0, 1, 63, "g")}))
	kept("of both", "0/1:63:g", "1/1:64:f", "1/2:64:e")
	some, err := b.s.Pages(ctx, inbox, 1, 1, 1)
	b.check(err)
	b.want("of one block", len(some), 1)

	_, err = b.s.SetFlags(ctx, inbox, set(70, 70), mailbox.FlagChange{How: mailbox.Add, Flags: mailbox.Flags{System: mailbox.Deleted}})
	b.check(err)
	_, err = b.s.Copy(ctx, inbox, set(1, 127), b.folder("Junk").ID)
	b.check(err)
	kept("after flags and a copy", "0/1:63:g", "1/1:64:f", "1/2:64:e")
	b.check(b.s.Expunge(ctx, inbox, set(1, 127)))
	kept("after an expunge", "0/1:63:g")
	unpaged("after an expunge", 0, mailbox.FolderBlock{Folder: inbox, Block: 1}, mailbox.FolderBlock{Folder: b.folder("Junk").ID, Block: 0}, mailbox.FolderBlock{Folder: b.folder("Junk").ID, Block: 1})
	b.check(b.s.KeepPages(ctx, inbox, []mailbox.Page{page(1, 1, 64, "h")}))
	kept("by who has not seen the expunge", "0/1:63:g")
	b.check(b.s.KeepPages(ctx, inbox, []mailbox.Page{page(1, 1, 63, "i")}))
	_, err = b.s.Move(ctx, inbox, set(5, 5), b.folder("Junk").ID)
	b.check(err)
	kept("after a move", "1/1:63:i")

	_, err = b.s.CreateFolder(ctx, 7, "A", "")
	b.check(err)
	_, err = b.s.Move(ctx, inbox, set(1, 127), b.folder("A").ID)
	b.check(err)
	inbox = b.folder("A").ID
	b.check(b.s.KeepPages(ctx, inbox, []mailbox.Page{page(0, 1, 63, "j")}))
	kept("in another folder", "0/1:63:j")
	b.check(b.s.DeleteFolder(ctx, 7, "A"))
	kept("of a folder that is gone")
}
