package storetest

import (
	"fmt"
	"time"

	"gatepost/mailbox"
)

// kept describes what a box keeps: "3 a 5" is EmailID, folder and size.
func (b *box) kept(q mailbox.KeptQuery) (all []string) {
	b.Helper()
	list, err := b.s.Kept(b.Context(), 7, q)
	b.check(err)
	for _, k := range list {
		if k.When.IsZero() || !k.InternalDate.Equal(when) {
			b.Errorf("times of %+v", k)
		}
		all = append(all, fmt.Sprint(k.EmailID, " ", k.Folder, " ", k.Size))
	}
	return all
}

// delete expunges a whole folder.
func (b *box) delete(folder int64) {
	b.Helper()
	all := set(1, 1<<32-1)
	_, err := b.s.SetFlags(b.Context(), folder, all, mailbox.FlagChange{How: mailbox.Add, Flags: mailbox.Flags{System: mailbox.Deleted}})
	b.check(err)
	b.check(b.s.Expunge(b.Context(), folder, all))
}

// keeping: what is expunged is kept once its last copy is gone, and comes back where it was.
func (b *box) keeping() {
	ctx := b.Context()
	a, err := b.s.CreateFolder(ctx, 7, "a", "")
	b.check(err)
	b.put("a", "x1", 5, `\Seen`, "$k")
	b.put("a", "x2", 6)
	_, err = b.s.Copy(ctx, a.ID, set(1, 1), a.ID)
	b.check(err)
	_, err = b.s.Copy(ctx, a.ID, set(2, 2), b.folder("Junk").ID)
	b.check(err)
	b.delete(a.ID)
	b.want("kept, but for what has a copy", b.kept(mailbox.KeptQuery{}), []string{"1 a 5"})
	b.want("no use", b.folder("a").Messages, 0)
	b.check(b.s.RenameFolder(ctx, 7, "a", "b"))
	done, err := b.s.Recover(ctx, 7, []int64{1, 2, 99}, "Recovered")
	b.check(err)
	b.want("recovered", done, mailbox.Recovered{Messages: 1, Folders: []string{"b"}})
	b.want("as it was, with a new UID", b.index(a.ID), []string{`4:\Seen $k`})
	b.want("kept no more", b.kept(mailbox.KeptQuery{}), []string(nil))
	done, err = b.s.Recover(ctx, 7, []int64{1}, "Recovered")
	b.check(err)
	b.want("twice", done.Messages, 0)
	b.delete(a.ID)
	b.check(b.s.PurgeDeleted(ctx, when))
	b.want("not old", b.kept(mailbox.KeptQuery{}), []string{"1 b 5"})
	b.want("since", b.kept(mailbox.KeptQuery{Since: time.Now().Add(time.Hour)}), []string(nil))
	b.want("references", []int{b.refs("x1"), b.refs("x2")}, []int{0, 1}) // which purges
	b.want("purged", b.kept(mailbox.KeptQuery{}), []string(nil))
}

// keptFolders: what has no folder any more, or was in the trash, comes back into one of its
// own; drafts are not kept.
func (b *box) keptFolders() {
	ctx := b.Context()
	_, err := b.s.CreateFolder(ctx, 7, "gone", "")
	b.check(err)
	b.put("gone", "x1", 1)
	b.put("Trash", "x2", 2)
	b.put("Drafts", "x3", 3)
	b.check(b.s.DeleteFolder(ctx, 7, "gone"))
	b.delete(b.folder("Trash").ID)
	b.delete(b.folder("Drafts").ID)
	b.want("kept", b.kept(mailbox.KeptQuery{}), []string{"2 Trash 2", "1 gone 1"})
	b.want("a page", b.kept(mailbox.KeptQuery{Limit: 1}), []string{"2 Trash 2"})
	b.want("the next", b.kept(mailbox.KeptQuery{Limit: 1, After: 2}), []string{"1 gone 1"})
	b.want("the last", b.kept(mailbox.KeptQuery{Limit: 1, After: 1}), []string(nil))
	_, err = b.s.CreateFolder(ctx, 7, "gone", "")
	b.check(err)
	done, err := b.s.Recover(ctx, 7, []int64{1, 2}, "Récupérés")
	b.check(err)
	b.want("recovered", done, mailbox.Recovered{Messages: 2, Folders: []string{"Récupérés", "gone"}})
	b.want("seen by its owner", b.folder("Récupérés").Subscribed, true)
	b.want("references", []int{b.refs("x1"), b.refs("x2"), b.refs("x3")}, []int{1, 1, 0})
}

// keptYields: what was expunged first goes first, as much as is asked for.
func (b *box) keptYields() {
	for i, folder := range []string{"Archive", "Junk", "Sent"} {
		b.put(folder, fmt.Sprint("x", i), 10)
	}
	for _, folder := range []string{"Junk", "Sent", "Archive"} {
		b.delete(b.folder(folder).ID)
	}
	b.want("kept", b.kept(mailbox.KeptQuery{}), []string{"1 Archive 10", "3 Sent 10", "2 Junk 10"})
	for _, step := range []struct {
		octets, messages int64
		left             []string
	}{{1, 1, []string{"1 Archive 10", "3 Sent 10"}}, {0, 0, []string{"1 Archive 10", "3 Sent 10"}}, {11, 2, nil}, {1, 0, nil}} {
		gone, err := b.s.YieldDeleted(b.Context(), step.octets)
		b.check(err)
		b.want("gone", gone, mailbox.Usage{Messages: step.messages, Bytes: 10 * step.messages})
		b.want("left", b.kept(mailbox.KeptQuery{}), step.left)
	}
	b.want("references", []int{b.refs("x0"), b.refs("x1"), b.refs("x2")}, []int{0, 0, 0})
}

// measure: what a set takes up.
func (b *box) measure() {
	inbox := b.put("", "x1", 1, `\Deleted`).FolderID
	b.put("", "x2", 20)
	b.put("", "x3", 300, `\Deleted`)
	for text, want := range map[string]mailbox.Usage{"1:*": {Messages: 3, Bytes: 321}, "1,3:3": {Messages: 2, Bytes: 301}, "9": {}} {
		ranges := map[string]mailbox.UIDSet{"1:*": set(1, 1<<32-1), "1,3:3": {{First: 1, Last: 1}, {First: 3, Last: 3}}, "9": set(9, 9)}[text]
		got, err := b.s.Measure(b.Context(), inbox, ranges, false)
		b.check(err)
		b.want(text, got, want)
	}
	got, err := b.s.Measure(b.Context(), inbox, set(1, 1<<32-1), true)
	b.check(err)
	b.want("with \\Deleted", got, mailbox.Usage{Messages: 2, Bytes: 301})
}
