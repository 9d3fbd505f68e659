package storetest

import (
	"fmt"
	"slices"
	"time"

	"gatepost/internal/directory"
	"gatepost/mailbox"
)

// sendNote is what is noted of a request.
func sendNote() *directory.Note {
	return &directory.Note{Time: when, Who: "seven", What: directory.NoteSending, Whom: "seven", About: "eight"}
}

// ask asks for box 8 or another to send for box 7, or, by 0, for nobody.
func (s *shares) ask(id string, asker, box int64, address string, at time.Time) (reached bool, err error) {
	return s.share.AskToSend(s.Context(), mailbox.SendRequest{
		ID: id, Asker: asker, Address: address, Box: box, How: mailbox.SendOnBehalf, Asked: at, Expires: at.Add(mailbox.SendRequestFor),
	}, sendNote())
}

// asked fails where other requests wait for an answer.
func (s *shares) asked(what string, q mailbox.SendRequestQuery, at time.Time, want ...string) {
	s.Helper()
	all, err := s.share.SendRequests(s.Context(), q, at)
	s.check(err)
	got := []string{}
	for _, r := range all {
		got = append(got, r.ID)
	}
	if !slices.Equal(got, want) {
		s.Errorf("%s: %q wait, want %q", what, got, want)
	}
}

// sendRequests: what reaches nobody is kept and counted as the others are.
func (s *shares) sendRequests() {
	to, by := mailbox.SendRequestQuery{Boxes: []int64{7, 6}}, mailbox.SendRequestQuery{Asker: 8}
	for i, step := range []struct {
		box     int64
		address string
		reached bool
		err     error
	}{
		{7, "seven@example.org", true, nil},
		{7, "seven@example.org", false, mailbox.ErrAsked},
		{7, "alias@example.org", false, nil}, // the same mailbox again
		{0, "none@example.org", false, nil},
		{0, "none@example.org", false, mailbox.ErrAsked},
		{9, "nine@example.org", true, nil},
		{0, "nobody@example.org", false, nil},
		{9, "more@example.org", false, mailbox.ErrTooMany},
		{0, "less@example.org", false, mailbox.ErrTooMany},
	} {
		reached, err := s.ask(fmt.Sprint("r", i), 8, step.box, step.address, when)
		if step.err == nil {
			s.check(err)
		} else {
			s.wantErr(step.address, err, step.err)
		}
		s.want("reached by "+step.address, reached, step.reached)
	}
	s.asked("for 7", to, when, "r0")
	s.asked("of 8", by, when, "r0", "r2", "r3", "r5", "r6")
	s.asked("of all", mailbox.SendRequestQuery{}, when, "r0", "r5")
	r, err := s.share.SendRequest(s.Context(), "r0", when)
	s.check(err)
	s.want("as it was asked", r, mailbox.SendRequest{
		ID: "r0", Asker: 8, Address: "seven@example.org", Box: 7, How: mailbox.SendOnBehalf, Asked: when, Expires: when.Add(mailbox.SendRequestFor),
	})
	_, err = s.share.SendRequest(s.Context(), "r3", when)
	s.wantErr("nobody's", err, mailbox.ErrNoSendRequest)

	later := when.Add(mailbox.SendRequestFor)
	s.asked("too late", to, later)
	_, err = s.share.SendRequest(s.Context(), "r0", later)
	s.wantErr("too late", err, mailbox.ErrNoSendRequest)
	s.wantErr("too late", s.share.AnswerSendRequest(s.Context(), "r0", true, later, sendNote()), mailbox.ErrNoSendRequest)
	reached, err := s.ask("again", 8, 7, "seven@example.org", later)
	s.check(err)
	s.want("asked again later", reached, true)
	for i := range int64(mailbox.MaxSendRequestsTo) { // one more than there is room for
		reached, err := s.ask(fmt.Sprint("crowd", i), 100+i, 7, "seven@example.org", later)
		s.check(err)
		s.want("one of many", reached, i < mailbox.MaxSendRequestsTo-1)
	}
	s.check(s.share.ThinSendRequests(s.Context(), later.Add(mailbox.SendRequestFor)))
	s.asked("removed", to, later)
}

// sendTakenBack: what its asker takes back nobody answers; it counts as asked, and leaves no room to ask others.
func (s *shares) sendTakenBack() {
	ctx := s.Context()
	_, err := s.ask("a", 8, 7, "seven@example.org", when)
	s.check(err)
	r, err := s.share.SendRequest(ctx, "a", when)
	s.check(err)
	another := r
	another.Asker = 9
	s.wantErr("another's", s.share.TakeSendRequestBack(ctx, another, when, sendNote()), mailbox.ErrNoSendRequest)
	s.wantErr("too late", s.share.TakeSendRequestBack(ctx, r, r.Expires, sendNote()), mailbox.ErrNoSendRequest)
	s.asked("not taken back", mailbox.SendRequestQuery{Asker: 8}, when, "a")
	s.check(s.share.TakeSendRequestBack(ctx, r, when, sendNote()))
	s.asked("taken back", mailbox.SendRequestQuery{}, when)
	s.wantErr("twice", s.share.TakeSendRequestBack(ctx, r, when, sendNote()), mailbox.ErrNoSendRequest)
	s.wantErr("answered", s.share.AnswerSendRequest(ctx, "a", true, when, sendNote()), mailbox.ErrNoSendRequest)
	_, err = s.ask("b", 8, 7, "seven@example.org", when)
	s.wantErr("asked again", err, mailbox.ErrAsked)
	reached, err := s.ask("c", 8, 7, "alias@example.org", when)
	s.check(err)
	s.want("asked in another way", reached, false)
	nobodys := mailbox.SendRequest{ID: "c", Asker: 8}
	s.check(s.share.TakeSendRequestBack(ctx, nobodys, when, nil))
	for i := range mailbox.MaxSendRequests - 2 {
		_, err = s.ask(fmt.Sprint("more", i), 8, int64(20+i), fmt.Sprintf("more%d@example.org", i), when)
		s.check(err)
	}
	_, err = s.ask("full", 8, 40, "full@example.org", when)
	s.wantErr("one too many", err, mailbox.ErrTooMany)
}

// sendAnswers: a request is answered once; what was declined is not asked again soon, and nothing makes less of what one may.
func (s *shares) sendAnswers() {
	ctx := s.Context()
	may := func(want mailbox.Sending) {
		s.Helper()
		how, err := s.share.MaySend(ctx, visitor(8), 7)
		s.check(err)
		s.want("8 may", how, want)
	}
	ask := func(id string) error {
		_, err := s.ask(id, 8, 7, "seven@example.org", when)
		return err
	}
	s.check(ask("a"))
	s.check(s.share.AnswerSendRequest(ctx, "a", true, when, sendNote()))
	may(mailbox.SendOnBehalf)
	s.wantErr("twice", s.share.AnswerSendRequest(ctx, "a", false, when, sendNote()), mailbox.ErrNoSendRequest)
	s.check(s.share.SetSenderNoted(ctx, 7, mailbox.BoxWho(8), mailbox.SendAs, sendNote()))
	s.check(ask("b"))
	s.check(s.share.AnswerSendRequest(ctx, "b", true, when, sendNote()))
	may(mailbox.SendAs)
	s.check(s.share.SetSenderNoted(ctx, 7, mailbox.BoxWho(8), mailbox.NoSending, sendNote()))
	s.check(ask("c"))
	s.check(s.share.AnswerSendRequest(ctx, "c", false, when, sendNote()))
	may(mailbox.NoSending)
	s.asked("declined", mailbox.SendRequestQuery{Asker: 8}, when)
	s.wantErr("asked after a no", ask("d"), mailbox.ErrAsked)
	reached, err := s.ask("e", 8, 7, "alias@example.org", when)
	s.check(err)
	s.want("asked after a no, in another way", reached, false)
	_, err = s.ask("f", 9, 7, "seven@example.org", when)
	s.check(err)
	s.check(s.share.DropBox(ctx, 9, when))
	s.asked("after the asker's box", mailbox.SendRequestQuery{Boxes: []int64{7}}, when)
	_, err = s.ask("g", 9, 8, "eight@example.org", when)
	s.check(err)
	s.check(s.share.DropBox(ctx, 8, when))
	s.asked("after the box", mailbox.SendRequestQuery{Asker: 9}, when)
}
