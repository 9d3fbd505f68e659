package test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/test/load"
	"gatepost/test/machine"
	mta "gatepost/test/peer"
)

const queueCrashConfig = `
hostname: mx.test.example
limits: {errors: 100, drain_timeout: 1s}
queue: {retry: 1s, retry_max: 2s, parallel: 5}
policies: [{name: default, pipeline: []}]
`

const queueCrashZone = `
fwd.example.    MX 10 mx.fwd.example.
mx.fwd.example. A  127.0.0.1
`

// Addresses of the letters: the sender's mailbox gets the reports, mail for the
// forward goes on by MX, mail for the one that is held stays in the queue.
const (
	reported  = "sam@test.example"
	forward   = "fwd@test.example"
	forwarded = "keep@fwd.example"
	heldBack  = "held@far0.example"
	dice      = "the dice say no"
)

// A copy is one message for one recipient.
type copyOf struct{ token, recipient string }

// A chaos is a machine that is killed again and again, whose mail goes over wires
// that are cut to a mail server that has moods.
type chaos struct {
	t       *testing.T
	seed    uint64
	m       *machine.Machine
	postfix *mta.Postfix
	wires   []*mta.Wire

	mu      sync.Mutex
	random  *rand.Rand
	calm    bool // the mail server takes all
	waited  map[copyOf]bool
	letters map[string]string // content by token
	taken   []copyOf          // that got a 250, by the address that they go to in the end
	deaths  []time.Time
	refused int // recipients that the mail server refused, guarded by mu
}

// SIGKILL at random moments while mail goes out: every message for every recipient
// that was taken with 250 is with the next server, or its sender is told in that
// server's words, or it is in the queue. It is there once, but for what the next
// server had whole when the answer was lost on the wire or on its way to our disk.
func TestQueueKill(t *testing.T) {
	t.Parallel()
	limit := 12 * time.Second
	if testing.Short() {
		limit = 3 * time.Second
	}
	if long := os.Getenv("QUEUE_CRASH"); long != "" {
		var err error
		if limit, err = time.ParseDuration(long); err != nil {
			t.Fatalf("QUEUE_CRASH: %v", err)
		}
	}
	kill(t, limit)
}

// The same where mail for one customer is handed on before the answer.
func TestQueueKillInline(t *testing.T) {
	t.Parallel()
	kill(t, 5*time.Second, "relay_inline=true")
}

// The same over PostgreSQL.
func TestQueueKillOverPostgres(t *testing.T) {
	t.Parallel()
	_, dsn := postgres(t)
	kill(t, 5*time.Second, "store.dsn="+dsn)
}

func kill(t *testing.T, limit time.Duration, sets ...string) {
	c := newChaos(t, sets...)
	const most = 40
	rounds := 0
	for end := time.Now().Add(limit); rounds < most && time.Now().Before(end) || c.refusals() < 3; rounds++ { // on a slow machine a few rounds meet no refusal
		c.round(rounds)
	}
	t.Logf("%d rounds", rounds)
	c.converge()
	c.verify()
	if out, err := c.m.Run("", "check", "store"); err != nil {
		t.Errorf("check store: %v\n%s", err, out)
	}
}

func newChaos(t *testing.T, sets ...string) *chaos {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	c := &chaos{t: t, seed: seed, random: rand.New(rand.NewPCG(seed, 0)), waited: map[copyOf]bool{}, letters: map[string]string{}}
	policy, err := mta.ServePolicy(c.mood)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(policy.Close)
	c.postfix = postfix(t, mta.PostfixConfig{Domains: []string{"far0.example", "far1.example", "far2.example", "fwd.example"}, Main: []string{
		"smtpd_recipient_restrictions = check_policy_service inet:" + policy.Addr + ", permit", "smtpd_error_sleep_time = 0",
	}})
	for i := range 3 {
		w, err := mta.NewWire(c.postfix.SMTP, 0.003, seed+uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(w.Close)
		c.wires = append(c.wires, w)
	}
	c.m = prepare(t, queueCrashConfig, queueCrashZone, append(sets, "relay.port="+port(t, c.wires[2].Addr))...)
	for i, w := range []int{0, 1, 1} {
		away(t, c.m, fmt.Sprintf("far%d.example", i), c.wires[w].Addr)
	}
	run(t, c.m, "", "domain", "add", "test.example")
	for _, box := range []string{address, reported} {
		run(t, c.m, password, "mailbox", "add", box, "--password-stdin")
	}
	run(t, c.m, "", "forward", "add", forward, forwarded)
	return c
}

// mood is what the mail server's policy says about a recipient: it refuses,
// greylists, stalls.
func (c *chaos) mood(ctx context.Context, attributes map[string]string) string {
	c.mu.Lock()
	calm, n, wait := c.calm, c.random.IntN(100), time.Duration(c.random.IntN(300))*time.Millisecond
	c.mu.Unlock()
	switch {
	case calm, n < 60:
		return "DUNNO"
	case n < 68:
		c.mu.Lock()
		c.refused++
		c.mu.Unlock()
		return "550 5.7.1 " + dice
	case n < 85:
		return "450 4.7.1 greylisted"
	case n == 99:
		wait = 5 * time.Second
	}
	select {
	case <-time.After(wait):
	case <-ctx.Done():
	}
	return "DUNNO"
}

// refusals is how many recipients the mail server has refused for good.
func (c *chaos) refusals() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refused
}

// round is one life of the machine under load, and its end: a kill, or now and then
// a SIGTERM.
func (c *chaos) round(n int) {
	r := rand.New(rand.NewPCG(c.seed, uint64(n+1)))
	if err := c.m.Start(); err != nil {
		c.t.Fatalf("round %d: %v", n, err)
	}
	stop := make(chan struct{})
	var senders sync.WaitGroup
	for i := range 3 {
		own := rand.New(rand.NewPCG(c.seed, uint64(n*100+i+1000)))
		senders.Go(func() { c.pour(fmt.Sprintf("%d-%d", n, i), own, stop) })
	}
	senders.Go(func() { c.administer(stop) })
	life := time.Duration(200+r.IntN(1200)) * time.Millisecond
	if n%6 == 5 {
		life = 4 * time.Second
	}
	time.Sleep(life)
	if r.IntN(6) == 0 {
		if err := c.m.Stop(); err != nil {
			c.t.Errorf("round %d: %v", n, err)
		}
	} else {
		c.m.Kill()
	}
	c.deaths = append(c.deaths, time.Now())
	close(stop)
	senders.Wait()
}

// administer has destinations tried that rest after a cut, and keeps back what goes
// to one recipient.
func (c *chaos) administer(stop <-chan struct{}) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		c.m.Try("", "queue", "hold", "--recipient", heldBack)
		c.m.Try("", "queue", "flush", "--all")
	}
}

// pour sends letters over one connection after another, and notes what was taken.
func (c *chaos) pour(name string, r *rand.Rand, stop <-chan struct{}) {
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		case <-time.After(time.Duration(r.IntN(60)) * time.Millisecond):
		}
		client, err := load.Dial(c.m.SMTP, "client.example")
		if err != nil {
			continue
		}
		for i := range 5 {
			token := fmt.Sprintf("%s-%d-%d", name, n, i)
			to, content := recipients(r), packet(r, token)
			c.mu.Lock()
			c.letters[token] = string(content)
			c.mu.Unlock()
			code, _, err := client.Send(reported, to, content)
			if err != nil {
				break
			}
			if code == 250 {
				c.take(token, to)
			}
		}
		client.Close()
	}
}

func (c *chaos) take(token string, to []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, rcpt := range to {
		if rcpt == forward {
			rcpt = forwarded
		}
		c.taken = append(c.taken, copyOf{token, rcpt})
	}
}

// recipients are one or some, here, elsewhere, and elsewhere by way of here.
func recipients(r *rand.Rand) (list []string) {
	for range 1 + r.IntN(3) {
		rcpt := fmt.Sprintf("u%d@far%d.example", r.IntN(5), r.IntN(3))
		if !slices.Contains(list, rcpt) {
			list = append(list, rcpt)
		}
	}
	for rcpt, chance := range map[string]float64{address: 0.2, forward: 0.3, heldBack: 0.02} {
		if r.Float64() < chance {
			list = append(list, rcpt)
		}
	}
	return list
}

// packet makes a message that is known by its token.
func packet(r *rand.Rand, token string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "From: <%s>\r\nSubject: %[2]s\r\nX-Token: %[2]s\r\nMessage-ID: <%[2]s@client.example>\r\nDate: Wed, 25 Nov 2026 12:00:00 +0000\r\n\r\n",
		reported, token)
	lines := 1 + r.IntN(20)
	if r.IntN(200) == 0 {
		lines = 20_000 // past what is kept in memory
	}
	for range lines {
		fmt.Fprintf(&b, "%x\r\n", r.Uint64())
	}
	return []byte(b.String())
}

// converge lets all go its way at last, and ends everything.
func (c *chaos) converge() {
	c.mu.Lock()
	c.calm = true
	c.mu.Unlock()
	for _, w := range c.wires {
		w.SetCut(0)
	}
	if err := c.m.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.drain()
	for _, w := range c.wires {
		w.Close()
	}
	until(c.t, time.Minute, "Postfix has delivered all", func() bool {
		n, err := c.postfix.Waiting()
		return err == nil && n == 0
	})
}

// drain waits until the queue is empty but for what is held: as long as it gets
// shorter.
func (c *chaos) drain() {
	least, since := 1<<30, time.Now()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for ; least > 0; <-tick.C {
		run(c.t, c.m, "", "queue", "flush", "--all")
		n := len(queued(c.t, c.m, "--state", "waiting"))
		if n < least {
			least, since = n, time.Now()
		}
		if time.Since(since) > 2*time.Minute {
			c.t.Fatalf("%d transfers wait, and get no fewer", n)
		}
	}
}

// verify holds what was taken against where it is.
func (c *chaos) verify() {
	t := c.t
	away, here, told := c.arrived(), c.kept(), c.told()
	waits := map[copyOf]int{}
	for _, w := range queued(t, c.m) {
		why := asked[transfer](t, c.m, "queue", "why", strconv.FormatInt(w.ID, 10))
		waits[copyOf{why.Subject, w.Recipient}]++
	}
	if err := c.m.Stop(); err != nil {
		t.Error(err)
	}
	passages := c.passages()
	var carried, refused, waiting, local, doubled, late int
	for _, k := range c.taken {
		if k.recipient == address {
			if local++; here[k] != 1 {
				t.Errorf("%v is in the mailbox %d times", k, here[k])
			}
			continue
		}
		carried, refused, waiting = carried+min(1, away[k]), refused+min(1, told[k]), waiting+min(1, waits[k])
		switch n := away[k] + told[k] + waits[k]; {
		case n == 0:
			t.Errorf("%v was taken with 250 and is lost", k)
		case n > 1:
			doubled++
			why, ok, slow := excused(passages[k], away[k], told[k]+waits[k])
			if ok {
				t.Logf("%v is there %d times: %s", k, n, why)
			} else {
				t.Errorf("%v: delivered %d times, reported %d times, in the queue %d times; %s", k, away[k], told[k], waits[k], why)
			}
			if slow {
				late++
			}
		}
	}
	t.Logf("%d letters offered; copies taken: %d, of them %d in mailboxes here, %d carried on, %d reported, %d in the queue; doubled: %d",
		len(c.letters), len(c.taken), local, carried, refused, waiting, doubled)
	if late > 2+carried/20 {
		t.Errorf("%d copies were sent again though their answer came more than %v before the end", late, settling)
	}
	if carried == 0 || refused == 0 || local == 0 {
		t.Error("this was no test of all ways")
	}
}

// arrived counts what the mail server has, and looks at the content.
func (c *chaos) arrived() map[copyOf]int {
	seen := map[copyOf]int{}
	err := c.postfix.Mails(func(b []byte) {
		text := string(b)
		k := copyOf{after(text, "\nX-Token: "), after("\n"+text, "\nX-Original-To: ")}
		if seen[k]++; !strings.HasSuffix(text, strings.ReplaceAll(c.letters[k.token], "\r\n", "\n")) {
			c.t.Errorf("%v is not what was sent", k)
		}
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return seen
}

// kept counts what is in the mailbox here.
func (c *chaos) kept() map[copyOf]int {
	seen := map[copyOf]int{}
	for _, text := range box(c.t, c.m, address, "INBOX") {
		k := copyOf{after(text, "\nX-Token: "), address}
		if seen[k]++; !strings.HasSuffix(text, c.letters[k.token]) {
			c.t.Errorf("%v is not what was sent", k)
		}
	}
	return seen
}

// told counts the recipients about whom the sender got a report.
func (c *chaos) told() map[copyOf]int {
	seen := map[copyOf]int{}
	for _, text := range box(c.t, c.m, reported, "INBOX") {
		token := after(text, "\nX-Token: ")
		for _, block := range strings.Split(text, "\r\nFinal-Recipient: rfc822; ")[1:] {
			block, _, _ = strings.Cut(block, "\r\n\r\n")
			rcpt, _, _ := strings.Cut(block, "\r\n")
			seen[copyOf{token, rcpt}]++
			if !strings.Contains(block, "\r\nAction: failed\r\n") || !strings.Contains(block, dice) {
				c.t.Errorf("the report about %s for %s has not the server's words:\n%s", token, rcpt, text)
			}
		}
	}
	return seen
}

// after is the rest of the line behind a mark, "" where there is none.
func after(text, mark string) string {
	_, rest, _ := strings.Cut(text, mark)
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSuffix(line, "\r")
}

// A passage is one time that a content reached the mail server whole for a
// recipient.
type passage struct {
	heard   bool          // the answer, by the life that sent it,
	end     time.Time     // which ended then,
	settles time.Duration // so long after the answer
}

func (c *chaos) passages() map[copyOf][]passage {
	all := map[copyOf][]passage{}
	finish := time.Now()
	for _, w := range c.wires {
		for _, p := range w.Contents {
			end := finish
			for _, d := range slices.Backward(c.deaths) {
				if d.After(p.Since) {
					end = d
				}
			}
			token := after(string(p.Content), "\nX-Token: ")
			for _, rcpt := range p.Recipients {
				k := copyOf{token, rcpt}
				all[k] = append(all[k], passage{!p.Answered.IsZero() && p.Answered.Before(end), end, end.Sub(p.Answered)})
			}
		}
	}
	return all
}

// settling is within what time an answer that was heard is on our disk, but for a few on a
// machine that stands still just then.
const settling = time.Second

// excused reports whether a copy may be there more than once: of each passage that
// was followed by something else we could not know that it led to anything. late: we had
// long enough to know.
func excused(list []passage, arrived, further int) (why string, ok, late bool) {
	var all []string
	ok = arrived <= len(list) && further <= 1
	for i, p := range list {
		if !p.heard {
			all = append(all, "the answer was lost")
			continue
		}
		all = append(all, fmt.Sprintf("the answer came %d ms before the end", p.settles.Milliseconds()))
		switch {
		case i < len(list)-1: // what is settled is not sent again, and least by who settled it
			ok = ok && !p.end.Equal(list[i+1].end)
			late = late || p.settles >= settling
		case further > 0:
			late = late || p.settles >= settling
		}
	}
	if further > 0 {
		all = append(all, "it was refused or kept")
	}
	return strings.Join(all, ", then "), ok, late
}
