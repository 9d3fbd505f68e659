package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/internal/mail"
	"gatepost/test/bubble"
)

// memory is a Log and Rows.
type memory struct {
	mu      sync.Mutex
	blocks  []string
	rows    []*Row
	commits int
	err     error
	expired []time.Time
}

func (m *memory) Append(_ context.Context, block []byte) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return "", m.err
	}
	m.blocks = append(m.blocks, string(block))
	return fmt.Sprintf("b%d", len(m.blocks)-1), nil
}

func (m *memory) Read(_ context.Context, name string) ([]byte, error) {
	var i int
	if _, err := fmt.Sscanf(name, "b%d", &i); err != nil || i >= len(m.blocks) {
		return nil, errors.New("no such block")
	}
	return []byte(m.blocks[i]), nil
}

func (m *memory) Expire(_ context.Context, t time.Time) error {
	m.expired = append(m.expired, t)
	return nil
}

func (m *memory) Rewrite(ctx context.Context, names []string, change func(string, []byte) ([]byte, error)) error {
	for _, name := range names {
		block, err := m.Read(ctx, name)
		if err != nil {
			return err
		}
		to, err := change(name, block)
		if err != nil {
			return err
		}
		m.blocks[slices.Index(m.blocks, string(block))] = string(to)
	}
	return nil
}

func (m *memory) Put(_ context.Context, rows []*Row) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rows = append(m.rows, rows...)
	m.commits++
	return nil
}

func (m *memory) Search(_ context.Context, q Query) (hits []Hit, err error) {
	for _, r := range m.rows {
		for i, l := range r.Lines {
			if r.ID == q.ID {
				hits = append(hits, Hit{ID: r.ID, Number: i, Evidence: r.Evidence, Line: l})
			}
		}
	}
	return hits, nil
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestWriteAndShow(t *testing.T) {
	m := &memory{}
	j := New(m, m, quiet())
	defer j.Close()
	want := example()
	row, err := j.Write(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.rows) != 0 {
		t.Error("Write put the row into the store: that is its caller's commit")
	}
	m.rows = append(m.rows, row)
	got, hits, err := j.Show(t.Context(), want.ID)
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, want)
	if len(hits) != 2 {
		t.Errorf("hits: got %+v", hits)
	}
	for _, id := range []string{"", "unknown"} {
		if _, _, err := j.Show(t.Context(), id); !errors.Is(err, ErrNotFound) {
			t.Errorf("show %q: got %v, want ErrNotFound", id, err)
		}
	}
	m.blocks[0] = "\x09rubbish"
	if _, hits, err := j.Show(t.Context(), want.ID); !errors.Is(err, ErrFormat) || len(hits) != 2 {
		t.Errorf("damaged evidence: got %d hits, %v", len(hits), err)
	}
	m.err = errors.New("broken")
	if _, err := j.Write(t.Context(), want); !errors.Is(err, m.err) {
		t.Errorf("write to a broken log: got %v", err)
	}
}

func TestRow(t *testing.T) {
	r := example()
	r.Subject, r.ReversePath = strings.Repeat("é", 400), "News@Example.net"
	row := r.row("b0")
	if row.Sender != "news@example.net" || len(row.Subject) != maxText || row.Evidence != "b0" {
		t.Errorf("got %+v", row)
	}
	want := []Line{
		{Recipient: "ann@example.org", Policy: "default", Action: "none", Score: 2, State: "delivered"},
		{Recipient: "bob@example.org", Policy: "strict", Action: "spam", Entry: "dnsbl", Filter: "dnsbl", Reason: "listed on zen.example.net", Score: 2, State: "held"},
	}
	if !slices.Equal(row.Lines, want) {
		t.Errorf("lines: got %+v\nwant %+v", row.Lines, want)
	}
	r.Walks, r.State = r.Walks[:1], "aborted: connection lost"
	if got := r.row("").Lines; len(got) != 1 || got[0].State != r.State || got[0].Recipient != "" || got[0].Policy != "gate" {
		t.Errorf("without recipients: got %+v", got)
	}
}

func record(i int) *Record {
	return &Record{ID: fmt.Sprintf("t%05d", i), Walks: []Walk{{Recipient: "ann@example.org"}}}
}

// Notes share blocks and commits, and each is found by its own pointer.
func TestNotesAreGrouped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		j := New(m, m, quiet())
		for i := range 600 {
			j.Note(record(i))
		}
		bubble.Sleep(time.Second)
		if len(m.rows) != 600 || m.commits != 3 {
			t.Errorf("got %d rows in %d commits, want 600 in 3", len(m.rows), m.commits)
		}
		for _, i := range []int{0, 1, 255, 256, 599} {
			got, _, err := j.Show(t.Context(), record(i).ID)
			if err != nil || got.ID != record(i).ID {
				t.Errorf("show %d: got %+v, %v", i, got, err)
			}
		}
		j.Note(record(600))
		j.Close()
		if len(m.rows) != 601 || j.Dropped() != 0 {
			t.Errorf("after Close: %d rows, %d dropped", len(m.rows), j.Dropped())
		}
		j.Note(record(601))
		if j.Dropped() != 1 {
			t.Error("a note after Close was not counted")
		}
	})
}

// A disk that hangs under a flood: Note returns, the queue is bounded, a sample is
// kept, and the sum of kept and dropped is right, also in the records.
func TestFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		j := New(m, m, quiet())
		m.mu.Lock() // the disk hangs
		const flood = 10_000
		for i := range flood {
			j.Note(record(i))
		}
		if n := len(j.notes.waiting); n < calm || n > maxNotes {
			t.Errorf("%d notes wait, want %d to %d", n, calm, maxNotes)
		}
		m.mu.Unlock()
		bubble.Sleep(time.Second)
		j.Note(record(flood))
		j.Close()
		if got := uint64(len(m.rows)) + j.Dropped(); got != flood+1 {
			t.Errorf("%d kept and %d dropped of %d", len(m.rows), j.Dropped(), flood+1)
		}
		if late := m.rows[len(m.rows)-2].ID; late < record(flood/2).ID {
			t.Errorf("the last of the sample is %s: only the flood's beginning was kept", late)
		}
		if got := skipped(t, m); got != j.Dropped() {
			t.Errorf("records tell of %d dropped, want %d", got, j.Dropped())
		}
	})
}

// A flood from one network costs others nothing, whatever address of it is used and however
// long the disk hangs; the log tells of it in one line.
func TestFloodIsFairToOthers(t *testing.T) {
	tests := map[string]struct {
		flooder func(i int) string
		network string
	}{
		"ipv4":   {func(i int) string { return fmt.Sprintf("192.0.2.%d", i%256) }, "192.0.2.0/24"},
		"mapped": {func(i int) string { return fmt.Sprintf("::ffff:192.0.2.%d", i%256) }, "192.0.2.0/24"},
		"ipv6":   {func(i int) string { return fmt.Sprintf("2001:db8::%x", i%65536) }, "2001:db8::/64"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &memory{}
				var b strings.Builder
				j := New(m, m, slog.New(slog.NewTextHandler(&b, nil)))
				m.mu.Lock() // the disk hangs
				const others = 130
				for other := range others {
					for i := range 400 {
						r := record(i)
						r.Client = test.flooder(i)
						j.Note(r)
					}
					r := record(other)
					r.Client = fmt.Sprintf("2001:db8:1:%x::7", other%10)
					j.Note(r)
				}
				m.mu.Unlock()
				bubble.Sleep(time.Second)
				kept := 0
				for _, r := range m.rows {
					if strings.HasPrefix(r.Client, "2001:db8:1:") {
						kept++
					}
				}
				if kept != others {
					t.Errorf("%d of %d notes of others were kept", kept, others)
				}
				if j.Dropped() == 0 || len(j.notes.from) != 0 {
					t.Errorf("%d dropped, and of what waits is left %v", j.Dropped(), j.notes.from)
				}
				if got := b.String(); strings.Count(got, "level=WARN") != 1 || !strings.Contains(got, "most_from="+test.network) {
					t.Errorf("log: %q", got)
				}
				j.Close()
			})
		})
	}
}

// skipped sums what the records tell of.
func skipped(t *testing.T, m *memory) (n uint64) {
	for _, b := range m.blocks {
		records, err := decode([]byte(b))
		if err != nil {
			t.Error(err)
		}
		for _, r := range records {
			n += r.Skipped
		}
	}
	return n
}

// What could not be written is counted, and told of by what follows.
func TestNotesThatFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{err: errors.New("disk full")}
		var b strings.Builder
		j := New(m, m, slog.New(slog.NewTextHandler(&b, nil)))
		for i := range 10 {
			j.Note(record(i))
		}
		bubble.Sleep(time.Second)
		m.err = nil
		j.Note(record(10))
		j.Close()
		if j.Dropped() != 10 || skipped(t, m) != 10 || len(m.rows) != 1 {
			t.Errorf("%d dropped, %d told, %d rows", j.Dropped(), skipped(t, m), len(m.rows))
		}
		if !strings.Contains(b.String(), "disk full") || strings.Count(b.String(), "\n") != 1 {
			t.Errorf("log: %q", b.String())
		}
	})
}

func TestQueryIsCleaned(t *testing.T) {
	got := Query{Recipient: "Ann@Example.org", Domain: "Example.ORG", Subject: "ÉTÉ", Limit: 1 << 30}.clean()
	want := Query{Recipient: "ann@example.org", Domain: "example.org", Subject: "été", Limit: MaxLimit}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := (Query{}).clean().Limit; got != 100 {
		t.Errorf("default limit: got %d", got)
	}
}

func TestExpireCoversBoth(t *testing.T) {
	m := &memory{}
	j := New(m, m, quiet())
	defer j.Close()
	before := time.Unix(1e9, 0)
	if err := j.Expire(t.Context(), before); err != nil || !slices.Equal(m.expired, []time.Time{before, before}) {
		t.Errorf("got %v, %v", m.expired, err)
	}
}

// example is a message for two, one of whose policies is stricter.
func example() *Record {
	spf := Step{
		Entry: "spf", Filter: "spf", Result: "softfail", Points: 2, Effect: "score 2", Micros: 18_400,
		Reason:   "192.0.2.7 is not among the senders of example.net (~all)",
		Evidence: []KV{{"txt example.net", "v=spf1 ip4:198.51.100.0/24 ~all"}},
	}
	allow := Step{Entry: "ip-allow", Filter: "ip-allow", Result: "none", Effect: "none", Micros: 7}
	list := Step{
		Entry: "dnsbl", Filter: "dnsbl", Result: "listed", Score: 1, Micros: 34_912, Reason: "listed on zen.example.net",
		Evidence: []KV{{"a 7.2.0.192.zen.example.net", "127.0.0.2"}}, Effect: "spam",
	}
	shadow := list
	shadow.Shadow = true
	return &Record{
		ID: "06esv4q5n8g0k1t3c9v2", Time: time.Date(2026, 11, 22, 22, 45, 55, 123_456_000, time.UTC),
		Client: "192.0.2.7", Helo: "mx.example.net", TLS: "TLS1.3 TLS_AES_128_GCM_SHA256",
		ReversePath: "news@example.net", Subject: "Votre facture impayée nº 4711", MessageID: "<4711@example.net>",
		Size: 48_213, Reply: "250 2.0.0 accepted 06esv4q5n8g0k1t3c9v2",
		Walks: []Walk{
			{Policy: "gate", Steps: []Step{{Entry: "early-talker", Filter: "early-talker", Result: "none", Effect: "none", Micros: 1_300_000}}, Decision: Decision{Action: "none"}},
			{
				Recipient: "ann@example.org", Policy: "default", Steps: []Step{allow, spf, shadow}, Score: 2, Required: 7.5,
				Decision: Decision{Action: "none"}, Outcome: mail.Delivered.String(), State: "in INBOX",
			},
			{
				Recipient: "bob@example.org", Policy: "strict", Steps: []Step{allow, spf, list}, Score: 2, Required: 5,
				Decision: Decision{Action: "spam", Entry: "dnsbl", Filter: "dnsbl", Result: "listed", Reason: "listed on zen.example.net"},
				Outcome:  mail.Held.String(), State: "in quarantine until 2026-12-22",
			},
			{Recipient: "bob@example.org", Policy: "candidate", Shadow: true, Decision: Decision{Action: "accept"}},
		},
	}
}

// crowd is a refused transaction with very many recipients, each with a long walk.
func crowd(id string, recipients int) *Record {
	r := &Record{ID: id, Reply: "550 5.7.1 no"}
	for i := range recipients {
		w := Walk{Recipient: mail.Path(fmt.Sprintf("r%d@example.org", i)), Policy: "default"}
		for s := range 30 {
			w.Steps = append(w.Steps, Step{
				Entry: fmt.Sprintf("entry%d", s), Filter: fmt.Sprintf("filter%d", s), Result: "pass", Micros: int64(100 + i),
				Evidence: []KV{{"client", "192.0.2.7"}, {"list", "zen.example.org"}}, Effect: "none",
			})
		}
		r.Walks = append(r.Walks, w)
	}
	return r
}

// However much comes at once, what was taken can be read again.
func TestEvidenceOfManyRecipientsIsReadable(t *testing.T) {
	for name, size := range map[string]struct{ records, recipients int }{
		"many records": {16, 1000},
		"one record":   {1, 16_000},
	} {
		t.Run(name, func(t *testing.T) {
			m := &memory{}
			j := New(m, m, quiet())
			var group []*Record
			for i := range size.records {
				group = append(group, crowd(fmt.Sprintf("t%d", i), size.recipients))
			}
			if err := j.flush(t.Context(), group); err != nil {
				t.Fatal(err)
			}
			j.Close()
			for _, want := range group {
				got, hits, err := j.Show(t.Context(), want.ID)
				if err != nil || got.ID != want.ID || got.Reply != want.Reply || len(hits) != size.recipients || len(got.Walks) != size.recipients {
					t.Fatalf("%s: %d hits, %v", want.ID, len(hits), err)
				}
			}
			for i, block := range m.blocks {
				if len(block) > maxBlock+2 {
					t.Errorf("block %d has %d octets", i, len(block))
				}
			}
		})
	}
}

// Of a record that is scrubbed no more is left than its id and its time; the others of its block are whole, and their
// pointers hold.
func TestScrub(t *testing.T) {
	m := &memory{}
	j := New(m, m, quiet())
	defer j.Close()
	group := []*Record{}
	for i := range 20 {
		r := *example()
		r.ID, r.Subject = fmt.Sprintf("t%02d", i), fmt.Sprintf("subject %d", i)
		group = append(group, &r)
	}
	group = append(group, &Record{ID: "nothing"})
	rows, err := j.append(t.Context(), group, nil)
	if err != nil {
		t.Fatal(err)
	}
	lone, err := j.Write(t.Context(), &Record{ID: "x", ReversePath: "bob@far.example"})
	if err != nil {
		t.Fatal(err)
	}
	some := map[string]string{rows[0].Evidence: "t00", rows[7].Evidence: "t07", rows[8].Evidence: "another's", rows[20].Evidence: "nothing", lone.Evidence: "x"}
	for range 2 {
		if err := j.Scrub(t.Context(), some); err != nil {
			t.Fatal(err)
		}
	}
	for i, row := range append(rows, lone) {
		got, err := j.Evidence(t.Context(), row.Evidence)
		if err != nil {
			t.Fatal(err)
		}
		gone := some[row.Evidence] == row.ID
		if got.ID != row.ID || (got.Subject == "") != (gone || i == 20) || (len(got.Walks) == 0) != (gone || i == 20) || gone && (got.Client != "" || got.ReversePath != "") {
			t.Errorf("%d: got %+v", i, got)
		}
		if gone && i < 20 && (got.State != Scrubbed || !got.Time.Equal(row.Time)) {
			t.Errorf("%d: %s, %v", i, got.State, got.Time)
		}
	}
	for _, b := range m.blocks {
		if strings.Contains(b, "bob@far.example") {
			t.Error("an address is left")
		}
	}
	if err := j.Scrub(t.Context(), map[string]string{"b0/x": "x"}); !errors.Is(err, ErrFormat) {
		t.Errorf("no pointer: %v", err)
	}
}
