package test

import (
	"bufio"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/test/machine"
)

func TestBackup(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) { testBackup(t) })
	t.Run("postgres", func(t *testing.T) {
		p, dsn := postgres(t)
		other, err := p.Database()
		if err != nil {
			t.Fatal(err)
		}
		testBackup(t, "store.dsn="+dsn, "store.dsn="+other)
	})
}

// Backups are made while mail comes and is moved about; the process is killed during the last
// of them. What was acknowledged before a backup began is in what is restored of it, octet for
// octet, and the store's own check finds nothing. sets are the old node's, and the new one's.
func testBackup(t *testing.T, sets ...string) {
	var own, its []string
	if len(sets) > 0 {
		own, its = sets[:1], sets[1:]
	}
	m := start(t, own...)
	to := filepath.Join(t.TempDir(), "backup")
	l := &ledger{taken: map[string][]byte{}}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 4 {
		r := rand.New(rand.NewPCG(7, uint64(i)))
		wg.Go(func() { pour(m.SMTP, fmt.Sprint("c", i), r, l, stop) })
	}
	wg.Go(func() { moveAbout(m.IMAP, stop) })
	until(t, 30*time.Second, "mail is taken", func() bool { return l.size() > 30 })
	var before *ledger
	for range 2 {
		size := l.size()
		before = l.copy()
		run(t, m, "", "backup", to, "--keep", "1")
		until(t, 30*time.Second, "mail is taken after it", func() bool { return l.size() > size })
	}
	// Killed at some moment of a third one: on a fast disk it may have come to its end.
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		m.Try("", "backup", to, "--keep", "1")
	}()
	until(t, 30*time.Second, "the backup is begun", func() bool {
		left, err := os.ReadDir(filepath.Join(to, "tmp"))
		return err == nil && len(left) > 0 || isClosed(asked)
	})
	m.Kill()
	close(stop)
	wg.Wait()
	<-asked

	n, err := machine.New(bin, filepath.Join(t.TempDir(), "restored"))
	if err != nil {
		t.Fatal(err)
	}
	n.Sets = append(append([]string{}, m.Sets[:1]...), its...)
	run(t, n, "", "restore", to, "--to", n.Dir)
	if out, err := n.Run("", "check", "store"); err != nil {
		t.Errorf("check store: %v\n%s", err, out)
	}
	if out, err := n.Run("", "restore", to, "--to", n.Dir); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("restored twice: %s %v", out, err)
	}
	if err := n.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Kill)
	verify(t, n, before)
	if err := n.Stop(); err != nil {
		t.Error(err)
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (l *ledger) copy() *ledger {
	l.mu.Lock()
	defer l.mu.Unlock()
	return &ledger{taken: maps.Clone(l.taken)}
}

// moveAbout changes flags and copies and moves messages over one connection until stop is
// closed. The inbox keeps what it has.
func moveAbout(addr string, stop <-chan struct{}) {
	c, err := net.DialTimeout("tcp", addr, time.Minute)
	if err != nil {
		return
	}
	defer c.Close()
	in := bufio.NewReader(c)
	say := func(command string) bool {
		c.SetDeadline(time.Now().Add(time.Minute))
		fmt.Fprintf(c, "a %s\r\n", command)
		for {
			line, err := in.ReadString('\n')
			if err != nil || strings.HasPrefix(line, "a ") {
				return err == nil
			}
		}
	}
	ok := say(fmt.Sprintf("LOGIN %s %q", address, password))
	for n := 1; ok && !isClosed(stop); n++ {
		ok = say("SELECT INBOX") && say(fmt.Sprintf(`STORE %d +FLAGS (\Seen $n%d)`, n%20+1, n%5)) && say(fmt.Sprintf("COPY %d:%d Archive", n%20+1, n%20+4)) &&
			say("SELECT Archive") && say("MOVE 1:2 Trash") && say("SELECT Trash") && say(`STORE 1 +FLAGS (\Deleted)`) && say("EXPUNGE")
	}
}
