package ban_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/internal/ban"
	"gatepost/test/bubble"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func ladder() ban.Ladder {
	return ban.Ladder{Rungs: []time.Duration{10 * time.Minute, time.Hour, 24 * time.Hour}, Memory: 7 * 24 * time.Hour}
}

// A node is one Bans that runs on rows that others may share. All runs in a bubble.
type node struct {
	*ban.Bans
	t    *testing.T
	stop func()
}

func start(t *testing.T, rows ban.Rows, change func(*ban.Config)) *node {
	t.Helper()
	c := ban.Config{Rows: rows, Ladder: ladder(), Contact: "postmaster@mx.example", Now: func() time.Time { return time.Now().UTC() }}
	if change != nil {
		change(&c)
	}
	b, err := ban.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); b.Run(ctx) }()
	synctest.Wait() // its first turn is over
	n := &node{b, t, sync.OnceFunc(func() { cancel(); <-done })}
	t.Cleanup(n.stop)
	return n
}

func (n *node) impose(client string, cause ban.Cause) {
	n.t.Helper()
	if err := n.Impose(n.t.Context(), addr(client), string(cause), "test"); err != nil {
		n.t.Fatal(err)
	}
}

// wants compares which of some clients are banned.
func (n *node) wants(banned bool, clients ...string) {
	n.t.Helper()
	synctest.Wait()
	for _, c := range clients {
		if _, ok := n.Find(addr(c), nil); ok != banned {
			n.t.Errorf("%s banned: got %v, want %v", c, ok, banned)
		}
	}
}

// bubble runs a test with a clock of its own, which its rows have too.
func inBubble(t *testing.T, f func(*testing.T, *memory)) {
	synctest.Test(t, func(t *testing.T) { f(t, newMemory(func() time.Time { return time.Now().UTC() })) })
}

func TestWhatIsBanned(t *testing.T) {
	inBubble(t, func(t *testing.T, rows *memory) {
		n := start(t, rows, nil)
		n.impose("192.0.2.7", ban.Honeypot)
		n.impose("2001:db8:1:2::7", ban.Harvest)
		n.impose("::ffff:198.51.100.1", ban.Protocol)
		n.wants(true, "192.0.2.7", "::ffff:192.0.2.7", "64:ff9b::c000:207", "2001:db8:1:2:ffff::1", "198.51.100.1")
		n.wants(false, "192.0.2.8", "192.0.2.6", "2001:db8:1:3::7", "2001:db8:1:1::7", "::192.0.2.7", "127.0.0.1")
		if _, ok := n.Find(netip.Addr{}, nil); ok {
			t.Error("no address is banned")
		}
		got, _ := n.Find(addr("2001:db8:1:2::8"), nil)
		if got.Network.String() != "2001:db8:1:2::/64" || got.Cause != ban.Harvest || got.Step != 1 || time.Until(got.Until) != 10*time.Minute {
			t.Errorf("got %+v", got)
		}
		if c := n.Counts(); c[ban.Honeypot] != 1 || c[ban.Harvest] != 1 || c[ban.Login] != 0 {
			t.Errorf("counts %v", c)
		}
		bubble.Sleep(10 * time.Minute)
		n.wants(false, "192.0.2.7", "2001:db8:1:2::7", "198.51.100.1")
		bubble.Sleep(time.Minute)
		if c := n.Counts(); c[ban.Honeypot] != 0 {
			t.Errorf("counts %v after they ended", c)
		}
	})
}

func TestImposeRefuses(t *testing.T) {
	inBubble(t, func(t *testing.T, rows *memory) {
		n := start(t, rows, nil)
		if err := n.Impose(t.Context(), netip.Addr{}, "login", ""); err == nil {
			t.Error("no address was banned")
		}
		if err := n.Impose(t.Context(), addr("192.0.2.1"), "weather", ""); err == nil {
			t.Error("banned for the weather")
		}
	})
}

// 10 minutes, an hour, a day; and from the start again when it was quiet for a week.
func TestLadder(t *testing.T) {
	inBubble(t, func(t *testing.T, rows *memory) {
		n := start(t, rows, nil)
		for i, want := range []time.Duration{10 * time.Minute, time.Hour, 24 * time.Hour, 24 * time.Hour} {
			n.impose("192.0.2.7", ban.Honeypot)
			bubble.Sleep(2 * time.Second)
			got, ok := n.Find(addr("192.0.2.7"), nil)
			if left := time.Until(got.Until) + 2*time.Second; !ok || left != want {
				t.Errorf("ban %d: got %v, want %v", i, left, want)
			}
			n.impose("192.0.2.7", ban.Harvest) // while it is banned
			bubble.Sleep(want)
			n.wants(false, "192.0.2.7")
		}
		bubble.Sleep(7 * 24 * time.Hour)
		n.impose("192.0.2.7", ban.Honeypot)
		bubble.Sleep(2 * time.Second)
		if got, _ := n.Find(addr("192.0.2.7"), nil); got.Step != 1 {
			t.Errorf("after a week: step %d, want 1", got.Step)
		}
	})
}

// Whoever is kept out as a mail server is not safe from a ban that shuts the doors of
// people: it takes the other's place, here, in the rows and at the other node, and does
// not end before it. The other way round the one that is there stands.
func TestGreaterBanReplacesLesser(t *testing.T) {
	shut := func(n *node, want bool, cause ban.Cause) {
		n.t.Helper()
		if got, ok := n.Find(addr("192.0.2.7"), ban.Cause.Doors); ok != want {
			n.t.Errorf("doors shut: got %v (%+v), want %v", ok, got, want)
		}
		if got, _ := n.Find(addr("192.0.2.7"), nil); got.Cause != cause {
			n.t.Errorf("got %+v, want a ban for %s", got, cause)
		}
	}
	for _, tt := range []struct {
		name          string
		first, second ban.Cause
		wait          time.Duration // between the two: until the first one is written, or not
		want          ban.Cause
	}{
		{"written", ban.Harvest, ban.Login, 5 * time.Second, ban.Login},
		{"not written", ban.Protocol, ban.Login, 0, ban.Login},
		{"as grave", ban.Honeypot, ban.Harvest, 5 * time.Second, ban.Honeypot},
		{"less grave", ban.Login, ban.Harvest, 5 * time.Second, ban.Login},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, rows *memory) {
				n, other := start(t, rows, nil), start(t, rows, nil)
				n.impose("192.0.2.7", tt.first)
				bubble.Sleep(tt.wait)
				before, _ := n.Find(addr("192.0.2.7"), nil)
				n.impose("192.0.2.7", tt.second)
				shut(n, tt.want.Doors(), tt.want)
				bubble.Sleep(5 * time.Second)
				shut(n, tt.want.Doors(), tt.want)
				shut(other, tt.want.Doors(), tt.want)
				if got, _ := n.Find(addr("192.0.2.7"), nil); got.ID == 0 || got.Until.Before(before.Until) {
					t.Errorf("got %+v, want one that is written and ends no sooner than %+v", got, before)
				}
			})
		})
	}
	t.Run("another node's row", func(t *testing.T) { // comes while ours waits to be written
		inBubble(t, func(t *testing.T, rows *memory) {
			n, other := start(t, rows, nil), start(t, rows, nil)
			other.impose("192.0.2.7", ban.Harvest)
			synctest.Wait()
			rows.breaksImpose(errDown)
			n.impose("192.0.2.7", ban.Login)
			bubble.Sleep(3 * time.Second)
			shut(n, true, ban.Login)
			rows.breaksImpose(nil)
			bubble.Sleep(3 * time.Second)
			shut(n, true, ban.Login)
			shut(other, true, ban.Login)
		})
	})
	t.Run("while the lesser one is written", func(t *testing.T) {
		inBubble(t, func(t *testing.T, rows *memory) {
			n := start(t, rows, nil)
			rows.during(func() { n.impose("192.0.2.7", ban.Login) })
			n.impose("192.0.2.7", ban.Harvest)
			synctest.Wait()
			shut(n, true, ban.Login)
			bubble.Sleep(3 * time.Second)
			shut(n, true, ban.Login)
			if got, _ := n.Find(addr("192.0.2.7"), nil); got.ID == 0 {
				t.Errorf("got %+v, want one that is written", got)
			}
		})
	})
}

// A ban of one address that leaves the doors open does not hide that of the network around
// it, which shuts them.
func TestNarrowBanDoesNotShield(t *testing.T) {
	inBubble(t, func(t *testing.T, rows *memory) {
		n := start(t, rows, nil)
		n.impose("192.0.2.7", ban.Harvest)
		if _, err := n.Add(t.Context(), netip.MustParsePrefix("192.0.2.0/24"), time.Hour, "olga", ""); err != nil {
			t.Fatal(err)
		}
		if got, ok := n.Find(addr("192.0.2.7"), ban.Cause.Doors); !ok || got.Cause != ban.Admin || got.Network.Bits() != 24 {
			t.Errorf("doors: got %+v, %v; want the network's", got, ok)
		}
		if got, ok := n.Find(addr("192.0.2.7"), nil); !ok || got.Cause != ban.Harvest {
			t.Errorf("any: got %+v, %v; want the address's", got, ok)
		}
	})
}

// Two nodes on one store see each other's bans, and what became of them, within a poll.
func TestNodesShareBans(t *testing.T) {
	inBubble(t, func(t *testing.T, rows *memory) {
		a, b := start(t, rows, nil), start(t, rows, nil)
		a.impose("192.0.2.7", ban.Honeypot)
		a.wants(true, "192.0.2.7")
		bubble.Sleep(2 * time.Second)
		b.wants(true, "192.0.2.7")
		if _, err := b.Lift(t.Context(), "192.0.2.7", "olga", "a customer"); err != nil {
			t.Fatal(err)
		}
		b.wants(false, "192.0.2.7")
		bubble.Sleep(time.Second)
		a.wants(false, "192.0.2.7")
		// Both at once: one row, and each has that.
		a.impose("192.0.2.8", ban.Honeypot)
		b.impose("192.0.2.8", ban.Harvest)
		bubble.Sleep(2 * time.Second)
		x, _ := a.Find(addr("192.0.2.8"), nil)
		y, _ := b.Find(addr("192.0.2.8"), nil)
		if x != y || x.ID == 0 {
			t.Errorf("got %+v and %+v", x, y)
		}
	})
}

// A node whose clock is wrong ends a ban when the others do.
func TestClocksDiffer(t *testing.T) {
	inBubble(t, func(t *testing.T, rows *memory) {
		a := start(t, rows, nil)
		b := start(t, rows, func(c *ban.Config) { c.Now = func() time.Time { return time.Now().UTC().Add(-3 * time.Hour) } })
		b.impose("192.0.2.7", ban.Honeypot)
		bubble.Sleep(2 * time.Second)
		a.wants(true, "192.0.2.7")
		b.wants(true, "192.0.2.7")
		bubble.Sleep(10*time.Minute - 2*time.Second)
		a.wants(false, "192.0.2.7")
		b.wants(false, "192.0.2.7")
	})
}

func TestRestartKeepsBans(t *testing.T) {
	inBubble(t, func(t *testing.T, rows *memory) {
		n := start(t, rows, nil)
		n.impose("192.0.2.7", ban.Honeypot)
		n.stop() // at once: what waits is written at the end
		start(t, rows, nil).wants(true, "192.0.2.7")
	})
}

// While the store is down bans count here; they are written when it is back.
func TestStoreDown(t *testing.T) {
	inBubble(t, func(t *testing.T, rows *memory) {
		n := start(t, rows, nil)
		rows.breaks(errDown)
		n.impose("192.0.2.7", ban.Honeypot)
		n.Hit(ban.Ban{Network: ban.Network(addr("192.0.2.7"))}, "smtp")
		bubble.Sleep(5 * time.Second)
		n.wants(true, "192.0.2.7")
		if _, err := n.Lift(t.Context(), "192.0.2.7", "olga", ""); !errors.Is(err, errDown) {
			t.Errorf("lifted: %v", err)
		}
		rows.breaks(nil)
		bubble.Sleep(12 * time.Second)
		if len(rows.all()) != 1 || rows.all()[0].Hits != 1 {
			t.Errorf("rows: %+v", rows.all())
		}
	})
}

func TestNeverBanned(t *testing.T) {
	inBubble(t, func(t *testing.T, rows *memory) {
		spared := netip.MustParsePrefix("192.0.2.0/24")
		on := true
		never := func(c *ban.Config) {
			c.Never = func(a netip.Addr) string {
				if on && spared.Contains(a) {
					return "trusted_relays"
				}
				return ""
			}
		}
		n := start(t, rows, never)
		for _, client := range []string{"192.0.2.7", "127.0.0.1", "::1", "0.0.0.0", "::ffff:127.0.0.9"} {
			n.impose(client, ban.Honeypot)
			n.wants(false, client)
			if _, err := n.Add(t.Context(), ban.Network(addr(client)), 0, "olga", ""); !errors.Is(err, ban.ErrNever) {
				t.Errorf("%s by hand: got %v, want ErrNever", client, err)
			}
		}
		if len(rows.all()) > 0 {
			t.Errorf("rows %+v", rows.all())
		}
		// It was banned before it was spared: it is not found, and lifted at the next start.
		on = false
		n.impose("192.0.2.7", ban.Honeypot)
		synctest.Wait() // it is written
		if _, err := n.Add(t.Context(), netip.MustParsePrefix("192.0.0.0/16"), time.Hour, "olga", ""); err != nil {
			t.Fatal(err)
		}
		n.wants(true, "192.0.2.7", "192.0.2.8", "192.0.3.1")
		on = true
		n.wants(false, "192.0.2.7", "192.0.2.8") // though the network around it is banned
		n.wants(true, "192.0.3.1")
		n.stop()
		start(t, rows, never)
		synctest.Wait()
		if got := rows.all()[0]; got.Network.Bits() != 32 || got.LiftedBy != ban.ByNode || !strings.Contains(got.Reason, "trusted_relays") {
			t.Errorf("at start: %+v", got)
		}
	})
}

func TestAddAndLift(t *testing.T) {
	inBubble(t, func(t *testing.T, rows *memory) {
		n := start(t, rows, nil)
		n.impose("192.0.2.7", ban.Honeypot)
		synctest.Wait() // it is written
		b, err := n.Add(t.Context(), netip.MustParsePrefix("192.0.2.7/32"), 48*time.Hour, "olga", "once\nmore"+strings.Repeat("é", 200))
		if err != nil || time.Until(b.Until) != 48*time.Hour || strings.Contains(b.Note, "\n") || len(b.Note) > ban.MaxNote {
			t.Fatalf("got %+v, %v", b, err)
		}
		wide, err := n.Add(t.Context(), netip.MustParsePrefix("192.0.2.0/24"), 0, "olga", "")
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := n.Find(addr("192.0.2.7"), nil); got.ID != b.ID {
			t.Errorf("found %+v, want the narrower one", got)
		}
		list, err := n.Of(t.Context(), "192.0.2.7")
		if err != nil || len(list) != 3 || list[len(list)-1].Network.Bits() != 32 {
			t.Errorf("of the address: %+v, %v", list, err)
		}
		for _, what := range []string{"192.0.2.7", fmt.Sprint(wide.ID)} {
			if _, err := n.Lift(t.Context(), what, "olga", "enough"); err != nil {
				t.Errorf("lift %s: %v", what, err)
			}
		}
		n.wants(false, "192.0.2.7", "192.0.2.8")
		for _, what := range []string{"192.0.2.7", "192.0.2.0/24", fmt.Sprint(b.ID), "4711"} {
			if _, err := n.Lift(t.Context(), what, "olga", ""); !errors.Is(err, ban.ErrNone) {
				t.Errorf("lift %s again: got %v, want ErrNone", what, err)
			}
		}
		if _, err := n.Lift(t.Context(), "example.org", "olga", ""); err == nil {
			t.Error("a name was lifted")
		}
		// One that waits to be written is lifted, too, and an address names its network.
		n.impose("2001:db8::1", ban.Honeypot)
		if got, err := n.Lift(t.Context(), "2001:db8::2", "olga", ""); err != nil || got.Network.Bits() != 64 {
			t.Errorf("got %+v, %v", got, err)
		}
		n.wants(false, "2001:db8::1")
	})
}

// Who guessed passwords may lift the ban himself, once a day; other causes not at all.
func TestLiftOwn(t *testing.T) {
	inBubble(t, func(t *testing.T, rows *memory) {
		n := start(t, rows, nil)
		for i, tt := range []struct {
			cause ban.Cause
			want  error
		}{{ban.Login, nil}, {ban.Login, ban.ErrOften}, {ban.Honeypot, ban.ErrNone}} {
			if tt.want != ban.ErrNone {
				n.impose("192.0.2.7", tt.cause)
			} else {
				bubble.Sleep(25 * time.Hour)
			}
			if err := n.LiftOwn(t.Context(), addr("192.0.2.7"), "my phone"); !errors.Is(err, tt.want) {
				t.Errorf("%d: got %v, want %v", i, err, tt.want)
			}
		}
		n.impose("192.0.2.7", ban.Honeypot)
		if err := n.LiftOwn(t.Context(), addr("192.0.2.7"), ""); !errors.Is(err, ban.ErrOther) {
			t.Errorf("got %v, want ErrOther", err)
		}
	})
}

func TestNotice(t *testing.T) {
	inBubble(t, func(t *testing.T, rows *memory) { // it is midnight, 2000-01-01
		n := start(t, rows, nil)
		page := start(t, rows, func(c *ban.Config) { c.Contact = "https://mx.example/ban" })
		n.impose("192.0.2.7", ban.Honeypot)
		n.impose("2001:db8::1", ban.Login)
		bubble.Sleep(90 * time.Second)
		four, _ := n.Find(addr("192.0.2.7"), nil)
		six, _ := n.Find(addr("2001:db8::1"), nil)
		for _, tt := range []struct{ got, want string }{
			{n.Notice(four), "192.0.2.7 is banned until 00:10 UTC; if this is a mistake, write to postmaster@mx.example"},
			{page.Notice(six), "2001:db8::/64 is banned until 00:10 UTC; if this is a mistake, see https://mx.example/ban"},
			{n.Notice(ban.Ban{Network: four.Network, Until: time.Date(2000, 1, 2, 12, 0, 1, 0, time.UTC)}), "192.0.2.7 is banned until 2000-01-02 12:01 UTC; if this is a mistake, write to postmaster@mx.example"},
		} {
			if tt.got != tt.want {
				t.Errorf("got  %s\nwant %s", tt.got, tt.want)
			}
		}
	})
}

func TestHitsAreBatched(t *testing.T) {
	inBubble(t, func(t *testing.T, rows *memory) {
		n := start(t, rows, nil)
		n.impose("192.0.2.7", ban.Honeypot)
		b, _ := n.Find(addr("192.0.2.7"), nil) // before it is written
		for range 1000 {
			n.Hit(b, "smtp")
		}
		bubble.Sleep(11 * time.Second)
		if got := rows.all()[0]; got.Hits != 1000 || got.LastHit.IsZero() {
			t.Errorf("got %+v", got)
		}
	})
}

// A flood of 100,000 bad clients a minute, for 20 seconds: memory and rows stay within their bounds,
// there is a commit a second at most, and what an admin banned stays.
func TestFlood(t *testing.T) {
	inBubble(t, func(t *testing.T, rows *memory) {
		const most = 5_000
		n := start(t, rows, func(c *ban.Config) { c.Most = most })
		if _, err := n.Add(t.Context(), netip.MustParsePrefix("192.0.2.0/24"), time.Minute, "olga", ""); err != nil {
			t.Fatal(err)
		}
		for i := range 33_000 {
			var a [16]byte
			a[0], a[1], a[4], a[5], a[6] = 0x20, 1, byte(i), byte(i>>8), byte(i>>16)
			if err := n.Impose(t.Context(), netip.AddrFrom16(a), "harvest", ""); err != nil {
				t.Fatal(err)
			}
			if i%1000 == 0 {
				bubble.Sleep(590 * time.Millisecond)
			}
		}
		total := 0
		for _, c := range n.Counts() {
			total += c
		}
		if total != most {
			t.Errorf("%d are banned, want %d", total, most)
		}
		n.wants(true, "192.0.2.7")
		bubble.Sleep(30 * time.Second)
		if rows.times() > 55 || len(rows.all()) > 500*55 {
			t.Errorf("%d commits, %d rows", rows.times(), len(rows.all()))
		}
		bubble.Sleep(2 * time.Minute)
		if len(rows.all()) > most+1 { // and the admin's, which ended
			t.Errorf("%d rows, want %d at most", len(rows.all()), most+1)
		}
	})
}

// The table answers as a plain list of networks does.
func TestFindIsAsALoop(t *testing.T) {
	inBubble(t, func(t *testing.T, rows *memory) {
		n := start(t, rows, nil)
		random := rand.New(rand.NewPCG(1, 2))
		some := func() netip.Addr {
			if random.IntN(2) == 0 {
				return netip.AddrFrom4([4]byte{10, 0, byte(random.IntN(4)), byte(random.IntN(64))})
			}
			return netip.AddrFrom16([16]byte{0x20, 1, 0, 0, 0, byte(random.IntN(4)), 0, byte(random.IntN(64)), 15: byte(random.IntN(4))})
		}
		list := map[netip.Prefix]bool{}
		for range 300 {
			a := some()
			p := ban.Network(a)
			if random.IntN(4) == 0 {
				p, _ = a.Prefix(p.Bits() - random.IntN(16))
			}
			if list[p] && random.IntN(2) == 0 {
				if _, err := n.Lift(t.Context(), p.String(), "olga", ""); err != nil {
					t.Fatal(err)
				}
				delete(list, p)
			} else if _, err := n.Add(t.Context(), p, time.Hour, "olga", ""); err == nil {
				list[p] = true
			}
			for range 20 {
				who := some()
				var want netip.Prefix
				for p := range list {
					if p.Contains(who) && p.Bits() >= want.Bits() {
						want = p
					}
				}
				got, ok := n.Find(who, nil)
				if ok != want.IsValid() || ok && got.Network != want {
					t.Fatalf("%s: got %v, want %v", who, got.Network, want)
				}
			}
		}
	})
}

func TestParseNetwork(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.7": "192.0.2.7/32", "192.0.2.7/24": "192.0.2.0/24", "2001:db8::1": "2001:db8::/64", "2001:db8::1/128": "2001:db8::/64",
		"2001:db8::/32": "2001:db8::/32", "::ffff:192.0.2.7": "192.0.2.7/32", "::ffff:192.0.2.7/120": "192.0.2.0/24",
		"64:ff9b::c000:207": "192.0.2.7/32", "10.0.0.0/15": "", "2001:db8::/31": "", "::/0": "", "example.org": "", "": "", "::ffff:0:0/90": "", "fe80::1%eth0": "fe80::/64",
	} {
		got, err := ban.ParseNetwork(in)
		if want == "" && err == nil || want != "" && got.String() != want {
			t.Errorf("%s: got %v, %v; want %q", in, got, err, want)
		}
	}
}

func FuzzParseNetwork(f *testing.F) {
	for _, s := range []string{"192.0.2.7", "192.0.2.0/24", "2001:db8::/48", "::ffff:1.2.3.4/100", "64:ff9b::1/96", "fe80::1%x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ban.ParseNetwork(s)
		if err != nil {
			return
		}
		if !p.IsValid() || p != p.Masked() || p.Addr().Is4In6() || p.Addr().Zone() != "" || p.Addr().Is4() && p.Bits() < 16 || p.Addr().Is6() && (p.Bits() < 32 || p.Bits() > 64) {
			t.Errorf("%q: %v", s, p)
		}
		if again, err := ban.ParseNetwork(p.String()); err != nil || again != p {
			t.Errorf("%q: %v becomes %v, %v", s, p, again, err)
		}
	})
}

// Readers and writers at once.
func TestRace(t *testing.T) {
	rows := newMemory(func() time.Time { return time.Now().UTC() })
	b, err := ban.New(t.Context(), ban.Config{Rows: rows, Ladder: ladder(), Most: 100})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var run, all sync.WaitGroup
	run.Go(func() { b.Run(ctx) })
	for i := range 4 {
		all.Go(func() {
			for n := range 500 {
				a := netip.AddrFrom4([4]byte{10, byte(i), byte(n >> 8), byte(n)})
				if err := b.Impose(ctx, a, "harvest", ""); err != nil {
					t.Error(err)
				}
				if got, ok := b.Find(a, nil); ok {
					b.Hit(got, "smtp")
				}
				if n%100 == 0 {
					if _, err := b.Lift(ctx, a.String(), "olga", ""); err != nil && !errors.Is(err, ban.ErrNone) {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	cancel()
	run.Wait()
}

// heap is how much of it is in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkFind is what a connection pays.
func BenchmarkFind(b *testing.B) {
	for _, many := range []int{0, 1000, 100_000} {
		b.Run(fmt.Sprintf("bans=%d", many), func(b *testing.B) {
			bans, err := ban.New(b.Context(), ban.Config{Rows: newMemory(time.Now)})
			if err != nil {
				b.Fatal(err)
			}
			before := heap()
			at := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}) }
			for i := range many {
				if err := bans.Impose(b.Context(), at(i), "harvest", ""); err != nil {
					b.Fatal(err)
				}
			}
			each := float64(heap()-before) / float64(max(many, 1))
			for name, from := range map[string]int{"stranger": 1 << 20, "banned": 0} {
				if name == "banned" && many == 0 {
					continue
				}
				b.Run(name, func(b *testing.B) {
					b.ReportAllocs()
					for i := 0; b.Loop(); i++ {
						bans.Find(at(from+i%max(many, 1)), nil)
					}
					b.ReportMetric(each, "octets/ban")
				})
			}
		})
	}
}
