package storetest

import (
	"slices"
	"strings"

	"gatepost/mailbox"
)

// What a reader answers holds for a folder and all beneath it, or for a whole box, and for nobody else.
func (s *shares) answers() {
	ctx := s.Context()
	s.make("a", "a/b", "ab")
	for _, n := range []string{"a", "a/b", "ab"} {
		s.give(n, mailbox.Anyone, "lr")
	}
	name := func(f mailbox.Shared) string { return "S/" + f.Name }
	s.check(s.share.AnswerShare(ctx, visitor(8), s.folder("a").ID, mailbox.Accepted, name))
	s.want("seen by 8", s.seen(8), "a:lr=accepted a/b:lr=accepted ab:lr")
	s.want("seen by 9", s.seen(9), "a:lr a/b:lr ab:lr")
	names, err := s.s.Subscriptions(ctx, 8)
	s.check(err)
	s.want("subscribed", []bool{slices.Contains(names, "S/a"), slices.Contains(names, "S/a/b"), slices.Contains(names, "S/ab")}, []bool{true, true, false})
	s.check(s.share.AnswerShare(ctx, visitor(8), s.folder("a/b").ID, mailbox.Declined, name))
	s.want("seen by 8", s.seen(8), "a:lr=accepted a/b:lr=declined ab:lr")
	names, err = s.s.Subscriptions(ctx, 8)
	s.check(err)
	s.want("subscribed", slices.Contains(names, "S/a/b"), false)
	s.check(s.share.AnswerShare(ctx, visitor(8), s.folder("a/b").ID, mailbox.Offered, name))
	s.want("seen by 8", s.seen(8), "a:lr=accepted a/b:lr ab:lr")
	s.wantErr("to nobody's", s.share.AnswerShare(ctx, visitor(8), s.folder("Junk").ID, mailbox.Accepted, name), mailbox.ErrNoFolder)
	before, err := s.share.Latest(ctx, []int64{8})
	s.check(err)
	s.check(s.share.AnswerBox(ctx, visitor(8), 7, mailbox.Declined, name))
	s.want("seen by 8", s.seen(8), "a:lr=declined a/b:lr=declined ab:lr=declined")
	s.want("seen by 9", s.seen(9), "a:lr a/b:lr ab:lr")
	after, err := s.share.Latest(ctx, []int64{8})
	s.check(err)
	s.want("who watches 8 hears of it", after[8] > before[8], true)
	s.want("subscribed to what is declined", s.subscribedTo(8), "")
	some := func(f mailbox.Shared) string { return strings.TrimSuffix(name(f), "S/ab") }
	s.check(s.share.AnswerBox(ctx, visitor(8), 7, mailbox.Accepted, some))
	s.want("what has no name is left out", s.seen(8), "a:lr=accepted a/b:lr=accepted ab:lr=declined")
	s.want("subscribed to what has a name", s.subscribedTo(8), "S/a S/a/b")
	s.wantErr("to a box of which nothing is shared", s.share.AnswerBox(ctx, visitor(8), 9, mailbox.Accepted, name), mailbox.ErrNoFolder)
}

// subscribedTo are the folders of others that a box subscribes to.
func (s *shares) subscribedTo(box int64) string {
	s.Helper()
	names, err := s.s.Subscriptions(s.Context(), box)
	s.check(err)
	names = slices.DeleteFunc(names, func(n string) bool { return !strings.HasPrefix(n, "S/") })
	slices.Sort(names)
	return strings.Join(names, " ")
}
