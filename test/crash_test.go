package test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/test/load"
	"gatepost/test/machine"
)

// A ledger is what the clients were told: the content of each message that got
// a 250, by its token.
type ledger struct {
	mu    sync.Mutex
	taken map[string][]byte
}

func (l *ledger) add(token string, content []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken[token] = content
}

// letter makes a message of some size that is known by its token.
func letter(r *rand.Rand, token string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "From: <sender@elsewhere.example>\r\nTo: <%s>\r\nSubject: letter\r\nX-Token: %s\r\n\r\n", address, token)
	for range 1 + r.IntN(200) {
		fmt.Fprintf(&b, "%x\r\n", r.Uint64())
	}
	if r.IntN(4) == 0 { // past what is kept in memory
		b.WriteString(strings.Repeat(strings.Repeat("x", 98)+"\r\n", 8000))
	}
	return b.Bytes()
}

// pour sends letters over one connection after another until stop is closed, and
// notes those that were taken.
func pour(addr, name string, r *rand.Rand, l *ledger, stop <-chan struct{}) {
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		default:
		}
		c, err := load.Dial(addr, "client.example")
		if err != nil {
			time.Sleep(5 * time.Millisecond)
			continue
		}
		for i := range 10 {
			token := fmt.Sprintf("%s-%d-%d", name, n, i)
			content := letter(r, token)
			code, _, err := c.Send("sender@elsewhere.example", []string{address}, content)
			if err != nil {
				break
			}
			if code == 250 {
				l.add(token, content)
			}
		}
		c.Close()
	}
}

// SIGKILL at random moments, under load from 20 connections: every message with a
// 250 is there exactly once, byte for byte.
func TestKill(t *testing.T) {
	rounds := 50
	if testing.Short() {
		rounds = 5
	}
	killUnderLoad(t, start(t), rounds)
}

func killUnderLoad(t *testing.T, m *machine.Machine, rounds int) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	l := &ledger{taken: map[string][]byte{}}
	for round := range rounds {
		if round > 0 {
			if err := m.Start(); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
		}
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for i := range 20 {
			own := rand.New(rand.NewPCG(seed, uint64(round*100+i+1)))
			wg.Go(func() { pour(m.SMTP, fmt.Sprintf("%d-%d", round, i), own, l, stop) })
		}
		if round == 0 { // on a slow machine each kill would come before anything was taken
			until(t, 30*time.Second, "mail is taken", func() bool { return l.size() > 0 })
		}
		time.Sleep(time.Duration(20+r.IntN(400)) * time.Millisecond)
		m.Kill()
		close(stop)
		wg.Wait()
	}
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	verify(t, m, l)
	if err := m.Stop(); err != nil {
		t.Error(err)
	}
	if out, err := m.Run("", "check", "store"); err != nil {
		t.Errorf("check store: %v\n%s", err, out)
	}
}

// verify reads the mailbox and holds it against the ledger. A message that was
// sent and never answered may be there too: the client was told nothing.
func verify(t *testing.T, m *machine.Machine, l *ledger) {
	t.Helper()
	seen := map[string]int{}
	err := load.FetchAll(m.IMAP, address, password, "INBOX", func(content []byte) {
		_, rest, _ := bytes.Cut(content, []byte("X-Token: "))
		token, _, _ := bytes.Cut(rest, []byte("\r\n"))
		seen[string(token)]++
		if want := l.taken[string(token)]; want != nil && !bytes.HasSuffix(content, want) {
			t.Errorf("%s is not what was sent", token)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for token := range l.taken {
		if seen[token] != 1 {
			t.Errorf("%s was taken with 250 and is there %d times", token, seen[token])
		}
	}
	t.Logf("%d taken, %d there", len(l.taken), len(seen))
	if len(l.taken) == 0 {
		t.Error("nothing was taken at all")
	}
}
