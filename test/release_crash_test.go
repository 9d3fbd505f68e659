package test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/test/machine"
)

// SIGKILL at random moments while all that is held is released and digests are sent: each
// message is released once or held still, and no digest tells of one that another told of.
func TestKillReleases(t *testing.T) {
	t.Parallel()
	held, rounds := 120, 8
	if testing.Short() {
		held, rounds = 30, 2
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	m := prepare(t, releaseConfig, flowZone)
	m.Sets = append(m.Sets, "web.url=http://"+m.Web)
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	ann := domain(t, m, "test.example")
	ids := holdMany(t, m, held, ann)
	for round := range rounds {
		var acts sync.WaitGroup
		for _, line := range [][]string{
			{"quarantine", "digest", ann, "--send"},
			append([]string{"quarantine", "release"}, ids[round*held/rounds:(round+1)*held/rounds]...),
			{"quarantine", "release", ids[0], ids[r.IntN(held)]},
		} {
			acts.Go(func() { m.Try("", line...) }) // what it says is lost with the server
		}
		time.Sleep(time.Duration(5+r.IntN(150)) * time.Millisecond)
		m.Kill()
		acts.Wait()
		if err := m.Start(); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		onceEach(t, m, ann, held)
	}
	for _, id := range ids {
		if heldState(t, m, id) == "held" {
			run(t, m, "", "quarantine", "release", id)
		}
	}
	if told := onceEach(t, m, ann, held); told == 0 {
		t.Error("no digest told of anything")
	}
	if left := asked[[]row](t, m, "quarantine", "list"); len(left) > 0 {
		t.Errorf("still held: %+v", left)
	}
	if out, err := m.Run("", "check", "store"); err != nil {
		t.Errorf("check store: %v\n%s", err, out)
	}
}

// holdMany sends messages that are held, "kept 0." and so on, and returns their ids.
func holdMany(t *testing.T, m *machine.Machine, n int, to string) (ids []string) {
	t.Helper()
	for i := range n {
		mailFrom(t, m, goodClient, sender, note(fmt.Sprintf("kept %d.", i), "a pest"), to).id(t)
	}
	for _, h := range asked[[]row](t, m, "quarantine", "list", "--limit", "500") {
		ids = append(ids, h.ID)
	}
	if len(ids) != n {
		t.Fatalf("%d held, want %d", len(ids), n)
	}
	return ids
}

// onceEach holds the quarantine's states against the inbox: what is released is there once,
// what is held is not, and at most one digest names a message. It returns how many are named.
func onceEach(t *testing.T, m *machine.Machine, ann string, held int) (named int) {
	t.Helper()
	inbox := box(t, m, ann, "INBOX")
	state := map[string]string{}
	for _, h := range asked[[]row](t, m, "quarantine", "list", "--state", "any", "--limit", "500") {
		state[h.Subject] = h.State
	}
	for i := range held {
		subject := fmt.Sprintf("kept %d.", i)
		want := 0
		if state[subject] == "released" {
			want = 1
		}
		told, got := 0, len(withSubject(inbox, subject))
		for _, mail := range inbox {
			if strings.Contains(mail, "\r\nAuto-Submitted:") && strings.Contains(mail, subject) {
				told++
			}
		}
		named += told
		if got != want || told > 1 {
			t.Errorf("%s is %s, %d times in the inbox, in %d digests", subject, state[subject], got, told)
		}
	}
	return named
}
