package test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"gatepost/internal/blob/s3/s3test"
	"gatepost/test/machine"
)

// twoNodes starts two nodes on one PostgreSQL and one bucket.
func twoNodes(t *testing.T) (bucket *s3test.Server, a, b *machine.Machine) {
	t.Helper()
	_, dsn := postgres(t)
	bucket = s3test.New("mail")
	web := httptest.NewServer(bucket)
	t.Cleanup(web.Close)
	a = start(t, bucketSets(dsn, web.URL)...)
	b, err := machine.New(bin, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	b.Sets = a.Sets
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Kill)
	return bucket, a, b
}

// bucketSets are the settings of a node that shares contents.
func bucketSets(dsn, url string) []string {
	return []string{
		"store.dsn=" + dsn, "content.s3.endpoint=" + url, "content.s3.bucket=mail", "content.s3.region=" + s3test.Region,
		"content.s3.access_key=" + s3test.AccessKey, "content.s3.secret_key=" + s3test.SecretKey, "content.s3.prefix=mail/",
		"limits.min_free=1 MiB",
	}
}

// A backup of a node has the rows, and its content stays in the bucket: restored with the same bucket, the
// mail is there.
func TestNodesRestored(t *testing.T) {
	t.Parallel()
	p, dsn := postgres(t)
	bucket := s3test.New("mail")
	web := httptest.NewServer(bucket)
	t.Cleanup(web.Close)
	a := start(t, bucketSets(dsn, web.URL)...)
	content := letter(rand.New(rand.NewPCG(1, 1)), "saved")
	if said := offer(t, a, content); said != "" {
		t.Fatal(said)
	}
	dir := t.TempDir()
	run(t, a, "", "backup", dir)
	if err := a.Stop(); err != nil {
		t.Fatal(err)
	}
	other, err := p.Database()
	if err != nil {
		t.Fatal(err)
	}
	b, err := machine.New(bin, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	b.Sets = append(bucketSets(other, web.URL), a.Sets[0])
	run(t, b, "", "restore", dir, "--to", b.Dir)
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Kill)
	verify(t, b, &ledger{taken: map[string][]byte{"saved": content}})
	if out, err := b.Run("", "check", "store"); err != nil {
		t.Errorf("check store: %v\n%s", err, out)
	}
	c, err := machine.New(bin, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if other, err = p.Database(); err != nil {
		t.Fatal(err)
	}
	c.Sets = bucketSets(other, web.URL) // another database on the same prefix
	if _, errs, status := c.Try("", "domain", "list"); status == 0 || !strings.Contains(errs, "belong to another database") {
		t.Errorf("another database: status %d, %s", status, errs)
	}
	c.Sets = append(c.Sets, "content.s3.secret_key=wrong")
	if out, errs, status := c.Try("", "check"); status == 0 || !strings.Contains(out+errs, "the secret key is wrong") {
		t.Errorf("check with a wrong key: status %d, %s%s", status, out, errs)
	}
}

// A second node starts where contents are shared; one that keeps them to itself does not.
func TestNodes(t *testing.T) {
	t.Parallel()
	bucket, a, b := twoNodes(t)
	r := rand.New(rand.NewPCG(1, 1))
	told := idle(t, a)
	begin := time.Now()
	content := letter(r, "at-b")
	if said := offer(t, b, content); said != "" {
		t.Fatalf("node b: %s", said)
	}
	select {
	case <-told:
		t.Logf("told at A %v after a delivery at B began", time.Since(begin))
	case <-time.After(2 * time.Minute): // a second, as a rule
		t.Error("who idles at A was not told of a delivery at B")
	}
	l := &ledger{taken: map[string][]byte{"at-b": content}}
	verify(t, a, l)
	verify(t, b, l)
	alone, err := machine.New(bin, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	alone.Sets = a.Sets[:2] // the database alone
	if _, errs, status := alone.Try("", "domain", "list"); status == 0 || !strings.Contains(errs, "content.s3") {
		t.Errorf("a node with its own contents: status %d, %s", status, errs)
	}
	// While the bucket is away mail is put off, and what was read is read.
	down := func(*http.Request) int { return http.StatusServiceUnavailable }
	bucket.Fail.Store(&down)
	if said := offer(t, a, letter(r, "away")); !strings.HasPrefix(said, "4") {
		t.Errorf("without the bucket the client heard %q", said)
	}
	until(t, time.Minute, "not ready", func() bool {
		status, says := ready(t, a)
		return status == 503 && strings.Contains(says, `bucket "mail"`)
	})
	verify(t, a, l)
	bucket.Fail.Store(nil)
	until(t, time.Minute, "ready", func() bool { status, _ := ready(t, a); return status == 200 })
	if out, err := a.Run("", "check"); err != nil {
		t.Errorf("check: %v\n%s", err, out)
	}
	for _, k := range bucket.Keys() { // a rule of the bucket's that removes what is old
		if strings.HasPrefix(k, "mail/c/") {
			bucket.Change(k, func([]byte) []byte { return nil })
		}
	}
	if out, _, status := a.Try("", "check", "store"); status == 0 || !strings.Contains(out, "can't be opened") {
		t.Errorf("a lost object: status %d\n%s", status, out)
	}
}

// idle has a client idle at a node, and returns what closes when it is told of something.
func idle(t *testing.T, m *machine.Machine) <-chan struct{} {
	t.Helper()
	told := make(chan struct{})
	var once sync.Once
	c, err := imapclient.DialInsecure(m.IMAP, &imapclient.Options{UnilateralDataHandler: &imapclient.UnilateralDataHandler{
		Mailbox: func(d *imapclient.UnilateralDataMailbox) {
			if d.NumMessages != nil && *d.NumMessages > 0 {
				once.Do(func() { close(told) })
			}
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.Login(address, password).Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Idle(); err != nil {
		t.Fatal(err)
	}
	return told
}

// Clients do as chance will on two nodes, mail comes in on both, and one is killed in the middle of it: no
// message that was taken is lost, no UID is given twice, MODSEQ never goes back, and in the end both nodes
// say the same.
func TestNodesTogether(t *testing.T) {
	t.Parallel()
	rounds := 2
	if testing.Short() {
		rounds = 1
	}
	_, a, b := twoNodes(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	l := &ledger{taken: map[string][]byte{}}
	w := &witness{t: t, uids: map[string]string{}, appended: map[string]bool{}}
	for round := range rounds {
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for i, m := range []*machine.Machine{a, b, a, b} {
			r := rand.New(rand.NewPCG(seed, uint64(round*100+i)))
			p := &chancer{m: m, w: w, r: r, name: fmt.Sprintf("r%d-p%d", round, i)}
			wg.Go(func() {
				pour(m.SMTP, fmt.Sprintf("r%d-s%d", round, i), rand.New(rand.NewPCG(seed, uint64(round*100+50+i))), l, stop)
			})
			wg.Go(func() { p.run(stop) })
		}
		done, taken := w.steps.Load(), l.size()
		until(t, time.Minute, "something happens", func() bool { return w.steps.Load() > done+60 && l.size() > taken+10 })
		b.Kill()
		done = w.steps.Load()
		until(t, time.Minute, "the other goes on", func() bool { return w.steps.Load() > done+20 })
		if err := b.Start(); err != nil {
			t.Fatal(err)
		}
		done = w.steps.Load()
		until(t, time.Minute, "both go on", func() bool { return w.steps.Load() > done+40 })
		close(stop)
		wg.Wait()
	}
	w.compare(a, b, l)
	if out, err := a.Run("", "check", "store"); err != nil {
		t.Errorf("check store: %v\n%s", err, out)
	}
}

// A witness knows what clients were told.
type witness struct {
	t       *testing.T
	steps   atomic.Int64
	highest [2]atomic.Uint64 // MODSEQ of each folder that somebody was told

	mu       sync.Mutex
	uids     map[string]string // folder/UIDVALIDITY/UID: who was told that it is his
	appended map[string]bool   // tokens of what was appended, and not taken away since
}

var folders = [2]string{"INBOX", "Archive"}

// given notes that a UID was given to something.
func (w *witness) given(folder string, validity uint32, uid imap.UID, what string) {
	key := fmt.Sprintf("%s/%d/%d", folder, validity, uid)
	w.mu.Lock()
	defer w.mu.Unlock()
	if had := w.uids[key]; had != "" {
		w.t.Errorf("UID %s was given to %s and to %s", key, had, what)
	}
	w.uids[key] = what
}

func (w *witness) appends(token string, there bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if there {
		w.appended[token] = true
	} else {
		delete(w.appended, token)
	}
}

// A chancer does as chance will in folders of its node, and connects again when it has gone.
type chancer struct {
	m    *machine.Machine
	w    *witness
	r    *rand.Rand
	name string
	n    int
	c    *imapclient.Client
	open int // folder that is selected
}

func (c *chancer) run(stop <-chan struct{}) {
	defer c.close()
	for {
		select {
		case <-stop:
			return
		default:
		}
		if c.c == nil && c.connect() != nil {
			c.close()
			time.Sleep(5 * time.Millisecond)
			continue
		}
		if err := c.step(); err != nil {
			c.close()
			continue
		}
		c.w.steps.Add(1)
	}
}

func (c *chancer) close() {
	if c.c != nil {
		c.c.Close()
	}
	c.c = nil
}

func (c *chancer) connect() (err error) {
	if c.c, err = imapclient.DialInsecure(c.m.IMAP, nil); err != nil {
		c.c = nil
		return err
	}
	if err := c.c.Login(address, password).Wait(); err != nil {
		return err
	}
	return c.choose(0)
}

func (c *chancer) choose(folder int) error {
	c.open = folder
	_, err := c.c.Select(folders[folder], nil).Wait()
	return err
}

func (c *chancer) step() error {
	switch n := c.r.IntN(20); {
	case n < 5:
		return c.append()
	case n < 8:
		return c.onSome(func(u imap.UIDSet) error {
			flags := []imap.Flag{imap.FlagSeen, imap.FlagFlagged, "$Own"}
			op := []imap.StoreFlagsOp{imap.StoreFlagsAdd, imap.StoreFlagsDel}[c.r.IntN(2)]
			return c.c.Store(u, &imap.StoreFlags{Op: op, Flags: flags[c.r.IntN(3):][:1]}, nil).Close()
		})
	case n < 11:
		return c.onSome(c.copy)
	case n < 13:
		return c.onSome(c.move)
	case n < 17:
		return c.modseq()
	default:
		return c.choose(c.r.IntN(2))
	}
}

// append brings a message, and takes away half of those again.
func (c *chancer) append() error {
	c.n++
	token := fmt.Sprintf("%s-%d", c.name, c.n)
	content := letter(c.r, token)
	folder := folders[c.open]
	cmd := c.c.Append(folder, int64(len(content)), nil)
	if _, err := cmd.Write(content); err != nil {
		return err
	}
	if err := cmd.Close(); err != nil {
		return err
	}
	d, err := cmd.Wait()
	if err != nil {
		return err
	}
	c.w.given(folder, d.UIDValidity, d.UID, token)
	if c.r.IntN(2) == 0 {
		c.w.appends(token, true)
		return nil
	}
	own := imap.UIDSetNum(d.UID)
	if err := c.c.Store(own, &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagDeleted}}, nil).Close(); err != nil {
		return err
	}
	return c.c.UIDExpunge(own).Close()
}

// onSome does something with a few messages of the folder.
func (c *chancer) onSome(f func(imap.UIDSet) error) error {
	found, err := c.c.UIDSearch(&imap.SearchCriteria{}, nil).Wait()
	if err != nil {
		return err
	}
	uids := found.AllUIDs()
	if len(uids) == 0 {
		return nil
	}
	i := c.r.IntN(len(uids))
	return f(imap.UIDSetNum(uids[i:min(len(uids), i+1+c.r.IntN(3))]...))
}

func (c *chancer) copy(u imap.UIDSet) error {
	to := folders[1-c.open]
	d, err := c.c.Copy(u, to).Wait()
	if err != nil || d == nil {
		return refused(err)
	}
	return c.gives(to, d.UIDValidity, d.DestUIDs, "a copy by "+c.name)
}

func (c *chancer) move(u imap.UIDSet) error {
	to := folders[1-c.open]
	d, err := c.c.Move(u, to).Wait()
	if err != nil || d == nil {
		return refused(err)
	}
	uids, _ := d.DestUIDs.(imap.UIDSet)
	return c.gives(to, d.UIDValidity, uids, "moved by "+c.name)
}

func (c *chancer) gives(folder string, validity uint32, uids imap.UIDSet, what string) error {
	if list, ok := uids.Nums(); ok {
		for _, uid := range list {
			c.w.given(folder, validity, uid, what)
		}
	}
	return nil
}

// refused takes an answer NO for what it is: what was meant has gone.
func refused(err error) error {
	var no *imap.Error
	if errors.As(err, &no) {
		return nil
	}
	return err
}

// modseq asks how far a folder's history has come: at least as far as anybody was told before.
func (c *chancer) modseq() error {
	i := c.r.IntN(2)
	before := c.w.highest[i].Load()
	d, err := c.c.Status(folders[i], &imap.StatusOptions{HighestModSeq: true}).Wait()
	if err != nil {
		return err
	}
	if d.HighestModSeq < before {
		c.w.t.Errorf("%s at %s: HIGHESTMODSEQ %d, and somebody was told %d before", folders[i], c.m.IMAP, d.HighestModSeq, before)
	}
	for now := before; d.HighestModSeq > now && !c.w.highest[i].CompareAndSwap(now, d.HighestModSeq); {
		now = c.w.highest[i].Load()
	}
	return nil
}

// compare holds what both nodes say against each other, and against what clients were told.
func (w *witness) compare(a, b *machine.Machine, l *ledger) {
	there := map[string]int{}
	for _, folder := range folders {
		one, two := w.read(a, folder, there), w.read(b, folder, nil)
		if !maps.Equal(one, two) {
			w.t.Errorf("%s: node a has %d messages, node b %d, or they differ", folder, len(one), len(two))
		}
	}
	for _, tokens := range []map[string]bool{w.appended, keys(l.taken)} {
		for _, token := range slices.Sorted(maps.Keys(tokens)) {
			if there[token] == 0 {
				w.t.Errorf("%s was taken and is not there", token)
			}
		}
	}
	w.t.Logf("%d taken by SMTP, %d appended, %d steps, %d UIDs told", len(l.taken), len(w.appended), w.steps.Load(), len(w.uids))
}

func keys(m map[string][]byte) map[string]bool {
	list := map[string]bool{}
	for k := range m {
		list[k] = true
	}
	return list
}

// read returns the messages of a folder by UID, as one line each, and counts tokens.
func (w *witness) read(m *machine.Machine, folder string, there map[string]int) map[imap.UID]string {
	c, err := imapclient.DialInsecure(m.IMAP, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	if err := c.Login(address, password).Wait(); err != nil {
		w.t.Fatal(err)
	}
	if _, err := c.Select(folder, nil).Wait(); err != nil {
		w.t.Fatal(err)
	}
	var all imap.UIDSet
	all.AddRange(1, 0)
	list, err := c.Fetch(all, &imap.FetchOptions{
		UID: true, Flags: true, ModSeq: true, RFC822Size: true, BodySection: []*imap.FetchItemBodySection{{Peek: true}},
	}).Collect()
	if err != nil {
		w.t.Fatal(err)
	}
	lines := map[imap.UID]string{}
	for _, msg := range list {
		_, rest, _ := strings.Cut(string(msg.BodySection[0].Bytes), "X-Token: ")
		token, _, _ := strings.Cut(rest, "\r\n")
		slices.Sort(msg.Flags)
		lines[msg.UID] = fmt.Sprintf("%s %d %d %v", token, msg.RFC822Size, msg.ModSeq, msg.Flags)
		if there != nil {
			there[token]++
		}
	}
	return lines
}
