package app

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"gatepost/internal/control/ops"
	"gatepost/internal/metric"
	"gatepost/mailbox"
)

// On a nearly full disk deleted mail goes before new mail is refused, the oldest first and no more
// than helps, which the log says once. Its content may be dead within the hour then, but not
// while a backup is made.
func TestDeletedMailYields(t *testing.T) {
	a := openUnlimited(t)
	n := &pagesNode{App: a, t: t}
	n.must2(a.addDomain(t.Context(), ops.DomainAdd{Name: "test.example"}))
	n.must2(a.addMailbox(t.Context(), ops.MailboxAdd{Address: "ann@test.example", Password: "correct horse battery"}))
	box, _ := a.directory.Snapshot().Mailbox("ann@test.example")
	for i := range 4 {
		id, err := a.blobs.Put(t.Context(), bytes.NewReader([]byte(strings.Repeat(fmt.Sprint(i), 100))), 100)
		n.must(err)
		d := &mailbox.Delivery{Box: box.ID, Blob: string(id), Size: 100, Time: time.Now(), Flags: []string{`\Deleted`}}
		n.must(a.mailboxes.Deliver(t.Context(), d))
		n.must(a.mailboxes.Expunge(t.Context(), d.FolderID, mailbox.UIDSet{{First: d.UID, Last: d.UID}}))
	}
	var log bytes.Buffer
	y := a.yielder
	y.keep, y.log = 1000, slog.New(slog.NewTextHandler(&log, nil))
	free := int64(0)
	y.free = func() (int64, error) { return free, nil }
	for _, step := range []struct {
		free, kept int64
	}{{2000, 4}, {1999, 3}, {1900, 3}, {1899, 2}, {2000, 2}, {900, 0}, {900, 0}} {
		free = step.free
		n.must(y.adjust(t.Context()))
		list, err := a.mailboxes.Kept(t.Context(), box.ID, mailbox.KeptQuery{})
		if err != nil || int64(len(list)) != step.kept {
			t.Errorf("with %d free: %d kept, %v, want %d", step.free, len(list), err, step.kept)
		}
		if len(list) > 0 && list[0].EmailID != 4 {
			t.Errorf("with %d free the latest is gone", step.free)
		}
	}
	if got := strings.Count(log.String(), "let go before its time"); got != 2 || y.messages.Load() != 4 || y.bytes.Load() != 400 {
		t.Errorf("told %d times of %d messages, %d octets:\n%s", got, y.messages.Load(), y.bytes.Load(), log.String())
	}
	clock := time.Now()
	u := undertaker{a.blobs, a.store.Blobs(func() time.Time { return clock }).Sooner(a.hurried)}
	n.must2(u.work(t.Context()))
	clock = clock.Add(2 * time.Hour)
	for _, backups := range []int64{1, 0} {
		a.backups.Store(backups)
		dead, err := u.rows.Dead(t.Context(), "", "~")
		if err != nil || (len(dead) == 4) != (backups == 0) {
			t.Errorf("%d backups: %d contents are dead, %v", backups, len(dead), err)
		}
	}
}

// Where contents are in a bucket no deleted mail goes when the node's own disk is nearly full: it would make no
// room there.
func TestDeletedMailOfBucketStays(t *testing.T) {
	a := openUnlimited(t)
	for _, c := range []struct {
		endpoint string
		short    bool
	}{{"", true}, {"https://s3.example.org", false}} {
		set := *a.config.Load()
		set.Limits.MinFree, set.Content.S3.Endpoint = 1000, c.endpoint
		b := &App{store: a.store, mailboxes: a.mailboxes, metrics: metric.New(), now: a.now, log: a.log}
		b.config.Store(&set)
		y := b.newYielder(func() (int64, error) { return 1, nil })
		b.yielder = y
		if err := y.adjust(t.Context()); err != nil || y.short.Load() != c.short {
			t.Errorf("contents at %q: %v; short: %t, want %t", c.endpoint, err, y.short.Load(), c.short)
		}
	}
}
