package test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gatepost/test/machine"
)

// smallDisk mounts a file system of some MiB and returns where; the test is skipped
// where that is not permitted.
func smallDisk(t *testing.T, kind string, mib int) string {
	t.Helper()
	dir := t.TempDir()
	point := filepath.Join(dir, "disk")
	if err := os.Mkdir(point, 0o700); err != nil {
		t.Fatal(err)
	}
	mount := []string{"mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%dm", mib), "tmpfs", point}
	if kind != "tmpfs" {
		image := filepath.Join(dir, "image")
		if err := errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, int64(mib)<<20)); err != nil {
			t.Fatal(err)
		}
		if out, err := runs(t, "mkfs."+kind, "-q", image).CombinedOutput(); err != nil {
			t.Skipf("mkfs.%s: %v\n%s", kind, err, out)
		}
		mount = []string{"mount", "-o", "loop", image, point}
	}
	if out, err := runs(t, mount[0], mount[1:]...).CombinedOutput(); err != nil {
		t.Skipf("mounting is not permitted: %v\n%s", err, out)
	}
	t.Cleanup(func() {
		if out, err := runs(t, "umount", point).CombinedOutput(); err != nil {
			t.Errorf("umount: %v\n%s", err, out)
		}
	})
	return point
}

// free returns how many octets are left on a disk.
func free(t *testing.T, disk string) int64 {
	t.Helper()
	var s syscall.Statfs_t
	if err := syscall.Statfs(disk, &s); err != nil {
		t.Fatal(err)
	}
	return int64(s.Bavail) * s.Bsize
}

// ballast fills a disk until left octets are free, or none.
func ballast(t *testing.T, disk string, left int64) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(disk, "ballast"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 64<<10)
	for free(t, disk) > left {
		n := min(int64(len(b)), max(free(t, disk)-left, 1))
		if _, err := f.Write(b[:n]); errors.Is(err, syscall.ENOSPC) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		f.Sync()
	}
}

func unload(t *testing.T, disk string) {
	t.Helper()
	if err := os.Remove(filepath.Join(disk, "ballast")); err != nil {
		t.Fatal(err)
	}
}

// expunge deletes the first message of the inbox and returns what the server said.
func expunge(t *testing.T, m *machine.Machine) (says string) {
	t.Helper()
	c, err := net.Dial("tcp", m.IMAP)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	r := bufio.NewReader(c)
	for _, line := range []string{"LOGIN " + address + ` "` + password + `"`, "SELECT INBOX", `STORE 1 +FLAGS (\Deleted)`, "EXPUNGE"} {
		fmt.Fprintf(c, "a %s\r\n", line)
		for {
			answer, err := r.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(answer, "a ") {
				if !strings.HasPrefix(answer, "a OK") {
					return line + ": " + answer
				}
				break
			}
		}
	}
	return ""
}

// A disk that fills: 452 while less is left than must be, what is stored is served and
// can be deleted even when nothing is left at all, and mail is taken again when there
// is room, without a restart.
func TestSmallDisk(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"tmpfs", "ext4"} {
		t.Run(kind, func(t *testing.T) { testSmallDisk(t, smallDisk(t, kind, 64)) })
	}
}

func testSmallDisk(t *testing.T, disk string) {
	m := startOn(t, filepath.Join(disk, "data"), "limits.min_free=16 MiB")
	reserve := filepath.Join(m.Dir, "reserve")
	there := func() bool { _, err := os.Stat(reserve); return err == nil }
	until(t, 10*time.Second, "the reserve", there)
	body := "\r\n" + strings.Repeat(strings.Repeat("x", 98)+"\r\n", 1000)
	for i := range 20 {
		if reply := offer(t, m, []byte(fmt.Sprintf("Subject: before %d\r\n%s", i, body))); reply != "" {
			t.Fatal(reply)
		}
	}
	for _, left := range []int64{15 << 20, 0} {
		ballast(t, disk, left)
		if left == 0 {
			until(t, 10*time.Second, "the reserve to be given up", func() bool { return !there() })
		}
		for range 3 {
			if reply := offer(t, m, []byte("Subject: full\r\n"+body)); !strings.HasPrefix(reply, "452 4.3.1") {
				t.Errorf("with %d left: got %q, want 452 4.3.1", left, reply)
			}
		}
		if status, says := ready(t, m); status != http.StatusServiceUnavailable || !strings.Contains(says, "kept free") {
			t.Errorf("/readyz says %d %q, want 503 and why", status, says)
		}
		before := len(box(t, m, address, "INBOX"))
		for range 5 {
			if says := expunge(t, m); says != "" {
				t.Errorf("with %d left: %s", left, says)
			}
		}
		if after := len(box(t, m, address, "INBOX")); after != before-5 {
			t.Errorf("the inbox serves %d messages, want %d", after, before-5)
		}
	}
	unload(t, disk)
	if reply := offer(t, m, []byte("Subject: after\r\n"+body)); reply != "" {
		t.Errorf("with room again: %s", reply)
	}
	if got := len(box(t, m, address, "INBOX")); got != 11 {
		t.Errorf("the inbox serves %d messages, want 11", got)
	}
	until(t, 10*time.Second, "the reserve", there)
	if status, says := ready(t, m); status != http.StatusOK {
		t.Errorf("/readyz says %d %q", status, says)
	}
	sane(t, m)
}

// sane checks that nothing is damaged, in the running process and after a restart.
func sane(t *testing.T, m *machine.Machine) {
	t.Helper()
	run(t, m, "", "check", "store")
	if out := m.Output.String(); strings.Contains(out, "sync failed") || strings.Contains(out, "storing has stopped") {
		t.Errorf("a log was taken for broken:\n%s", out)
	}
	if err := m.Stop(); err != nil {
		t.Error(err)
	}
	run(t, m, "", "check", "store")
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
}

// Nothing is kept free, and the disk is met full in the middle of writes: who got a 250
// has his message, the rest was told 452, and it goes on where there is room again.
func TestSmallDiskMet(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"tmpfs", "ext4"} {
		t.Run(kind, func(t *testing.T) { testSmallDiskMet(t, smallDisk(t, kind, 64)) })
	}
}

func testSmallDiskMet(t *testing.T, disk string) {
	m := startOn(t, filepath.Join(disk, "data"), "limits.min_free=0")
	l := &ledger{taken: map[string][]byte{}}
	var mu sync.Mutex
	refusals := map[string]int{}
	round := func(name string, each int) {
		var wg sync.WaitGroup
		for w := range 8 {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(uint64(w), 5))
				for i := range each {
					token := fmt.Sprintf("%s-%d-%d", name, w, i)
					content := append(letter(r, token), bytes.Repeat([]byte("y23456789\r\n"), r.IntN(40_000))...)
					reply := offer(t, m, content)
					if reply == "" {
						l.add(token, content)
						continue
					}
					mu.Lock()
					refusals[reply[:min(9, len(reply))]]++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
	}
	round("before", 5)
	ballast(t, disk, 4<<20)
	round("filling", 20)
	if refusals["452 4.3.1"] == 0 || len(refusals) > 1 {
		t.Errorf("refusals: %v, want 452 4.3.1 alone\n%s", refusals, tail(m.Output.String(), 3000))
	}
	verify(t, m, l)
	unload(t, disk)
	clear(refusals)
	round("after", 2)
	if len(refusals) > 0 {
		t.Errorf("with room again: %v", refusals)
	}
	sane(t, m)
	verify(t, m, l)
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

// Mail fills the disk, most of it is deleted, and a day goes by: a compaction gives the
// space back and mail is taken again; what was not deleted is served as before.
func TestCompaction(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t, "tmpfs", 64)
	m := startOn(t, filepath.Join(disk, "data"), "limits.min_free=24 MiB", "keeping.deleted=0s")
	r := rand.New(rand.NewPCG(3, 4))
	big := func(i int) []byte {
		var b bytes.Buffer
		fmt.Fprintf(&b, "Subject: big %d\r\n\r\n", i)
		for range 1500 * (1 + i%40) { // some in one piece, some in parts
			fmt.Fprintf(&b, "%016x%016x\r\n", r.Uint64(), r.Uint64())
		}
		return b.Bytes()
	}
	taken, full := 0, ""
	for ; full == "" && taken < 200; taken++ {
		full = offer(t, m, big(taken))
	}
	if !strings.HasPrefix(full, "452 4.3.1") {
		t.Fatalf("message %d: got %q, want 452 4.3.1", taken, full)
	}
	for range taken - 5 {
		if says := expunge(t, m); says != "" {
			t.Fatal(says)
		}
	}
	want := box(t, m, address, "INBOX")
	if reply := offer(t, m, big(39)); !strings.HasPrefix(reply, "452 4.3.1") {
		t.Errorf("on the same day: got %q, want 452 4.3.1", reply)
	}
	db := filepath.Join(m.Dir, "gatepost.db")
	if err := m.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := m.Start(); err != nil { // what was deleted is purged at the start, and some times an hour
		t.Fatal(err)
	}
	until(t, 30*time.Second, "deleted mail is purged", func() bool {
		out, err := runs(t, "sqlite3", db, "SELECT COUNT(*) FROM mailbox_deleted").Output()
		return err == nil && strings.TrimSpace(string(out)) == "0"
	})
	if err := m.Stop(); err != nil {
		t.Fatal(err)
	}
	if out, err := runs(t, "sqlite3", db, "UPDATE blob SET dead = 1 WHERE refs = 0").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	ballast(t, disk, 23<<20) // what the database gave back when it was closed
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, 60*time.Second, "space to come back", func() bool { status, _ := ready(t, m); return status == http.StatusOK })
	if reply := offer(t, m, big(39)); reply != "" {
		t.Errorf("a day later: got %q", reply)
	}
	got := box(t, m, address, "INBOX")
	if len(got) != len(want)+1 || !slices.Equal(got[:len(want)], want) {
		t.Errorf("%d messages are served, want %d as they were and one more", len(got), len(want))
	}
	kept, err := filepath.Glob(filepath.Join(m.Dir, "blobs", "*.kept"))
	if err != nil || len(kept) == 0 {
		t.Errorf("nothing was rewritten: %v", err)
	}
	until(t, time.Minute, "the log tells", func() bool { return strings.Contains(m.Output.String(), "content compacted") })
	sane(t, m)
}
