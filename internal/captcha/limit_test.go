package captcha

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

func answer(tasks *Tasks, k Task, subject, text, proof string, client netip.Addr) error {
	return tasks.Solve(Answer{Task: k.ID, Subject: subject, Text: text, Proof: proof, Client: client})
}

// limited checks that err says that one may try again after a time.
func limited(t *testing.T, what string, err error, after time.Duration) {
	t.Helper()
	var limit *LimitError
	if !errors.As(err, &limit) {
		t.Fatalf("%s: got %v, want a LimitError", what, err)
	}
	if got := time.Until(limit.Again); got != after {
		t.Errorf("%s: again after %v, want %v", what, got, after)
	}
}

// client is an address in a network of its own.
func client(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(n / 256), byte(n), 1}) }

func TestWrongPerSubject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tasks := fixed()
		waiting := made(t, tasks, "tx1", bob)
		for n := range WrongPerThing {
			if err := answer(tasks, made(t, tasks, "tx1", client(n)), "tx1", "0", "", client(n)); !errors.Is(err, ErrWrong) {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		rest := hour - WrongPerThing*time.Second
		limited(t, "an answer", answer(tasks, waiting, "tx1", "123450", "", bob), rest)
		_, err := tasks.Make("tx1", bob)
		limited(t, "a task", err, rest)
		made(t, tasks, "tx2", bob)
		time.Sleep(rest)
		if err := answer(tasks, made(t, tasks, "tx1", bob), "tx1", "123450", "", bob); err != nil {
			t.Errorf("an hour later: %v", err)
		}
	})
}

func TestTaskOutlastsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tasks := fixed()
		for range BarePerClient {
			if err := answer(tasks, made(t, tasks, "tx1", ann), "tx1", "123450", "", ann); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(hour - time.Minute)
		k := made(t, tasks, "tx1", ann)
		limited(t, "without work", answer(tasks, k, "tx1", "123450", "", ann), time.Minute)
		limited(t, "with a wrong proof", answer(tasks, k, "tx1", "123450", "-1", ann), time.Minute)
		time.Sleep(time.Minute)
		if err := answer(tasks, k, "tx1", "123450", "", ann); err != nil {
			t.Errorf("a minute later: %v", err)
		}
	})
}

func TestWrongPerClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tasks := fixed()
		for n := range WrongPerClient {
			subject := fmt.Sprint("tx", n)
			k := made(t, tasks, subject, ann)
			if err := answer(tasks, k, subject, "0", worked(k.Work), ann); !errors.Is(err, ErrWrong) {
				t.Fatal(err)
			}
		}
		_, err := tasks.Make("tx", netip.MustParseAddr("::ffff:192.0.2.200"))
		limited(t, "a neighbour", err, hour)
		made(t, tasks, "tx", bob)
	})
}

func TestBarePerClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tasks := fixed()
		for n := range BarePerClient {
			if err := answer(tasks, made(t, tasks, "tx1", ann), "tx1", []string{"0", "123450"}[n%2], "", ann); n%2 == 1 && err != nil {
				t.Fatal(err)
			}
		}
		k := made(t, tasks, "tx1", ann)
		limited(t, "one more", answer(tasks, k, "tx1", "123450", "", ann), hour)
		if err := answer(tasks, k, "tx1", "123450", worked(k.Work), ann); err != nil {
			t.Errorf("with work: %v", err)
		}
	})
}

func TestMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tasks := fixed()
		for n := range MadePerClient {
			made(t, tasks, fmt.Sprint("tx", n/2), ann)
		}
		_, err := tasks.Make("tx1", ann)
		limited(t, "one network", err, time.Minute)
		for n := range MadePerNode - MadePerClient {
			made(t, tasks, fmt.Sprint("one", n/2), client(n))
		}
		_, err = tasks.Make("tx1", bob)
		limited(t, "the node", err, time.Minute)
		time.Sleep(time.Minute)
		made(t, tasks, "tx1", ann)
	})
}

func TestTalliesAreBounded(t *testing.T) {
	c := newTally[int](1, hour)
	now := time.Unix(0, 0)
	for n := range maxCounted + 100 {
		c.add(n, now)
	}
	if n := len(c.counts.items); n != maxCounted {
		t.Errorf("%d are counted, want %d", n, maxCounted)
	}
	if c.check(99, now) != nil || c.check(100, now) == nil {
		t.Error("want the oldest forgotten, and no other")
	}
	if c.check(200, now.Add(hour)) != nil || len(c.counts.items) > 0 {
		t.Error("want nothing kept beyond its time")
	}
}

func TestNetwork(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.7": "192.0.2.0/24", "::ffff:192.0.2.7": "192.0.2.0/24", "64:ff9b::c000:207": "192.0.2.0/24", "2001:db8:1:2:3::4": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64",
	} {
		if got := partyOf(netip.MustParseAddr(in)).network.String(); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
	if partyOf(netip.Addr{}).network.IsValid() {
		t.Error("no address: want the zero Prefix")
	}
}

// One link, opened from wherever, leaves the page to those who have others.
func TestMadePerSubject(t *testing.T) {
	tasks, n := fixed(), 0
	for i := range 60 {
		if _, err := tasks.Make("tx1", client(i)); err == nil {
			n++
		}
	}
	if n != MadePerThing {
		t.Errorf("%d tasks about one subject, want %d", n, MadePerThing)
	}
	made(t, tasks, "tx2", ann)
}

// A party with a /48 has not the limits of each /64 in it.
func TestMadePerSite(t *testing.T) {
	tasks, n := fixed(), 0
	for i := range 10 * MadePerClient {
		if _, err := tasks.Make(fmt.Sprint("tx", i), netip.MustParseAddr(fmt.Sprintf("2001:db8:0:%x::1", i))); err == nil {
			n++
		}
	}
	if n != perSite*MadePerClient {
		t.Errorf("%d tasks for one /48, want %d", n, perSite*MadePerClient)
	}
	made(t, tasks, "tx", netip.MustParseAddr("2001:db8:1::1"))
}
