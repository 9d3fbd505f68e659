package intake_test

import (
	"context"
	"testing"

	"gatepost/internal/directory"
	"gatepost/internal/intake"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
)

// local is a LocalStore.
type local struct {
	commits []*intake.Commit
	race    func() error // nil: nobody is faster
}

func (l *local) CommitLocal(_ context.Context, _ *queue.Transfer, c *intake.Commit, _ []int64) error {
	if l.race != nil {
		if err := l.race(); err != nil {
			return err
		}
	}
	l.commits = append(l.commits, c)
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
