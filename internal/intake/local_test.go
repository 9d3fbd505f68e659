package intake_test

import (
	"context"
	"slices"
	"testing"

	"gatepost/internal/directory"
	"gatepost/internal/intake"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
)

// local is a LocalStore.
type local struct {
	commits []*intake.Commit
	left    [][]int64
	race    func() error // nil: nobody is faster
}

func (l *local) CommitLocal(_ context.Context, _ *queue.Transfer, c *intake.Commit, left []int64) error {
	if l.race != nil {
		if err := l.race(); err != nil {
			return err
		}
	}
	l.commits, l.left = append(l.commits, c), append(l.left, left)
	return nil
}

// What the node writes by itself goes where its recipient's mail goes, but through no
// list that would not take it: strangers choose to whom reports and bounces go.
func TestLocalLists(t *testing.T) {
	w, _, dir := newOutWorld(t)
	for address, who := range map[mail.Path]directory.Posting{"open@late.example": directory.PostAll, "closed@late.example": directory.PostMembers} {
		_, err := dir.AddAlias(t.Context(), directory.Alias{
			Address: address, Kind: directory.Distribution, Post: who, Owner: "none@late.example", Targets: []mail.Path{"none@late.example", "bob@elsewhere.example"},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	store := &local{}
	carrier := intake.Local{In: w.Intake, Store: store}
	for _, c := range []struct {
		sender, to mail.Path
		want       string // status code
		commits    int
	}{
		{"", "open@late.example", "2.1.5", 1},
		{"", "closed@late.example", "5.7.2", 0},
		{"stranger@elsewhere.example", "closed@late.example", "5.7.2", 0},
		{"bob@elsewhere.example", "closed@late.example", "2.1.5", 1},
		{"", "none@late.example", "2.1.5", 1},
	} {
		store.commits = nil
		m := &queue.Message{ID: "m", Sender: c.sender}
		job := queue.Job{Destination: queue.Local, Message: m, Content: mail.NewMessage([]byte(letter)), Transfers: []*queue.Transfer{{Message: m, Recipient: c.to, Destination: queue.Local}}}
		got := carrier.Carry(t.Context(), job).Results[0]
		if got.Reply.Enhanced != c.want || len(store.commits) != c.commits {
			t.Errorf("<%s> to %s: %s %s after %d commits, want %s after %d", c.sender, c.to, got.Fate, got.Reply.Enhanced, len(store.commits), c.want, c.commits)
		}
	}
}

// Of mailboxes that a transfer names some may be closed, or removed, while it waits: the others get their
// copy, and of those it is told that they don't.
func TestLocalClosed(t *testing.T) {
	w, _, dir := newOutWorld(t)
	var ids []int64
	for _, address := range []mail.Path{"one@late.example", "two@late.example", "three@late.example"} {
		m, err := dir.AddMailbox(t.Context(), directory.Mailbox{Address: address}, "")
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, m.ID)
	}
	if _, err := dir.ChangeMailbox(t.Context(), "two@late.example", func(m *directory.Mailbox) error { m.State = directory.Closed; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := dir.RemoveMailbox(t.Context(), "three@late.example"); err != nil {
		t.Fatal(err)
	}
	store := &local{}
	carrier := intake.Local{In: w.Intake, Store: store}
	m := &queue.Message{ID: "m", Sender: "bob@elsewhere.example"}
	transfer := &queue.Transfer{Message: m, Recipient: "all@late.example", Destination: queue.Local, Boxes: ids}
	job := queue.Job{Destination: queue.Local, Message: m, Content: mail.NewMessage([]byte(letter)), Transfers: []*queue.Transfer{transfer}}
	got := carrier.Carry(t.Context(), job).Results[0]
	if got.Fate != queue.Refused || got.Reply.Enhanced != "5.2.1" {
		t.Errorf("two of three are closed: %s %s, want refused 5.2.1", got.Fate, got.Reply.Enhanced)
	}
	if len(store.commits) != 1 || len(store.commits[0].Deliveries) != 1 || !slices.Equal(store.left[0], ids[1:]) || !slices.Equal(transfer.Boxes, ids[1:]) {
		t.Errorf("%d commits, left %v, the row names %v; want one that leaves %v", len(store.commits), store.left, transfer.Boxes, ids[1:])
	}
	got = carrier.Carry(t.Context(), job).Results[0]
	if got.Fate != queue.Refused || len(store.commits) != 1 {
		t.Errorf("only closed ones are left: %s after %d commits", got.Fate, len(store.commits))
	}
}
