package imap_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gatepost/internal/blob"
	"gatepost/internal/store"
	"gatepost/mailbox/imap"
)

// A user has so many sessions and no more, others have their own, and one that ends leaves its place.
func TestSessionsOfOneUser(t *testing.T) {
	s := start(t, func(s *imap.Server) { s.Limits.PerLogin = 2 })
	first, second := login(t, s), login(t, s)
	third := s.dial(t)
	wantPrefix(t, "one too many", last(third.do("LOGIN ann@example.org secret")), "x1 NO [LIMIT]")
	third.must("LOGIN bob@example.org secret")
	first.must("LOGOUT")
	wantPrefix(t, "end", first.line(), "<closed>")
	for end := time.Now().Add(10 * time.Second); ; { // its place is free soon after
		c := s.dial(t)
		if got := last(c.do("LOGIN ann@example.org secret")); strings.HasPrefix(got, "x1 OK") {
			break
		} else if time.Now().After(end) {
			t.Fatalf("the place stays taken: %s", got)
		}
		c.c.Close()
	}
	second.must("NOOP")
}

// counted counts what is opened.
type counted struct {
	imap.Bodies
	opened *atomic.Int64
}

func (c counted) Open(ctx context.Context, id blob.ID) (blob.Content, error) {
	c.opened.Add(1)
	return c.Bodies.Open(ctx, id)
}

// Who asks for much and does not read makes the server wait, not gather: issue G's last words.
func TestSlowReader(t *testing.T) {
	var opened atomic.Int64
	s := start(t, func(s *imap.Server) { s.Bodies = counted{s.Bodies, &opened} })
	c := login(t, s)
	const size, n = 190_000, 128
	c.must(fmt.Sprintf("APPEND INBOX {%d+}\r\nA: b\r\n\r\n%0*d", size, size-8, 0))
	c.must("SELECT INBOX")
	for total := 1; total < n; total *= 2 {
		c.must(fmt.Sprintf("COPY 1:%d INBOX", total))
	}
	c.c.(*net.TCPConn).SetReadBuffer(4 << 10)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	c.send(strings.Repeat("a1 FETCH 1:* BODY.PEEK[]\r\n", 100) + "a2 NOOP")
	wantPrefix(t, "start", c.line(), "* 1 FETCH")
	other := login(t, s)
	for range 50 {
		other.must("NOOP")
	}
	runtime.ReadMemStats(&after)
	if got := opened.Load(); got >= n {
		t.Errorf("%d contents were opened for a client that does not read", got)
	}
	if grown := after.HeapAlloc - min(before.HeapAlloc, after.HeapAlloc); grown > 8<<20 {
		t.Errorf("%d octets of heap more", grown)
	}
	c.c.Close()
}

// A thousand commands at once are answered one by one, in order.
func TestThousandCommands(t *testing.T) {
	s := start(t)
	c := inbox(t, s, 3)
	var all strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&all, "t%d %s\r\n", i, []string{"NOOP", "FETCH 1:3 (FLAGS)", "UID SEARCH ALL", `STORE 2 +FLAGS (\Seen)`}[i%4])
	}
	go c.c.Write([]byte(all.String()))
	for i := 0; i < 1000; {
		line := c.line()
		if line[0] == '*' {
			continue
		}
		wantPrefix(t, "answer", line, fmt.Sprintf("t%d OK", i))
		i++
	}
}

// twoNodes: what one server takes a client of the other hears at once, in IDLE and by NOTIFY, though
// nothing but the store's rows joins them.
func twoNodes(t *testing.T, db *store.DB) {
	shared := &bodies{all: map[blobID][]byte{}}
	var nodes []*server
	for range 2 {
		s := startOn(t, db, shared, func(s *imap.Server) { s.Log, s.Auth = quiet(), users{"ann@example.org": 900} })
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.Changes.Follow(ctx, 20*time.Millisecond, db.Mailboxes(), func(err error) { t.Error(err) })
		}()
		t.Cleanup(func() { cancel(); <-done })
		nodes = append(nodes, s)
	}
	idles, notified := login(t, nodes[0]), login(t, nodes[0])
	idles.must("SELECT INBOX")
	notified.must("NOTIFY SET (personal (MessageNew MessageExpunge MailboxName))")
	idles.send("x1 IDLE")
	wantPrefix(t, "IDLE", idles.line(), "+")
	there := login(t, nodes[1])
	there.must("APPEND INBOX {1+}\r\nx")
	wantHeard(t, idles, "new, in IDLE", "* 1 EXISTS")
	wantPrefix(t, "new, by NOTIFY", notified.line(), `* STATUS "INBOX" (UIDNEXT 2 MESSAGES 1)`)
	there.must("SELECT INBOX")
	there.must(`STORE 1 +FLAGS (\Deleted)`)
	wantHeard(t, idles, "flags", `* 1 FETCH (UID 1 FLAGS (\Deleted))`)
	there.must("EXPUNGE")
	wantHeard(t, idles, "expunge", "* 1 EXPUNGE")
	notified.heard(`* STATUS "INBOX" (UIDNEXT 2 MESSAGES 0)`)
	there.must("CREATE x")
	wantHeard(t, notified, "folder", `* LIST (\HasNoChildren) "/" "x"`)
}

// locked is a mailstore that can't open boxes for a while.
type locked struct {
	imap.Store
	open func() error
}

func (l locked) OpenBox(ctx context.Context, box int64, lang string, now time.Time, more ...string) error {
	if err := l.open(); err != nil {
		return err
	}
	return l.Store.OpenBox(ctx, box, lang, now, more...)
}

// A log-in that came to nothing since the store could not be reached takes no place of its user's.
func TestFailedLoginTakesNoPlace(t *testing.T) {
	var fails atomic.Bool
	fails.Store(true)
	s := start(t, func(s *imap.Server) {
		s.Limits.PerLogin = 1
		s.Store = locked{s.Store, func() error {
			if fails.Load() {
				return errors.New("the store is away")
			}
			return nil
		}}
	})
	first := s.dial(t)
	if got := strings.Join(first.do("LOGIN ann@example.org secret"), "\n"); !strings.Contains(got, "NO [UNAVAILABLE]") {
		t.Errorf("got %q", got)
	}
	fails.Store(false)
	s.dial(t).must("LOGIN ann@example.org secret")
	if got := strings.Join(first.do("LOGIN ann@example.org secret"), "\n"); !strings.Contains(got, "NO [LIMIT]") {
		t.Errorf("got %q", got)
	}
}
