package tlsreport

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"net"
	netmail "net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/internal/daily"
	"gatepost/internal/mail"
)

var update = flag.Bool("update", false, "write golden files")

// world answers for a domain, and takes its reports.
type world struct {
	text   string
	err    error
	refuse string // a place that takes none
	asked  int    // places, so far
	mails  map[string][]byte
	posts  map[string][]byte
}

func (w *world) LookupTXT(_ context.Context, name string) ([]string, error) {
	if name != "_smtp._tls.a.example" {
		return nil, &net.DNSError{IsNotFound: true}
	}
	return []string{w.text}, w.err
}

func (w *world) Send(_ context.Context, to mail.Path, message []byte) error {
	w.asked++
	if string(to) == w.refuse {
		return errors.New("no")
	}
	w.mails[string(to)] = message
	return nil
}

func (w *world) Post(_ context.Context, url string, report []byte) error {
	w.asked++
	if url == w.refuse {
		return errors.New("no")
	}
	w.posts[url] = report
	return nil
}

func (w *world) places() (list []string) {
	for p := range w.mails {
		list = append(list, p)
	}
	for p := range w.posts {
		list = append(list, p)
	}
	slices.Sort(list)
	return list
}

// counted has two days of a.example in rows, the second of them not over.
func counted(t *testing.T, rows *memory) {
	t.Helper()
	now := noon
	tally := newTally(t, rows, &now)
	tally.Note(session("a.example", ""))
	tally.Note(session("a.example", Expired))
	tally.Note(Session{Policy: &Policy{Domain: "a.example", Type: Free}})
	tally.Note(session("silent.example", ""))
	now = now.Add(24 * time.Hour)
	tally.Note(session("a.example", ""))
	if err := tally.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// A day is reported once, where the domain asks, over HTTPS where it can be, and tried
// again where nobody took it.
func TestReporter(t *testing.T) {
	const both, mailbox = "v=TLSRPTv1; rua=mailto:tls@a.example,https://a.example/tls", "v=TLSRPTv1; rua=mailto:tls@a.example"
	for name, c := range map[string]struct {
		world world
		later time.Duration
		want  string // places
		left  int    // periods of the first day
	}{
		"both":           {world{text: both}, 0, "https://a.example/tls", 0},
		"mail alone":     {world{text: mailbox}, 0, "tls@a.example", 0},
		"two URLs":       {world{text: both + ",https://b.example/"}, 0, "https://a.example/tls https://b.example/", 0},
		"one refuses":    {world{text: both + ",https://b.example/", refuse: "https://b.example/"}, 0, "https://a.example/tls", 0},
		"all refuse":     {world{text: mailbox, refuse: "tls@a.example"}, 0, "", 1},
		"HTTPS refuses":  {world{text: both, refuse: "https://a.example/tls"}, 0, "", 1},
		"no record":      {world{err: &net.DNSError{IsNotFound: true}}, 0, "", 0},
		"nobody knows":   {world{err: &net.DNSError{IsTemporary: true}}, 0, "", 1},
		"no such record": {world{text: "v=spf1"}, 0, "", 0},
		"late":           {world{text: both}, 24*time.Hour - spread, "https://a.example/tls", 0},
		"found late":     {world{text: both}, 48 * time.Hour, "https://a.example/tls", 0},
	} {
		t.Run(name, func(t *testing.T) {
			rows := newMemory()
			counted(t, rows)
			w := &c.world
			w.mails, w.posts = map[string][]byte{}, map[string][]byte{}
			now := Day("2026-11-24").End().Add(spread + c.later)
			r := NewReporter(Config{
				Rows: rows, Resolver: w, Sender: w, Hostname: "gate.example", From: "postmaster@gate.example",
				Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now },
			})
			for i := range 2 {
				asked := w.asked
				if err := r.Report(t.Context()); err != nil {
					t.Error(err)
				}
				if got := strings.Join(w.places(), " "); got != c.want {
					t.Errorf("got %q, want %q", got, c.want)
				}
				if now = now.Add(daily.ClaimTime / 2); i > 0 && w.asked != asked {
					t.Errorf("%d places are asked again", w.asked-asked)
				}
			}
			left := 0
			for p := range rows.counts {
				if p.Day == "2026-11-24" {
					left++
				}
			}
			if left != c.left {
				t.Errorf("%d left, want %d", left, c.left)
			}
			if c.left > 0 {
				w.err, w.text, w.refuse = nil, both, ""
				now = now.Add(spread)
				if err := r.Report(t.Context()); err != nil || len(w.places()) != 1 {
					t.Errorf("later: %v, %v", w.places(), err)
				}
			}
		})
	}
}

// Where nobody takes a report the intervals double, and after a day it is given up.
func TestRetries(t *testing.T) {
	rows := newMemory()
	counted(t, rows)
	if err := rows.Drop(t.Context(), Period{Day: "2026-11-25", Domain: "a.example"}); err != nil {
		t.Fatal(err)
	}
	w := &world{text: "v=TLSRPTv1; rua=https://a.example/tls", refuse: "https://a.example/tls"}
	due := due("2026-11-24", "a.example", "gate.example")
	now := due
	r := NewReporter(Config{Rows: rows, Resolver: w, Sender: w, Hostname: "gate.example", Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }})
	var tried []string
	for ; now.Sub(due) < 48*time.Hour; now = now.Add(time.Hour) {
		before := w.asked
		if err := r.Report(t.Context()); err != nil {
			t.Error(err)
		}
		if w.asked > before {
			tried = append(tried, fmt.Sprint(int(now.Sub(due).Hours())))
		}
	}
	if got := strings.Join(tried, " "); got != "0 1 2 4 8 16" || rows.counts[Period{Day: "2026-11-24", Domain: "a.example"}] != nil {
		t.Errorf("tried after %s hours; left: %v", got, rows.counts)
	}
}

// slow has domains whose places take a report only when their time is over, and one
// that takes it at once.
type slow struct {
	*world
	mu    sync.Mutex
	began time.Time
	took  time.Duration // until the good one had its report
}

func (s *slow) LookupTXT(_ context.Context, name string) ([]string, error) {
	return []string{"v=TLSRPTv1; rua=https://" + strings.TrimPrefix(name, "_smtp._tls.") + "/"}, nil
}

func (s *slow) Post(ctx context.Context, url string, _ []byte) error {
	if url != "https://good.example/" {
		<-ctx.Done()
		return ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.took = time.Since(s.began)
	return nil
}

// Places that hang don't hold up a report to another.
func TestPlacesThatHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rows, now := newMemory(), noon
		tally := newTally(t, rows, &now)
		tally.Note(session("good.example", ""))
		for i := range parallel - 1 {
			tally.Note(session(fmt.Sprint(i, ".example"), ""))
		}
		if err := tally.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		now = Day("2026-11-24").End().Add(spread)
		s := &slow{world: &world{}, began: time.Now()}
		r := NewReporter(Config{Rows: rows, Resolver: s, Sender: s, Hostname: "gate.example", Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }})
		if err := r.Report(t.Context()); err != nil {
			t.Error(err)
		}
		if s.took != 0 || rows.counts[Period{Day: "2026-11-24", Domain: "good.example"}] != nil || len(rows.counts) != parallel-1 {
			t.Errorf("sent after %v; %d left", s.took, len(rows.counts))
		}
	})
}

// The report is the RFC's JSON, and the message carries it whole.
func TestMessage(t *testing.T) {
	w := &world{mails: map[string][]byte{}, posts: map[string][]byte{}}
	now := Day("2026-11-24").End().Add(spread)
	for _, place := range []string{"mailto:tls@a.example", "https://a.example/tls"} {
		rows := newMemory()
		counted(t, rows)
		w.text = "v=TLSRPTv1; rua=" + place
		r := NewReporter(Config{
			Rows: rows, Resolver: w, Sender: w, Hostname: "gate.example", From: "postmaster@gate.example",
			Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now },
		})
		if err := r.Report(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	packed := w.posts["https://a.example/tls"]
	unpacked, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(unpacked)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		t.Fatal(err)
	}
	golden(t, "report.json", b.Bytes())
	m, err := netmail.ReadMessage(bytes.NewReader(w.mails["tls@a.example"]))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"From": "TLS reports <postmaster@gate.example>", "To": "<tls@a.example>", "Tls-Report-Domain": "a.example", "Tls-Report-Submitter": "gate.example",
		"Auto-Submitted": "auto-generated", "Subject": "Report Domain: a.example Submitter: gate.example Report-ID: <0c542f4b90ec24754660518e@gate.example>",
	} {
		if got := m.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/report" || params["report-type"] != "tlsrpt" {
		t.Errorf("%s %v %v", kind, params, err)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	first, err := parts.NextPart()
	if err != nil || !strings.HasPrefix(first.Header.Get("Content-Type"), "text/plain") {
		t.Fatal(first, err)
	}
	second, err := parts.NextPart()
	if err != nil || second.Header.Get("Content-Type") != "application/tlsrpt+gzip" || !strings.HasPrefix(second.FileName(), "gate.example!a.example!1795478400!1795564799!") {
		t.Fatal(second, err)
	}
	got, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, second))
	if err != nil || !bytes.Equal(got, packed) {
		t.Errorf("attached are %d octets, want %d; %v", len(got), len(packed), err)
	}
	for line := range strings.Lines(string(w.mails["tls@a.example"])) {
		if !strings.HasSuffix(line, "\r\n") || len(line) > 200 {
			t.Errorf("line %q", line)
		}
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%v\ngot\n%s\nwant\n%s", err, got, want)
	}
}
