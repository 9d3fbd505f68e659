package queue

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/internal/mail"
)

// memory is Rows and Contents in memory: what the store keeps, with a clock that
// tests move.
type memory struct {
	mu       sync.Mutex
	last     int64
	rows     map[int64]*row
	contents map[string][]byte
	full     bool          // Put fails
	away     int           // how often Reclaim fails
	lost     bool          // Settle fails
	leap     time.Duration // of its clock
	ended    map[mail.Path][]Fate
	notices  []string // contents of what we told
}

type row struct {
	Transfer
	claimed bool
}

func newMemory() *memory {
	return &memory{rows: map[int64]*row{}, contents: map[string][]byte{}, ended: map[mail.Path][]Fate{}}
}

func (m *memory) add(t *Transfer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.put(t)
}

func (m *memory) put(t *Transfer) {
	m.last++
	r := &row{Transfer: *t}
	r.ID, r.State, r.Due = m.last, Waiting, time.Now()
	m.rows[r.ID] = r
}

func (m *memory) Claim(_ context.Context, d Destination, limit int, lease time.Duration) (list []*Transfer, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now().Add(m.leap)
	for _, r := range m.sorted() {
		if r.Destination == d && r.State == Waiting && !r.Due.After(now) && len(list) < limit {
			r.Due, r.claimed = now.Add(lease), true
			r.Fence++
			t := r.Transfer
			list = append(list, &t)
		}
	}
	return list, nil
}

func (m *memory) sorted() []*row {
	var all []*row
	for _, r := range m.rows {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b *row) int { return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.ID, b.ID)) })
	return all
}

func (m *memory) Settle(_ context.Context, list []Settlement) (lost int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lost {
		return 0, fmt.Errorf("store gone")
	}
	for _, s := range list {
		r := m.rows[s.Transfer.ID]
		if r == nil || !r.claimed || r.Fence != s.Transfer.Fence {
			lost++
			continue
		}
		r.claimed = false
		switch {
		case s.Untried:
			r.Due = time.Now()
		case s.Fate == Deferred:
			r.Due, r.Last, r.Delayed = time.Now().Add(s.Retry), s.Reply, s.Delayed
			r.Attempts++
		default:
			delete(m.rows, r.ID)
			m.ended[r.Recipient] = append(m.ended[r.Recipient], s.Fate)
		}
		if s.Notice != nil {
			m.put(s.Notice)
			m.notices = append(m.notices, string(m.contents[s.Notice.Message.Blob]))
		}
	}
	return lost, nil
}

func (m *memory) Destinations(context.Context) (list []Waiter, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	seen := map[Destination]bool{}
	for _, r := range m.sorted() {
		if r.State == Waiting && !seen[r.Destination] {
			seen[r.Destination] = true
			list = append(list, Waiter{r.Destination, time.Until(r.Due) - m.leap})
		}
	}
	return list, nil
}

func (m *memory) Nearer(_ context.Context, most time.Duration) (n int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.rows {
		if r.State == Waiting && !r.claimed && time.Until(r.Due) > most && !r.Message.Params.Release.After(time.Now()) {
			r.Due = time.Now()
			n++
		}
	}
	return n, nil
}

func (m *memory) Reclaim(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away > 0 {
		m.away--
		return errors.New("the database is away")
	}
	for _, r := range m.rows {
		if r.claimed {
			r.claimed, r.Due = false, time.Now()
		}
	}
	return nil
}

type octets struct{ *bytes.Reader }

func (octets) Close() error  { return nil }
func (o octets) Size() int64 { return o.Reader.Size() }

func (m *memory) Open(_ context.Context, blob string) (Content, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.contents[blob]
	if !ok {
		return nil, fmt.Errorf("no content %s", blob)
	}
	return octets{bytes.NewReader(b)}, nil
}

func (m *memory) Put(_ context.Context, r io.Reader, _ int64) (string, error) {
	b, err := io.ReadAll(r)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.full {
		return "", fmt.Errorf("disk full")
	}
	blob := fmt.Sprintf("blob%d", len(m.contents))
	m.contents[blob] = b
	return blob, err
}

// set changes what m does.
func (m *memory) set(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

func (m *memory) left() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.rows)
}

// carrier is what the world does with a job.
type carrier func(ctx context.Context, job Job) Report

func (c carrier) Carry(ctx context.Context, job Job) Report { return c(ctx, job) }

// each answers for each recipient alike.
func each(job Job, r Result) Report {
	report := Report{Results: make([]Result, len(job.Transfers))}
	for i := range report.Results {
		report.Results[i] = r
	}
	return report
}

type here struct{}

func (here) Destination(mail.Path) Destination { return Local }

type silence struct{}

func (silence) Attempt(string) {}
func (silence) Notice(string)  {}

const toA = Destination("mx:a.example")

// run starts a queue over m, which ends with the test. Its first look at the rows is over: what comes
// later is not seen before it is whole.
func run(t *testing.T, m *memory, c Carrier) (q *Queue, stop func()) {
	t.Helper()
	q = New(Config{
		Rows: m, Contents: m, Carrier: c, Router: here{}, Observer: silence{}, Hostname: "gate.example",
		Retry: 5 * time.Minute, RetryMax: 4 * time.Hour, Lifetime: 5 * 24 * time.Hour, DelayNotice: 4 * time.Hour, Parallel: 20, Connections: 100,
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- q.Run(ctx, time.Minute) }()
	synctest.Wait()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return q, stop
}

// letter makes a message for recipients, whose content is in m.
func (m *memory) letter(sender mail.Path, rcpts ...mail.Path) *Message {
	blob, _ := m.Put(context.Background(), bytes.NewReader([]byte("Subject: hello\r\nMessage-ID: <1@here.example>\r\n\r\nbody\r\n")), 0)
	now := time.Now()
	msg := &Message{ID: blob, Tx: "tx-" + blob, Sender: sender, Blob: blob, Created: now, Expires: now.Add(5 * 24 * time.Hour)}
	for _, r := range rcpts {
		m.add(&Transfer{Message: msg, Recipient: r, Destination: toA})
	}
	return msg
}
