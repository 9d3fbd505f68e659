package app

import (
	"bytes"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatepost/internal/blob"
	"gatepost/internal/blob/segment"
	"gatepost/internal/config"
	"gatepost/internal/control/ops"
	"gatepost/internal/intake"
	"gatepost/internal/journal"
	"gatepost/internal/mail"
	"gatepost/quarantine"
	"gatepost/test/fresh"
)

// hold puts a content and holds it for a mailbox, as the intake does.
func hold(t *testing.T, a *App, id string, box int64, content []byte) blob.ID {
	t.Helper()
	name, err := a.blobs.Put(t.Context(), bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	const ann = mail.Path("ann@test.example")
	err = a.store.Commit(t.Context(), &intake.Commit{
		Held: []*quarantine.Held{{
			ID: id, Tx: id, Recipient: ann, Box: box, Domain: "test.example", Client: netip.MustParseAddr("192.0.2.1"),
			Filter: "spf", Blob: string(name), Size: int64(len(content)), Time: now, Expires: now.AddDate(0, 1, 0), State: quarantine.StateHeld,
		}},
		Row: &journal.Row{ID: id, Time: now, Lines: []journal.Line{{Recipient: ann, State: "held"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// freshData is a data directory with a store in which nothing is.
func freshData(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	fresh.In(t, dir)
	return dir
}

// openUnlimited opens a node that takes whatever the disk does.
func openUnlimited(t *testing.T) *App {
	t.Helper()
	a := openIn(t, freshData(t))
	t.Cleanup(func() { a.Close() })
	return a
}

// openIn is openUnlimited over a data directory; who calls it closes it.
func openIn(t *testing.T, dir string, sets ...string) *App {
	t.Helper()
	c, err := config.Load("../../config.yaml", append([]string{"data=" + dir, "limits.min_free=0"}, sets...), nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// A held message that was given up is gone from disk a day later, with its row; its
// entry still shows, without the header. What is held stays under its name.
func TestContentDies(t *testing.T) {
	a := openUnlimited(t)
	if _, err := a.addDomain(t.Context(), ops.DomainAdd{Name: "test.example"}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.addMailbox(t.Context(), ops.MailboxAdd{Address: "ann@test.example", Password: "correct horse battery"}); err != nil {
		t.Fatal(err)
	}
	box, _ := a.directory.Snapshot().Mailbox("ann@test.example")
	head := []byte("Subject: held\r\n\r\n")
	given := hold(t, a, "given", box.ID, append(bytes.Clone(head), make([]byte, 40<<20)...)) // enough to end a segment for it
	hold(t, a, "kept", box.ID, head)
	if _, err := a.quarantine.Delete(t.Context(), "given", operator(t.Context())); err != nil {
		t.Fatal(err)
	}
	clock := time.Now()
	u := undertaker{a.blobs, a.store.Blobs(func() time.Time { return clock })}
	for day := range 2 {
		r, err := u.work(t.Context())
		if err != nil || (r.Buried == 1) != (day == 1) {
			t.Fatalf("day %d: got %+v, %v", day, r, err)
		}
		d, err := a.showHeld(t.Context(), ops.QuarantineShow{ID: "given"})
		if err != nil || d.State != "deleted" || (d.Headers == "") != (day == 1) {
			t.Errorf("day %d: shown: state %s, headers %q, %v", day, d.State, d.Headers, err)
		}
		clock = clock.Add(25 * time.Hour)
	}
	if _, err := a.blobs.Open(t.Context(), given); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("open: got %v, want ErrNotFound", err)
	}
	if d, err := a.showHeld(t.Context(), ops.QuarantineShow{ID: "kept"}); err != nil || !strings.Contains(d.Headers, "held") {
		t.Errorf("kept: %q, %v", d.Headers, err)
	}
	if _, err := a.blobs.Put(t.Context(), strings.NewReader("orphan"), 6); err != nil {
		t.Fatal(err)
	}
	report, err := a.checkStore(t.Context(), ops.CheckStore{})
	if err != nil || len(report.Damage) > 0 || report.Messages != 1 || report.Unreferenced != 1 {
		t.Errorf("check: got %+v, %v", report, err)
	}
	if n, octets, err := u.rows.Unreferenced(t.Context()); n != 0 || err != nil {
		t.Errorf("%d rows, %d octets are left, %v", n, octets, err)
	}
	usage := a.segments.Usage()
	if usage.Buried != 1 || usage.Freed < 40<<20 || usage.Octets > 1000 || usage.Segments != 1 {
		t.Errorf("usage: %+v", usage)
	}
}

// A clock that is set ahead while contents wait for their commit buries none of them.
func TestClockJumpBuriesNothing(t *testing.T) {
	a := openUnlimited(t)
	clock := time.Now()
	a.now = func() time.Time { return clock }
	content := make([]byte, 40<<20) // enough to end a segment for it
	id, err := a.blobs.Put(t.Context(), bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	u := a.undertaker()
	if _, err := u.rows.Meet(t.Context(), []blob.Found{{ID: id, Size: int64(len(content))}}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if r, err := u.work(t.Context()); r.Buried > 0 || err != nil {
			t.Fatalf("got %+v, %v", r, err)
		}
		clock = clock.AddDate(0, 0, 2)
	}
	opened, err := a.blobs.Open(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	opened.Close()
}

// A compaction that has no room is told once, and each other failure every time.
func TestCompactionTold(t *testing.T) {
	var log bytes.Buffer
	a := &App{log: slog.New(slog.NewTextHandler(&log, nil))}
	told := false
	for _, c := range []struct {
		err   error
		freed int64
		lines int
	}{
		{blob.ErrFull, 0, 1}, {blob.ErrFull, 0, 0}, {blob.ErrAlive, 0, 1}, {blob.ErrAlive, 0, 1}, {blob.ErrFull, 7, 0}, {blob.ErrFull, 0, 1}, {nil, 0, 0},
	} {
		log.Reset()
		told = a.compacted(blob.Report{Freed: c.freed}, c.err, 0, told)
		if n := strings.Count(log.String(), "\n"); n != c.lines {
			t.Errorf("%v, %d freed: told %d times: %s", c.err, c.freed, n, log.String())
		}
	}
}

// A damaged end of a log is an error in the node's, and a torn one a warning.
func TestTornEndTold(t *testing.T) {
	for want, rec := range map[string]segment.Recovery{
		"":            {Segment: "00000001.seg"},
		"level=WARN":  {Segment: "00000001.seg", Cut: 7},
		"level=ERROR": {Segment: "00000001.seg", Ended: true, Damaged: []segment.Frame{{Damage: blob.ErrDamaged}}},
	} {
		var log bytes.Buffer
		a := &App{log: slog.New(slog.NewTextHandler(&log, nil))}
		a.tornEnd("content", rec)
		if got := log.String(); !strings.Contains(got, want) || (got == "") != (want == "") {
			t.Errorf("%+v: got %q, want %s", rec, got, want)
		}
	}
}

// The reserve is there while there is room, goes when nothing is left, and comes back.
func TestReserve(t *testing.T) {
	free := int64(1 << 30)
	var log bytes.Buffer
	path := filepath.Join(t.TempDir(), "reserve")
	r := newReserve(path, 80_000, func() (int64, error) { return free, nil }, slog.New(slog.NewTextHandler(&log, nil)))
	for _, c := range []struct{ free, want int64 }{
		{1 << 30, 10_000}, {50_000, 10_000}, {10_000, 10_000}, {9_999, -1}, {19_999, -1}, {89_999, -1}, {90_000, 10_000},
	} {
		free = c.free
		if err := r.adjust(); err != nil {
			t.Fatal(err)
		}
		size := int64(-1)
		if info, err := os.Stat(path); err == nil {
			size = info.Size()
		}
		if size != c.want {
			t.Errorf("with %d free: got %d, want %d", c.free, size, c.want)
		}
	}
	if n := strings.Count(log.String(), "given up"); n != 1 {
		t.Errorf("told %d times: %s", n, log.String())
	}
	r.size = 5000 // another setting
	for _, want := range []int64{-1, 5000} {
		if err := r.adjust(); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); (err == nil) != (want > 0) || err == nil && info.Size() != want {
			t.Errorf("got %v, %v, want %d", info, err, want)
		}
	}
}
