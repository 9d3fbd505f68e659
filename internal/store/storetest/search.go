package storetest

import (
	"fmt"
	"slices"
	"time"

	"gatepost/internal/mail"
	"gatepost/mailbox"
)

// sign makes signatures of the next e-mails, n at most, from their blobs' names.
func (b *box) sign(n int) {
	b.Helper()
	b.signMore(n, func(string) string { return "" })
}

// signMore is sign where texts hold more than their blobs' names.
func (b *box) signMore(n int, more func(blob string) string) {
	b.Helper()
	batch, err := b.s.TextBatch(b.Context(), 7, n)
	b.check(err)
	var list []mailbox.Signature
	for _, e := range batch.Emails {
		m := mail.NewMessage([]byte("Subject: x\r\n\r\n" + e.Blob + more(e.Blob) + "\r\n"))
		list = append(list, mailbox.SignatureOf(m, nil))
	}
	b.check(b.s.PutSignatures(b.Context(), batch, list))
}

// likely describes what may be in a folder that holds a text.
func (b *box) likely(folder string, q mailbox.TextQuery) string {
	b.Helper()
	uids, ok, err := b.s.Likely(b.Context(), b.folder(folder).ID, q)
	b.check(err)
	if !ok {
		return "all"
	}
	slices.Sort(uids)
	return fmt.Sprint(uids)
}

func (b *box) unindexed(want string) {
	b.Helper()
	boxes, err := b.s.Unindexed(b.Context(), 10)
	b.check(err)
	b.want("boxes with texts to index", boxes, want)
}

// texts: what has no signature may hold anything, what has one may hold what it holds; copies
// are found too, and what is expunged is not.
func (b *box) texts() {
	text := func(s string) mailbox.TextQuery { return mailbox.TextQuery{Text: s} }
	for i := range 20 {
		b.put("", fmt.Sprintf("violet number %02d", i), 10)
	}
	b.want("nothing indexed", b.likely(mailbox.Inbox, text("violet")), "all")
	b.unindexed("[7]")
	b.sign(12)
	b.want("the rest is not left out", b.likely(mailbox.Inbox, text("number 05")), "[6 13 14 15 16 17 18 19 20]")
	b.unindexed("[]") // too few to be worth a commit
	b.sign(100)
	stale, err := b.s.TextBatch(b.Context(), 7, 5)
	b.check(err)
	b.want("one", b.likely(mailbox.Inbox, text("number 05")), "[6]")
	b.want("none", b.likely(mailbox.Inbox, text("yellow")), "[]")
	b.want("any", b.likely(mailbox.Inbox, mailbox.TextQuery{Any: []mailbox.TextQuery{text("number 05"), text("number 19"), text("yellow")}}), "[6 20]")
	b.want("all", b.likely(mailbox.Inbox, mailbox.TextQuery{All: []mailbox.TextQuery{text("violet"), text("number 05")}}), "[6]")
	b.want("short", len(b.likely(mailbox.Inbox, text("vi"))) > 40, true)
	b.put("", "violet late", 10)
	_, err = b.s.Copy(b.Context(), b.folder(mailbox.Inbox).ID, mailbox.UIDSet{{First: 6, Last: 6}, {First: 20, Last: 21}}, b.folder("Junk").ID)
	b.check(err)
	b.want("copies", b.likely("Junk", text("number 05")), "[1 3]")
	b.sign(100)
	b.check(b.s.PutSignatures(b.Context(), stale, make([]mailbox.Signature, len(stale.Emails)))) // too late: nothing is done
	b.want("late", b.likely(mailbox.Inbox, text("violet late")), "[21]")
	b.expungeAll()
	b.want("expunged", b.likely(mailbox.Inbox, text("violet late")), "[]")
	b.want("a copy stays", b.likely("Junk", text("violet late")), "[3]")
	b.check(b.s.Forget(b.Context(), 7))
	b.want("forgotten", b.likely("Junk", text("number 05")), "all")
}

// expungeAll empties the inbox.
func (b *box) expungeAll() {
	b.Helper()
	all := mailbox.UIDSet{{First: 1, Last: 1 << 30}}
	id := b.folder(mailbox.Inbox).ID
	_, err := b.s.SetFlags(b.Context(), id, all, mailbox.FlagChange{How: mailbox.Add, Flags: mailbox.Flags{System: mailbox.Deleted}})
	b.check(err)
	b.check(b.s.Expunge(b.Context(), id, all))
	b.check(b.s.PurgeDeleted(b.Context(), time.Now().Add(time.Hour))) // until then it can come back
}

// textBlocks: of many signatures blocks are made, which answer alike; when most of what they
// have is gone the index is made anew.
func (b *box) textBlocks() {
	const n = 1200
	first := b.put("", "colour 0000", 10)
	for i := 1; i < n; i++ {
		b.put("", fmt.Sprintf("colour %04d %x", i, i*7919), 10)
	}
	b.put("", "", 10)
	batch, err := b.s.TextBatch(b.Context(), 7, 1)
	b.check(err)
	b.check(b.s.PutSignatures(b.Context(), batch, []mailbox.Signature{nil})) // of too much text: it may hold anything
	b.sign(2 * n)
	asks := []string{"colour 0777", "colour 1199", "colour 0001", "our", "0777", "yellow"}
	var before []string
	for _, text := range asks {
		before = append(before, b.likely(mailbox.Inbox, mailbox.TextQuery{Text: text}))
	}
	b.want("rare", before[0], fmt.Sprintf("[%d 778]", first.UID))
	packed, err := b.s.Pack(b.Context(), 7)
	b.check(err)
	b.want("packed", packed, true)
	for i, text := range asks {
		b.want(text+" in a block", b.likely(mailbox.Inbox, mailbox.TextQuery{Text: text}), before[i])
	}
	either := mailbox.TextQuery{Any: []mailbox.TextQuery{{Text: "colour 0777"}, {All: []mailbox.TextQuery{{Text: "colour"}, {Text: "colour 0778"}}}}}
	b.want("either in a block", b.likely(mailbox.Inbox, either), fmt.Sprintf("[%d 778 779]", first.UID))
	packed, err = b.s.Pack(b.Context(), 7)
	b.check(err)
	b.want("packed again", packed, false)
	b.expungeAll()
	for range 17 {
		b.put("", "colour new", 10)
	}
	b.sign(100) // drops the index
	b.unindexed("[7]")
	b.sign(100)
	b.want("made anew", b.likely(mailbox.Inbox, mailbox.TextQuery{Text: "yellow"}), "[]")
	b.want("new", len(b.likely(mailbox.Inbox, mailbox.TextQuery{Text: "colour new"})) > 17*4, true)
}

// mixedBlocks: signatures of several sizes share a block where none has enough of its own, and
// answer as they did; what comes later, or is too unlike, stays out.
func (b *box) mixedBlocks() {
	const n = 1100
	words := func(blob string, n int) (text string) {
		for i := range n {
			text += fmt.Sprintf(" %s.%x", blob, (i+1)*2654435761)
		}
		return text
	}
	size := func(blob string) string { return words(blob, []int{8, 20, 20}[len(blob)%3]) }
	for i := range n {
		b.put("", fmt.Sprintf("colour %04d%s", i, "--"[:i%3]), 10)
	}
	b.signMore(2*n, size)
	asks := []string{"colour 0777", "colour 0778", "colour 0779", "colour", "0777", "yellow", words("colour 0778-", 3), words("colour 0776--", 20)}
	var before []string
	for _, text := range asks {
		before = append(before, b.likely(mailbox.Inbox, mailbox.TextQuery{Text: text}))
	}
	b.want("some are left out", before[0] != before[3], true)
	packed, err := b.s.Pack(b.Context(), 7)
	b.check(err)
	b.want("packed", packed, true)
	for i, text := range asks {
		b.want(text+" in a block", b.likely(mailbox.Inbox, mailbox.TextQuery{Text: text}), before[i])
	}
	packed, err = b.s.Pack(b.Context(), 7)
	b.check(err)
	b.want("packed again", packed, false)
	b.put("", "colour late", 10)
	b.sign(1)
	b.want("late", b.likely(mailbox.Inbox, mailbox.TextQuery{Text: "colour late"}), fmt.Sprintf("[%d]", n+1))
}
