package app

import (
	"context"
	"testing"
)

// What learns ends after what teaches it.
func TestLearningEndsLast(t *testing.T) {
	late := map[string]bool{}
	for _, s := range (&App{}).chores() {
		if s.late {
			late[s.name] = true
		}
	}
	if len(late) != 2 || !late["learning"] || !late["bayes"] {
		t.Fatalf("late are %v", late)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var ends []string
	taught := make(chan struct{})
	err := runAll(ctx, []service{
		{name: "learning", late: true, run: func(ctx context.Context) error {
			<-ctx.Done()
			<-taught
			ends = append(ends, "learning")
			return nil
		}},
		{name: "listener", run: func(ctx context.Context) error {
			cancel()
			<-ctx.Done()
			ends = append(ends, "listener")
			close(taught)
			return nil
		}},
	})
	if err != nil || len(ends) != 2 || ends[1] != "learning" {
		t.Errorf("%v, %v", ends, err)
	}
}
