package test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/test/load"
	"gatepost/test/machine"
	"gatepost/test/rounds"
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
// 250 is there exactly once, byte for byte, and so it is in the archive.
func TestKill(t *testing.T) {
	t.Parallel()
	killUnderLoad(t, start(t), rounds.Of(t, 15))
}

func killUnderLoad(t *testing.T, m *machine.Machine, rounds int) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	l := &ledger{taken: map[string][]byte{}}
	run(t, m, "", "domain", "set", "test.example", "--archive-days", "30")
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
	verifyArchive(t, m, l)
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
	seen := sightings{}
	err := load.FetchAll(m.IMAP, address, password, "INBOX", func(content []byte) { seen.add(t, l, content) })
	if err != nil {
		t.Fatal(err)
	}
	seen.hold(t, l)
}

// verifyArchive is verify for what the archive of the domain has.
func verifyArchive(t *testing.T, m *machine.Machine, l *ledger) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "all.zip")
	run(t, m, "", "archive", "export", "test.example", file)
	z, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	seen := sightings{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if len(content) > 0 { // no folder
			seen.add(t, l, content)
		}
	}
	seen.hold(t, l)
}

// sightings is how often messages were seen, by token.
type sightings map[string]int

func (s sightings) add(t *testing.T, l *ledger, content []byte) {
	t.Helper()
	_, rest, _ := bytes.Cut(content, []byte("X-Token: "))
	token, _, _ := bytes.Cut(rest, []byte("\r\n"))
	s[string(token)]++
	if want := l.taken[string(token)]; want != nil && !bytes.HasSuffix(content, want) {
		t.Errorf("%s is not what was sent", token)
	}
}

func (s sightings) hold(t *testing.T, l *ledger) {
	t.Helper()
	for token := range l.taken {
		if s[token] != 1 {
			t.Errorf("%s was taken with 250 and is there %d times", token, s[token])
		}
	}
	t.Logf("%d taken, %d there", len(l.taken), len(s))
	if len(l.taken) == 0 {
		t.Error("nothing was taken at all")
	}
}
