package sent

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/internal/mail"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// memory is Rows in a map.
type memory struct {
	days    map[Mark]Day
	asked   []Day // the first and the last day of the last question
	failing error
}

func (m *memory) Known(_ context.Context, marks []Mark, first, last Day) (known []Mark, err error) {
	m.asked = []Day{first, last}
	for _, k := range marks {
		if d, ok := m.days[k]; ok && d >= first && d <= last {
			known = append(known, k)
		}
	}
	return known, m.failing
}

func (m *memory) Purge(_ context.Context, before Day, limit int) (n int, err error) {
	for k, d := range m.days {
		if d < before && n < limit {
			delete(m.days, k)
			n++
		}
	}
	return n, m.failing
}

func newLedger(rows *memory) *Ledger {
	return New(Config{
		Rows: rows, Key: []byte("key"), Keep: func() time.Duration { return 30 * 24 * time.Hour }, Now: func() time.Time { return noon },
	})
}

func message(text string) *mail.Message {
	return mail.NewMessage([]byte(strings.ReplaceAll(text, "\n", "\r\n")))
}

func TestLedger(t *testing.T) {
	rows := &memory{days: map[Mark]Day{}}
	l := newLedger(rows)
	if got := l.Mark("ann@ours.example", message("From: a\n\nx\n")); got != nil {
		t.Errorf("no Message-ID: got %x", got)
	}
	if got := l.Mark(mail.Null, message("Message-ID: <1@ours.example>\n\nx\n")); got != nil {
		t.Errorf("no sender: got %x", got)
	}
	mark := l.Mark("Ann@ours.example", message("Message-ID: <1@Ours.example>\n\nx\n"))
	if len(mark) != len(Mark{}) {
		t.Fatalf("mark %x", mark)
	}
	rows.days[Mark(mark)] = DayOf(noon)
	other := New(Config{Rows: rows, Key: []byte("other"), Keep: l.c.Keep, Now: l.c.Now})
	for name, tt := range map[string]struct {
		of   *Ledger
		to   mail.Path
		ids  []string
		want string
	}{
		"sent":               {l, "ann@ours.example", []string{"0@ours.example", "1@ours.example"}, "1@ours.example"},
		"not sent":           {l, "ann@ours.example", []string{"2@ours.example"}, ""},
		"another case":       {l, "ann@ours.example", []string{"1@ours.example"}, "1@ours.example"},
		"another key":        {other, "ann@ours.example", []string{"1@ours.example"}, ""},
		"by a signed path":   {l, "prvs=5682fcb416=ann@ours.example", []string{"1@ours.example"}, "1@ours.example"},
		"to another mailbox": {l, "bob@ours.example", []string{"1@ours.example"}, ""},
		"to a sub-address":   {l, "ann+x@ours.example", []string{"1@ours.example"}, ""},
		"to nobody":          {l, mail.Null, []string{"1@ours.example"}, ""},
		"nothing":            {l, "ann@ours.example", nil, ""},
		"beyond the most":    {l, "ann@ours.example", append(slices.Repeat([]string{"0@ours.example"}, MaxRefs), "1@ours.example"), ""},
	} {
		if got, err := tt.of.Sent(t.Context(), tt.to, tt.ids); err != nil || got != tt.want {
			t.Errorf("%s: got %q, %v; want %q", name, got, err, tt.want)
		}
	}
	if want := []Day{DayOf(noon) - 31, DayOf(noon) + 1}; !slices.Equal(rows.asked, want) {
		t.Errorf("asked for days %v, want %v", rows.asked, want)
	}
	rows.failing = errors.New("away")
	if _, err := l.Sent(t.Context(), "ann@ours.example", []string{"x@y"}); !errors.Is(err, rows.failing) {
		t.Errorf("the store is away: got %v", err)
	}
}

func TestPurge(t *testing.T) {
	rows := &memory{days: map[Mark]Day{}}
	l := newLedger(rows)
	today := DayOf(noon)
	for i := range 2*purgeSome + 1 {
		rows.days[Mark{byte(i), byte(i >> 8)}] = today - 32
	}
	rows.days[Mark{1, 1, 1}], rows.days[Mark{2, 2, 2}] = today-31, today
	n, err := l.Purge(t.Context(), noon)
	if err != nil || n != 2*purgeSome+1 || len(rows.days) != 2 {
		t.Errorf("purged %d, %v, left %d; want %d and 2", n, err, len(rows.days), 2*purgeSome+1)
	}
}

func TestNormal(t *testing.T) {
	for value, want := range map[string]string{
		" <a.B@C.Example> ": "a.B@c.example", "<a@b> (remark)": "a@b", "a@b": "a@b", "<nothing>": "nothing", "<>": "", "": "", "two words": "",
		"<" + strings.Repeat("a", maxID+1) + ">": "", "<a b@c>": "",
	} {
		if got := normal(value); got != want {
			t.Errorf("%q: got %q, want %q", value, got, want)
		}
	}
}
