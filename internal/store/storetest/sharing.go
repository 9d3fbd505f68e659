package storetest

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"gatepost/internal/directory"
	"gatepost/internal/queue"
	"gatepost/mailbox"
)

// A SharingStore is what a mailstore that folders are shared from has to do.
type SharingStore interface {
	MailboxStore
	mailbox.Shares
	mailbox.Granter
	mailbox.Groups
	mailbox.Carrier
	mailbox.Annotations
	mailbox.Lookback
	mailbox.Invitations
	mailbox.Historian
	SetGrantTold(ctx context.Context, g mailbox.Giving, n *directory.Note, letters []*queue.Transfer, in []mailbox.Invitation) (before, after mailbox.Rights, err error)
	ThinInvitations(ctx context.Context, now time.Time) error
	SetSenderNoted(ctx context.Context, box int64, who mailbox.Who, how mailbox.Sending, note *directory.Note) error
	AskToSend(ctx context.Context, r mailbox.SendRequest, note *directory.Note) (reached bool, err error)
	SendRequest(ctx context.Context, id string, now time.Time) (mailbox.SendRequest, error)
	SendRequests(ctx context.Context, q mailbox.SendRequestQuery, now time.Time) ([]mailbox.SendRequest, error)
	AnswerSendRequest(ctx context.Context, id string, grant bool, now time.Time, note *directory.Note) error
	TakeSendRequestBack(ctx context.Context, r mailbox.SendRequest, now time.Time, note *directory.Note) error
	ThinSendRequests(ctx context.Context, now time.Time) error
	DropBox(ctx context.Context, box int64, now time.Time) error
}

// Sharing runs the contract of sharing, each case on an empty store that open makes.
func Sharing(t *testing.T, open func(t *testing.T) (s SharingStore, refs func(blob string) int)) {
	for name, f := range map[string]func(*shares){
		"rights":                    (*shares).rights,
		"grants":                    (*shares).grants,
		"inherited":                 (*shares).inherited,
		"moved":                     (*shares).moved,
		"requests taken back":       (*shares).sendTakenBack,
		"answers of what is moved":  (*shares).movedAnswers,
		"many moved":                (*shares).movedMany,
		"moved to the top":          (*shares).movedToTop,
		"how far a grant reaches":   (*shares).reach,
		"rights at random":          (*shares).atRandom,
		"answers":                   (*shares).answers,
		"invitations":               (*shares).invitations,
		"whole boxes":               (*shares).whole,
		"what is gone":              (*shares).gone,
		"senders":                   (*shares).senders,
		"what groups have sent":     (*shares).sent,
		"requests to send":          (*shares).sendRequests,
		"answers to requests":       (*shares).sendAnswers,
		"carried to another box":    (*shares).carried,
		"carried with fewer flags":  (*shares).carriedFlags,
		"carried, more than can be": (*shares).carriedMany,
		"flags that stay":           (*shares).fixed,
		"annotations":               (*shares).annotations,
	} {
		t.Run(name, func(t *testing.T) {
			s := &shares{box: box{T: t}}
			s.share, s.refs = open(t)
			s.s = s.share
			for _, n := range []int64{7, 8, 9} {
				s.check(s.s.OpenBox(t.Context(), n, "", when))
			}
			f(s)
			s.counters()
		})
	}
}

// shares is box 7, of which boxes 8 and 9 are visitors; 9 is in the group sales.
type shares struct {
	box
	share SharingStore
}

const sales = mailbox.Who("group:sales@example.org")

func visitor(n int64) mailbox.Visitor {
	v := mailbox.Visitor{Box: n, Names: []mailbox.Who{mailbox.Anyone, mailbox.BoxWho(n)}}
	if n == 9 {
		v.Names = append(v.Names, sales)
	}
	return v
}

func grant(folder int64, name string, who mailbox.Who, r mailbox.Rights) mailbox.Grant {
	return mailbox.Grant{Box: 7, Folder: folder, Name: name, Who: who, Rights: r}
}

func note(entry string, value []byte) mailbox.Annotation {
	return mailbox.Annotation{Entry: entry, Value: value}
}

func (s *shares) give(folder string, who mailbox.Who, letters string) {
	s.Helper()
	r, err := mailbox.ParseRights(letters)
	s.check(err)
	id := int64(0)
	if folder != "" {
		id = s.folder(folder).ID
	}
	_, _, err = s.share.SetGrant(s.Context(), 7, id, who, mailbox.Replace, r)
	s.check(err)
}

func (s *shares) make(names ...string) {
	s.Helper()
	for _, n := range names {
		_, err := s.s.CreateFolder(s.Context(), 7, n, "")
		s.check(err)
	}
}

// seen describes what a visitor is shown: "a:lr b:lrs=accepted".
func (s *shares) seen(n int64) string {
	s.Helper()
	list, err := s.share.SharedFolders(s.Context(), visitor(n))
	s.check(err)
	var all []string
	for _, f := range list {
		text := fmt.Sprintf("%s:%s", f.Name, f.Rights)
		if f.Answer != "" {
			text += "=" + string(f.Answer)
		}
		if f.Group {
			text += "!"
		}
		all = append(all, text)
		r, err := s.share.Rights(s.Context(), visitor(n), f.ID)
		s.check(err)
		s.want("rights of "+f.Name, r, f.Rights)
		one, err := s.share.SharedFolder(s.Context(), visitor(n), f.Box, f.Name)
		s.check(err)
		s.want("found by its name", one, f)
	}
	return strings.Join(all, " ")
}

func (s *shares) rights() {
	ctx := s.Context()
	s.make("a", "b")
	s.give("a", mailbox.BoxWho(8), "lr")
	s.give("a", mailbox.Anyone, "ls")
	s.give("b", sales, "i")
	s.want("box 8 sees", s.seen(8), "a:lrs")
	s.want("box 9 sees", s.seen(9), "a:ls b:i")
	r, err := s.share.Rights(ctx, visitor(7), s.folder("a").ID)
	s.check(err)
	s.want("the owner may", r, mailbox.AllRights)
	r, err = s.share.Rights(ctx, visitor(8), s.folder("b").ID)
	s.check(err)
	s.want("who has none may", r, "")
	_, err = s.share.SharedFolder(ctx, visitor(8), 7, "b")
	s.wantErr("a folder of others", err, mailbox.ErrNoFolder)
	_, err = s.share.SharedFolder(ctx, visitor(7), 7, "b")
	s.wantErr("one's own is not shared with one", err, mailbox.ErrNoFolder)
	_, err = s.share.Rights(ctx, visitor(8), 9999)
	s.wantErr("no folder", err, mailbox.ErrNoFolder)
	list, err := s.share.SharedFolders(ctx, mailbox.Visitor{Box: 8})
	s.check(err)
	s.want("who has no name sees", len(list), 0)
}

func (s *shares) grants() {
	ctx := s.Context()
	s.make("a")
	a := s.folder("a").ID
	for _, c := range []struct {
		how           mailbox.How
		rights        string
		before, after string
	}{
		{mailbox.Add, "lr", "", "lr"},
		{mailbox.Add, "rs", "lr", "lrs"},
		{mailbox.Remove, "sx", "lrs", "lr"},
		{mailbox.Replace, "a", "lr", "a"},
		{mailbox.Remove, "a", "a", ""},
		{mailbox.Remove, "a", "", ""},
	} {
		r, err := mailbox.ParseRights(c.rights)
		s.check(err)
		before, after, err := s.share.SetGrant(ctx, 7, a, sales, c.how, r)
		s.check(err)
		s.want(fmt.Sprint("grant ", c), []any{before, after}, []any{c.before, c.after})
	}
	s.give("a", sales, "lr")
	s.give("a", mailbox.BoxWho(8), "lr")
	s.give("", sales, "k")
	all, err := s.share.Grants(ctx, 7, a)
	s.check(err)
	s.want("grants", all, []mailbox.Grant{grant(0, "", sales, mailbox.MayCreate), grant(a, "a", "box:8", 3), grant(a, "a", sales, 3)})
	all, err = s.share.BoxGrants(ctx, 7)
	s.check(err)
	s.want("grants of the box", len(all), 3)
	all, err = s.share.Given(ctx, visitor(9))
	s.check(err)
	s.want("given to 9", all, []mailbox.Grant{grant(0, "", sales, mailbox.MayCreate), grant(a, "a", sales, 3)})
	_, _, err = s.share.SetGrant(ctx, 7, a, mailbox.BoxWho(7), mailbox.Replace, 0)
	s.wantErr("the owner's", err, mailbox.ErrOwner)
	_, _, err = s.share.SetGrant(ctx, 8, a, sales, mailbox.Add, 1)
	s.wantErr("a folder of another box", err, mailbox.ErrNoFolder)
	_, _, err = s.share.SetGrant(ctx, 7, 999, sales, mailbox.Add, 1)
	s.wantErr("no folder", err, mailbox.ErrNoFolder)
	_, _, err = s.share.SetGrant(ctx, 999, 0, sales, mailbox.Add, 1)
	s.wantErr("no box", err, mailbox.ErrNoFolder)
	s.check(s.share.ForgetWho(ctx, sales))
	all, err = s.share.BoxGrants(ctx, 7)
	s.check(err)
	s.want("left", all, []mailbox.Grant{grant(a, "a", "box:8", 3)})
	s.check(s.s.OpenHeld(ctx, 7))
	_, _, err = s.share.SetGrant(ctx, 7, s.folder("Quarantine").ID, sales, mailbox.Add, 1)
	s.wantErr("what is held", err, mailbox.ErrQuarantine)
}

// An invitation is answered once, by its receiver, in time.
func (s *shares) invitations() {
	ctx := s.Context()
	s.make("a/b", "c")
	name := func(f mailbox.Shared) string { return "S/" + f.Name }
	give := func(id, folder string, reader int64) {
		var f int64
		if folder != "" {
			f = s.folder(folder).ID
		}
		_, _, err := s.share.SetGrantTold(ctx, mailbox.Giving{Grant: grant(f, "", mailbox.BoxWho(reader), mailbox.MayLookUp|mailbox.MayRead)}, nil, nil,
			[]mailbox.Invitation{{ID: id, Box: 7, Folder: f, Reader: reader, Expires: when.Add(time.Hour)}})
		s.check(err)
	}
	answer := func(v int64, id string, now time.Time, a mailbox.Answer) error {
		return s.share.AnswerInvitation(ctx, visitor(v), id, now, a, name)
	}
	give("one", "a", 8)
	before, err := s.share.Latest(ctx, []int64{8})
	s.check(err)
	i, err := s.share.Invitation(ctx, "one", when)
	s.check(err)
	s.want("invitation", []int64{i.Box, i.Folder, i.Reader}, []int64{7, s.folder("a").ID, 8})
	s.wantErr("not his", answer(9, "one", when, mailbox.Accepted), mailbox.ErrNoInvitation)
	s.wantErr("too late", answer(8, "one", when.Add(time.Hour), mailbox.Accepted), mailbox.ErrNoInvitation)
	s.check(answer(8, "one", when, mailbox.Declined))
	s.want("seen", s.seen(8), "a:lr=declined a/b:lr=declined")
	after, err := s.share.Latest(ctx, []int64{8})
	s.check(err)
	s.want("others hear of it", after[8] > before[8], true)
	s.wantErr("twice", answer(8, "one", when, mailbox.Accepted), mailbox.ErrNoInvitation)
	said, err := s.share.Answers(ctx, 7)
	s.check(err)
	s.want("said", len(said), 2)
	s.give("a", mailbox.BoxWho(8), "")
	give("two", "a", 8)
	s.want("asked anew", s.seen(8), "a:lr a/b:lr")
	s.check(s.share.ThinInvitations(ctx, when.Add(time.Hour)))
	s.wantErr("removed", answer(8, "two", when, mailbox.Accepted), mailbox.ErrNoInvitation)
	give("all", "", 9)
	s.check(answer(9, "all", when, mailbox.Declined))
	s.make("new")
	for _, f := range strings.Fields(s.seen(9)) {
		s.want("all of it: "+f, strings.HasSuffix(f, ":lr=declined"), true)
	}
	give("three", "c", 8)
	s.check(s.s.DeleteFolder(ctx, 7, "c"))
	_, err = s.share.Invitation(ctx, "three", when)
	s.wantErr("its folder is gone", err, mailbox.ErrNoInvitation)
}

func (s *shares) whole() {
	ctx := s.Context()
	s.check(s.share.SetGroup(ctx, 7, true))
	s.check(s.share.SetGroup(ctx, 7, true))
	s.check(s.s.OpenHeld(ctx, 7))
	s.give("", sales, "lr")
	s.give("Sent", sales, "i")
	s.want("seen", s.seen(9), "Archive:lr! Drafts:lr! INBOX:lr! Junk:lr! Sent:lri! Trash:lr!")
	r, group, err := s.share.BoxRights(ctx, visitor(9), 7)
	s.check(err)
	s.want("at the root", []any{r, group}, []any{"lr", true})
	r, group, err = s.share.BoxRights(ctx, visitor(9), 9)
	s.check(err)
	s.want("at one's own", []any{r, group}, []any{mailbox.AllRights, false})
	r, err = s.share.Rights(ctx, visitor(9), s.folder("Quarantine").ID)
	s.check(err)
	s.want("what is held", r, "")
	boxes, err := s.share.GroupBoxes(ctx)
	s.check(err)
	s.want("groups", boxes, []int64{7})
	s.check(s.share.SetGroup(ctx, 7, false))
	s.want("seen", s.seen(9), "Archive:lr Drafts:lr INBOX:lr Junk:lr Sent:lri Trash:lr")
}

func (s *shares) gone() {
	ctx := s.Context()
	s.make("a", "b")
	s.give("a", mailbox.BoxWho(8), "lr")
	s.give("b", mailbox.BoxWho(8), "lr")
	s.give("b", mailbox.BoxWho(9), "lr")
	old := s.folder("a").ID
	s.check(s.share.Annotate(ctx, 8, old, []mailbox.Annotation{note("/private/comment", []byte("x"))}))
	s.check(s.s.DeleteFolder(ctx, 7, "a"))
	s.make("a")
	s.want("after the folder was made anew", s.seen(8), "b:lr")
	all, err := s.share.Grants(ctx, 7, old)
	s.check(err)
	s.want("grants of the old", len(all), 0)
	s.check(s.share.SetSender(ctx, 7, mailbox.BoxWho(8), mailbox.SendAs))
	s.check(s.share.DropBox(ctx, 8, when))
	all, err = s.share.BoxGrants(ctx, 7)
	s.check(err)
	s.want("grants after the box of a receiver", all, []mailbox.Grant{grant(s.folder("b").ID, "b", "box:9", 3)})
	who, err := s.share.Senders(ctx, 7)
	s.check(err)
	s.want("senders", len(who), 0)
	s.check(s.share.SetGroup(ctx, 7, true))
	s.check(s.share.DropBox(ctx, 7, when))
	s.want("after the owner's box", s.seen(9), "")
	boxes, err := s.share.GroupBoxes(ctx)
	s.check(err)
	s.want("groups", len(boxes), 0)
}

func (s *shares) senders() {
	ctx := s.Context()
	s.check(s.share.SetSender(ctx, 7, sales, mailbox.SendOnBehalf))
	s.check(s.share.SetSender(ctx, 7, mailbox.Anyone, mailbox.SendAs))
	s.check(s.share.SetSender(ctx, 7, mailbox.Anyone, mailbox.SendOnBehalf))
	all, err := s.share.Senders(ctx, 7)
	s.check(err)
	s.want("senders", all, []mailbox.Sender{{Who: mailbox.Anyone, How: mailbox.SendOnBehalf}, {Who: sales, How: mailbox.SendOnBehalf}})
	s.check(s.share.SetSender(ctx, 7, sales, mailbox.SendAs))
	for n, want := range map[int64]mailbox.Sending{7: mailbox.SendAs, 8: mailbox.SendOnBehalf, 9: mailbox.SendAs} {
		how, err := s.share.MaySend(ctx, visitor(n), 7)
		s.check(err)
		s.want(fmt.Sprint("box ", n, " may send"), how, want)
	}
	s.check(s.share.SetSender(ctx, 7, mailbox.Anyone, mailbox.NoSending))
	how, err := s.share.MaySend(ctx, visitor(8), 7)
	s.check(err)
	s.want("taken back", how, mailbox.NoSending)
}

// carried: what goes into another box is counted there, and its content is referred to
// by both, or by the one that has it.
func (s *shares) carried() {
	ctx := s.Context()
	inbox := s.put("", "x1", 5, `\Seen`).FolderID
	s.put("", "x2", 6)
	s.put("", "x3", 7, "$k")
	_, err := s.s.Copy(ctx, inbox, set(1, 1), inbox) // 4, the same email as 1
	s.check(err)
	s.check(s.s.Expunge(ctx, inbox, set(1, 9)))
	to, err := s.s.Folder(ctx, 8, "INBOX")
	s.check(err)
	done, err := s.share.Carry(ctx, mailbox.Carriage{From: inbox, Set: mailbox.UIDSet{{First: 1, Last: 2}, {First: 4, Last: 9}}, To: to.ID})
	s.check(err)
	s.want("copied", []any{done.UIDValidity, done.From, done.First}, []any{to.UIDValidity, "1:2,4", 1})
	s.want("there", s.index(to.ID), []string{`1:\Seen`, "2:", `3:\Seen`})
	s.want("references", []int{s.refs("x1"), s.refs("x2"), s.refs("x3")}, []int{2, 2, 1})
	s.usage(8, mailbox.Usage{Messages: 3, Bytes: 16})
	whole, err := s.s.Messages(ctx, to.ID, set(1, 3), mailbox.Whole)
	s.check(err)
	s.want("content", []string{whole[0].Blob, whole[1].Blob, whole[2].Blob}, []string{"x1", "x2", "x1"})

	done, err = s.share.Carry(ctx, mailbox.Carriage{From: inbox, Set: set(1, 9), To: to.ID, Move: true})
	s.check(err)
	s.want("moved", []any{done.From, done.First}, []any{"1:4", 4})
	s.want("left", s.index(inbox), []string(nil))
	s.want("there", len(s.index(to.ID)), 7)
	s.usage(8, mailbox.Usage{Messages: 7, Bytes: 39})
	s.usage(7, mailbox.Usage{})
	s.want("references, of what can be brought back too", []int{s.refs("x1"), s.refs("x2"), s.refs("x3")}, []int{3, 3, 2})
	d, err := s.s.Since(ctx, inbox, 0)
	s.check(err)
	s.want("told as expunged", d.Expunged, []mailbox.UID{1, 2, 3, 4})

	_, err = s.share.Carry(ctx, mailbox.Carriage{From: to.ID, Set: set(1, 9), To: 9999})
	s.wantErr("no folder", err, mailbox.ErrNoFolder)
	none, err := s.share.Carry(ctx, mailbox.Carriage{From: inbox, Set: set(1, 9), To: to.ID})
	s.check(err)
	s.want("nothing there", none.From, "")
	s.check(s.share.DropBox(ctx, 8, when))
	s.want("references of what is dropped", []int{s.refs("x1"), s.refs("x2"), s.refs("x3")}, []int{1, 1, 1})
	s.check(s.s.PurgeDeleted(ctx, time.Now().Add(time.Hour)))
	s.want("references at the end", []int{s.refs("x1"), s.refs("x2"), s.refs("x3")}, []int{0, 0, 0})
}

func (s *shares) usage(n int64, want mailbox.Usage) {
	s.Helper()
	got, err := s.s.Usage(s.Context(), n)
	s.check(err)
	s.want(fmt.Sprint("usage of ", n), got, want)
}

func (s *shares) carriedFlags() {
	ctx := s.Context()
	inbox := s.put("", "x1", 5, `\Seen`, `\Deleted`, `\Flagged`, "$k").FolderID
	s.put("", "x1", 5)
	other, err := s.s.Folder(ctx, 8, "Sent")
	s.check(err)
	for rights, want := range map[string]string{"lrs": `\Seen`, "lrt": `\Deleted`, "lrw": `\Flagged $k`, "i": "", "stw": `\Seen \Flagged \Deleted $k`} {
		r, err := mailbox.ParseRights(rights)
		s.check(err)
		for _, to := range []mailbox.Folder{other, s.folder("Sent")} {
			done, err := s.share.Carry(ctx, mailbox.Carriage{From: inbox, Set: set(1, 9), To: to.ID, Fixed: r.Fixed()})
			s.check(err)
			all, err := s.s.Messages(ctx, to.ID, done.To(), mailbox.Row)
			s.check(err)
			s.want("flags with "+rights, []any{all[0].Flags.Append(nil), all[1].Flags.Append(nil)}, []any{[]byte(want), []byte{}})
		}
	}
}

func (s *shares) carriedMany() {
	inbox := s.put("", "x1", 5).FolderID
	to, err := s.s.Folder(s.Context(), 8, "INBOX")
	s.check(err)
	for n := int64(1); n <= mailbox.MaxCarried; n *= 2 {
		_, err := s.s.Copy(s.Context(), inbox, set(1, 1<<32-1), inbox)
		s.check(err)
	}
	_, err = s.share.Carry(s.Context(), mailbox.Carriage{From: inbox, Set: set(1, 1<<32-1), To: to.ID})
	s.wantErr("too many", err, mailbox.ErrTooMany)
	s.usage(8, mailbox.Usage{})
}

func (s *shares) fixed() {
	inbox := s.put("", "x", 1, `\Seen`, "$k").FolderID
	r := mailbox.MayTrash
	_, err := s.s.SetFlags(s.Context(), inbox, set(1, 1), mailbox.FlagChange{Flags: mailbox.Flags{System: mailbox.Deleted | mailbox.Flagged}, Fixed: r.Fixed()})
	s.check(err)
	s.want("flags", s.index(inbox), []string{`1:\Seen \Deleted $k`})
	_, err = s.s.SetFlags(s.Context(), inbox, set(1, 1), mailbox.FlagChange{How: mailbox.Remove, Flags: mailbox.Flags{System: mailbox.Deleted | mailbox.Seen, Keywords: "$k"}, Fixed: r.Fixed()})
	s.check(err)
	s.want("flags", s.index(inbox), []string{`1:\Seen $k`})
}

func (s *shares) annotations() {
	ctx := s.Context()
	inbox := s.folder("INBOX").ID
	value := func(n string) []byte { return []byte(n) }
	s.check(s.share.Annotate(ctx, 7, inbox, []mailbox.Annotation{note("/shared/comment", value("ours\x00")), note("/private/comment", value("mine")), note("/private/x", value(""))}))
	s.check(s.share.Annotate(ctx, 8, inbox, []mailbox.Annotation{note("/private/comment", value("his"))}))
	read := func(n, folder int64) []mailbox.Annotation {
		all, err := s.share.Annotations(ctx, n, folder)
		s.check(err)
		return all
	}
	s.want("of 7", read(7, inbox), []mailbox.Annotation{note("/private/comment", value("mine")), note("/private/x", value("")), note("/shared/comment", value("ours\x00"))})
	s.want("of 8", read(8, inbox), []mailbox.Annotation{note("/private/comment", value("his")), note("/shared/comment", value("ours\x00"))})
	s.want("of the server", len(read(7, 0)), 0)
	s.check(s.share.Annotate(ctx, 7, 0, []mailbox.Annotation{note("/private/comment", value("server"))}))
	s.want("of the server", read(7, 0), []mailbox.Annotation{note("/private/comment", value("server"))})
	s.check(s.share.Annotate(ctx, 7, inbox, []mailbox.Annotation{note("/private/comment", nil), note("/private/x", value("y"))}))
	s.want("of 7", read(7, inbox), []mailbox.Annotation{note("/private/x", value("y")), note("/shared/comment", value("ours\x00"))})
	err := s.share.Annotate(ctx, 7, inbox, []mailbox.Annotation{note("/private/ok", value("1")), note("/private/long", bytes.Repeat([]byte("x"), mailbox.MaxAnnotation+1))})
	s.wantErr("too long", err, mailbox.ErrAnnotationSize)
	var many []mailbox.Annotation
	for n := range mailbox.MaxAnnotations {
		many = append(many, mailbox.Annotation{Entry: fmt.Sprint("/private/", n), Value: value("v")})
	}
	s.wantErr("too many", s.share.Annotate(ctx, 7, inbox, many), mailbox.ErrAnnotations)
	s.want("all or none", len(read(7, inbox)), 2)
	s.wantErr("no folder", s.share.Annotate(ctx, 7, 999, nil), mailbox.ErrNoFolder)
}
