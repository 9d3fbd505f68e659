package test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/test/load"
	"gatepost/test/machine"
)

// spamFolder has n messages, each with a text of its own by which it is known again.
func spamFolder(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%04d.eml", i)), []byte(ownText(i)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// ownText is a message whose words no other has.
func ownText(i int) string {
	r := rand.New(rand.NewPCG(uint64(i), 7))
	var words strings.Builder
	for range 40 {
		for range 8 {
			words.WriteByte(byte('a' + r.IntN(26)))
		}
		words.WriteByte(' ')
	}
	return fmt.Sprintf("From: <%s>\r\nSubject: offer\r\n\r\n%s\r\n", sender, words.String())
}

// lessons is how many of a source stand.
func lessons(t *testing.T, m *machine.Machine, source string) (n int) {
	t.Helper()
	for _, c := range asked[[]struct {
		Source string
		Count  int
	}](t, m, "learn", "stats") {
		if c.Source == source {
			n += c.Count
		}
	}
	return n
}

// SIGKILL to the node, and to the command, while a folder is taught: what was taught stands, once, and who runs
// the command again has all of it taught.
func TestKillLearning(t *testing.T) {
	t.Parallel()
	const count = 800
	m := serve(t, "hostname: mx.test.example\npolicies: [{name: default, pipeline: [checksum]}]\n", flowZone)
	ann := domain(t, m, "test.example")
	dir := spamFolder(t, count)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	before := 0
	for round := range 4 {
		var teaching sync.WaitGroup
		status := 0
		teaching.Go(func() { _, _, status = m.Try("", "learn", "spam", dir) })
		time.Sleep(time.Duration(100+r.IntN(900)) * time.Millisecond)
		m.Kill()
		teaching.Wait()
		if err := m.Start(); err != nil {
			t.Fatal(err)
		}
		after := lessons(t, m, "command")
		t.Logf("round %d: status %d, %d lessons", round, status, after)
		if after < before || after > count || status == 0 && after != count {
			t.Fatalf("%d lessons after %d, status %d", after, before, status)
		}
		before = after
	}
	run(t, m, "", "learn", "spam", dir)
	if n := lessons(t, m, "command"); n != count {
		t.Errorf("%d lessons, want %d", n, count)
	}
	for _, i := range []int{0, count / 2, count - 1} {
		id := mailFrom(t, m, goodClient, sender, ownText(i), ann).id(t)
		if got, _ := judged(t, m, id, "checksum"); got != "spam" {
			t.Errorf("message %d is %s", i, got)
		}
	}
	sane(t, m)
}

const busyConfig = `
hostname: mx.test.example
policies:
  - name: default
    pipeline: [honeypot, spf, dkim, dmarc, checksum, attachment-hash, keywords]
`

// busy has mail come to a trap and to ann, until it is ended, and counts what was taken of each.
type busy struct {
	sync.Mutex
	trapped, taken int
	other          map[string]int // other answers, by their first octets
	doubted        int            // so many commits at most the database may have made without being heard
}

// pourers are how many at once have mail come.
const pourers = 3

func (b *busy) pour(m *machine.Machine, w int, stop <-chan struct{}, ann string) {
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		default:
		}
		to, author := ann, "ann@test.example"
		if i%3 == 0 {
			to = "trap@test.example"
		}
		client := fmt.Sprintf("198.%d.%d.%d", 20+w, i/50%256, 1+i%50) // of many networks, so that what traps teach is not capped
		said := saidTo(m, client, "x@far.example", to, strings.Replace(ownText(w*100_000+i), "From: <"+sender+">", "From: <"+author+">", 1))
		b.Lock()
		switch {
		case said == "" && to == ann:
			b.taken++
		case said == "":
			b.trapped++
		default:
			b.other[said[:min(3, len(said))]]++
		}
		b.Unlock()
	}
}

// saidTo sends one message and returns what refused it, "" where it was taken.
func saidTo(m *machine.Machine, client, from, to, content string) string {
	d := net.Dialer{Timeout: time.Minute, LocalAddr: &net.TCPAddr{IP: net.ParseIP(proxy)}}
	conn, err := d.Dial("tcp", m.SMTP)
	if err != nil {
		return "no connection: " + err.Error()
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	r := bufio.NewReader(conn)
	lines := []string{
		fmt.Sprintf("PROXY TCP4 %s 192.0.2.1 40000 25\r\n", client), "EHLO mx.sender.example\r\n", "MAIL FROM:<" + from + ">\r\n", "RCPT TO:<" + to + ">\r\n", "DATA\r\n",
		string(load.Stuff([]byte(content))),
	}
	for _, line := range lines {
		if _, err := conn.Write([]byte(line)); err != nil {
			return "cut: " + err.Error()
		}
		for {
			reply, err := r.ReadString('\n')
			if err != nil {
				return "cut: " + err.Error()
			}
			if len(reply) > 3 && reply[3] == '-' {
				continue
			}
			if reply[0] != '2' && reply[0] != '3' {
				return strings.TrimSpace(reply)
			}
			break
		}
	}
	return ""
}

// busyOn starts the busy load on a machine that runs; what it returns ends it.
func busyOn(t *testing.T, m *machine.Machine, ann string) (b *busy, end func()) {
	t.Helper()
	b = &busy{other: map[string]int{}}
	stop := make(chan struct{})
	var all sync.WaitGroup
	for w := range pourers {
		all.Go(func() { b.pour(m, w, stop, ann) })
	}
	t.Cleanup(func() {
		select {
		case <-stop:
		default:
			close(stop)
		}
		all.Wait()
	})
	return b, func() { close(stop); all.Wait() }
}

// got are the messages that were taken of ann and of the trap.
func (b *busy) got() (taken, trapped int) {
	b.Lock()
	defer b.Unlock()
	return b.taken, b.trapped
}

// counted holds what was taken against what was counted of it: each message for the trap taught once, and each
// of the domain's is in DMARC's sums.
func (b *busy) counted(t *testing.T, m *machine.Machine) {
	t.Helper()
	taken, trapped := b.got()
	if taken == 0 || trapped == 0 {
		t.Fatalf("%d and %d were taken", taken, trapped)
	}
	until(t, 20*time.Second, "all that came to the trap taught", func() bool { return lessons(t, m, "trap") >= min(trapped, 5000) })
	if n := lessons(t, m, "trap"); n > trapped+b.unsure() {
		t.Errorf("%d lessons of %d messages", n, trapped)
	}
	if err := m.Stop(); err != nil { // counts become rows each minute, and at the end
		t.Fatal(err)
	}
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	var messages int64
	for _, s := range asked[[]dmarcSum](t, m, "dmarc", "list") {
		if s.Domain == "test.example" {
			messages += s.Messages
		}
	}
	// What was judged, and then could not be stored, counts too: it was there, though it is to come again.
	b.Lock()
	judged := taken + trapped
	for _, n := range b.other {
		judged += n
	}
	b.Unlock()
	if messages < int64(taken) || messages > int64(judged) {
		t.Errorf("DMARC has counted %d messages, %d were taken, of %d", messages, taken, judged)
	}
	if n := len(box(t, m, "ann@test.example", "INBOX")) + len(asked[[]row](t, m, "quarantine", "list", "--limit", "1000")); n < taken || n > taken+b.unsure() {
		t.Errorf("ann has %d messages, %d were taken", n, taken)
	}
}

// unsure is of how many messages the client, or the server, did not hear what became.
func (b *busy) unsure() int {
	b.Lock()
	defer b.Unlock()
	return b.other["cut"] + b.doubted
}

// PostgreSQL is away for some seconds while lessons, DMARC's counts and packs are busy: mail gets 4yz, and all that was taken
// has taught and is counted when it is back.
func TestLearningWhilePostgresIsAway(t *testing.T) {
	t.Parallel()
	away := 5 * time.Second
	if s := os.Getenv("POSTGRES_AWAY"); s != "" {
		var err error
		if away, err = time.ParseDuration(s); err != nil {
			t.Fatal(err)
		}
	}
	p, dsn := postgres(t)
	pack := filepath.Join(t.TempDir(), "words")
	if err := os.WriteFile(pack, []byte("title Words\nword 1 text pest\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m := serve(t, strings.Replace(busyConfig, "keywords]", "{filter: keywords, packs: [words]}]", 1)+"packs: [{name: words, file: "+pack+"}]\n", dmarcZone, "store.dsn="+dsn)
	ann := domain(t, m, "test.example")
	run(t, m, "", "list", "add", "trap", "trap@test.example")
	b, end := busyOn(t, m, ann)
	until(t, 30*time.Second, "both are taken", func() bool { taken, trapped := b.got(); return taken > 20 && trapped > 20 })
	p.Kill()
	b.doubted = pourers // a commit that was under way may stand, and its client come again
	if _, errs, status := m.Try("", "learn", "spam", spamFolder(t, 3)); status == 0 {
		t.Errorf("taught without a database: %s", errs)
	}
	time.Sleep(away)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	before, trapsBefore := b.got()
	until(t, time.Minute, "mail is taken again", func() bool { taken, trapped := b.got(); return taken > before+20 && trapped > trapsBefore+5 })
	end()
	t.Logf("taken %d, trapped %d, otherwise %v", b.taken, b.trapped, b.other)
	for said := range b.other {
		if !strings.HasPrefix(said, "4") && said != "cut" && said != "no " {
			t.Errorf("somebody heard %q", said)
		}
	}
	b.counted(t, m)
	run(t, m, "", "learn", "spam", spamFolder(t, 3))
	run(t, m, "", "check", "store")
}

// A disk that fills while lessons and DMARC's counts are busy: mail gets 452, and all that was taken has taught and is counted
// when there is room.
func TestLearningOnAFullDisk(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t, "tmpfs", 64)
	m := prepare(t, busyConfig, dmarcZone, "limits.min_free=0")
	m.Dir = filepath.Join(disk, "data")
	run(t, m, "", "domain", "add", "test.example")
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	run(t, m, password, "mailbox", "add", "ann@test.example", "--password-stdin")
	run(t, m, "", "list", "add", "trap", "trap@test.example")
	b, end := busyOn(t, m, "ann@test.example")
	until(t, 30*time.Second, "both are taken", func() bool { taken, trapped := b.got(); return taken > 20 && trapped > 20 })
	ballast(t, disk, 0)
	until(t, 30*time.Second, "mail is refused", func() bool { b.Lock(); defer b.Unlock(); return b.other["452"] > 20 })
	if _, errs, status := m.Try("", "learn", "spam", spamFolder(t, 50)); status == 0 && free(t, disk) == 0 {
		t.Logf("taught on a full disk, in what room the files have: %s", errs)
	}
	unload(t, disk)
	before, trapsBefore := b.got()
	until(t, time.Minute, "mail is taken again", func() bool { taken, trapped := b.got(); return taken > before+20 && trapped > trapsBefore+5 })
	end()
	t.Logf("taken %d, trapped %d, otherwise %v", b.taken, b.trapped, b.other)
	run(t, m, "", "learn", "spam", spamFolder(t, 50))
	b.counted(t, m)
	sane(t, m)
}
