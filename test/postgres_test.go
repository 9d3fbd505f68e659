package test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/test/machine"
	servers "gatepost/test/peer"
	"gatepost/test/rounds"
)

// postgres returns a private server whose commits are synced, and a database of it.
func postgres(t *testing.T) (p *servers.Postgres, dsn string) {
	t.Helper()
	p, err := servers.NewPostgres(true)
	if errors.Is(err, servers.ErrMissing) && os.Getenv("TEST_POSTGRES") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	if dsn, err = p.Database(); err != nil {
		t.Fatal(err)
	}
	return p, dsn
}

// TestKill over PostgreSQL, which goes on meanwhile.
func TestKillOverPostgres(t *testing.T) {
	t.Parallel()
	_, dsn := postgres(t)
	killUnderLoad(t, start(t, "store.dsn="+dsn), rounds.Of(t, 6))
}

// SIGKILL to PostgreSQL and all its sessions at random moments, under load: the node
// answers 4yz until it is back, and every message with a 250 is there exactly once.
func TestKillPostgres(t *testing.T) {
	t.Parallel()
	p, dsn := postgres(t)
	m := start(t, "store.dsn="+dsn)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	l := &ledger{taken: map[string][]byte{}}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 10 {
		own := rand.New(rand.NewPCG(seed, uint64(i+1)))
		wg.Go(func() { pour(m.SMTP, fmt.Sprintf("c%d", i), own, l, stop) })
	}
	for range rounds.Of(t, 5) {
		before := l.size()
		time.Sleep(time.Duration(20+r.IntN(400)) * time.Millisecond)
		p.Kill()
		time.Sleep(time.Duration(r.IntN(200)) * time.Millisecond)
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		until(t, time.Minute, "mail is taken again", func() bool { return l.size() > before })
	}
	close(stop)
	wg.Wait()
	until(t, time.Minute, "ready", func() bool { status, _ := ready(t, m); return status == 200 })
	verify(t, m, l)
	if err := m.Stop(); err != nil {
		t.Error(err)
	}
	if out, err := m.Run("", "check", "store"); err != nil {
		t.Errorf("check store: %v\n%s", err, out)
	}
}

func (l *ledger) size() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.taken)
}

// While the database is gone, for a minute, clients hear 4yz, people that it is for a while, and /readyz says why; then
// all goes on by itself. A second node is told who has it.
func TestPostgresAway(t *testing.T) {
	t.Parallel()
	p, dsn := postgres(t)
	submission := freePort(t)
	m := start(t, "store.dsn="+dsn, "listen.submission="+submission)
	other, err := machine.New(bin, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	other.Sets = m.Sets
	if _, errs, status := other.Try("", "domain", "list"); status == 0 || !strings.Contains(errs, "in use by another node") || !strings.Contains(errs, m.Dir) {
		t.Errorf("a second node: status %d, %s", status, errs)
	}
	content := letter(rand.New(rand.NewPCG(1, 1)), "away")
	if said := offer(t, m, content); said != "" {
		t.Fatal(said)
	}
	people := openDoors(t, m, submission)
	p.Kill()
	// A minute of it, and also when it is known.
	for n, end := 0, time.Now().Add(time.Minute); n < 3 || time.Now().Before(end); n++ {
		if n > 0 {
			time.Sleep(2 * time.Second)
		}
		if said := offer(t, m, content); !strings.HasPrefix(said, "4") {
			t.Errorf("without the database the client heard %q", said)
		}
		if n < 3 {
			people.away()
		}
	}
	until(t, time.Minute, "not ready", func() bool { status, says := ready(t, m); return status == 503 && strings.Contains(says, "PostgreSQL") })
	if _, says := get(t, m, "/metrics"); !strings.Contains(says, "gatepost_store_up 0") {
		t.Error("the metric does not tell")
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, time.Minute, "ready", func() bool { status, _ := ready(t, m); return status == 200 })
	if said := offer(t, m, content); said != "" {
		t.Error(said)
	}
	people.back()
	until(t, time.Minute, "the log says that it is back", func() bool { return strings.Contains(m.Output.String(), "mail can be stored again") })
	people.brief()
	if _, says := get(t, m, "/metrics"); !strings.Contains(says, "gatepost_store_up 1") {
		t.Error("the metric does not tell that it is back")
	}
	if out, err := m.Run("", "check", "store"); err != nil {
		t.Errorf("check store: %v\n%s", err, out)
	}
}
