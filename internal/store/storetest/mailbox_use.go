package storetest

import "gatepost/mailbox"

// uses: a folder has one use and a use one folder; what is emptied in time is made of what is empty.
func (b *box) uses() {
	ctx := b.Context()
	_, err := b.s.CreateFolder(ctx, 7, "Posted", "")
	b.check(err)
	set := func(name string, use mailbox.Use) error { return b.s.SetUse(ctx, 7, name, use) }
	b.wantErr("another has it", set("Posted", mailbox.Sent), mailbox.ErrUseTaken)
	b.check(set("Sent", mailbox.Sent))
	b.check(set("Sent", ""))
	b.check(set("Posted", mailbox.Sent))
	b.check(set("Posted", mailbox.Sent))
	b.want("uses", []mailbox.Use{b.folder("Sent").Use, b.folder("Posted").Use}, []mailbox.Use{"", mailbox.Sent})
	b.want("where it goes by its use", b.put(string(mailbox.Sent), "x", 1).FolderID, b.folder("Posted").ID)

	b.check(set("Trash", ""))
	b.wantErr("with mail in it", set("Posted", mailbox.Trash), mailbox.ErrUseFilled)
	b.wantErr("with mail in it", set("Posted", mailbox.Junk), mailbox.ErrUseFilled)
	b.check(set("Sent", mailbox.Trash))
	b.want("in place of another", b.folder("Sent").Use, mailbox.Trash)

	b.wantErr("inbox", set("INBOX", mailbox.Archive), mailbox.ErrInbox)
	b.wantErr("nowhere", set("Nowhere", mailbox.Archive), mailbox.ErrNoFolder)
	b.wantErr("another's", b.s.SetUse(ctx, 8, "Posted", ""), mailbox.ErrNoFolder)
}
