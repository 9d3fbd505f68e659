package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"gatepost/test/load"
	"gatepost/test/peer"
)

// relayDomain is the domain whose mail is handed on.
const relayDomain = "relayed.example"

// A sink is the next hop: it takes everything, keeps nothing and counts.
type sink struct {
	addr   string
	taken  atomic.Int64
	closed atomic.Bool // it sends everybody away
}

func (s *sink) shut() bool { return s.closed.Load() }
func (s *sink) took()      { s.taken.Add(1) }

// listen takes connections until the program ends.
func (s *sink) listen() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.addr = l.Addr().String()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go null(c, s)
		}
	}()
	return nil
}

// await returns once n messages were taken since the count was from.
func (s *sink) await(from int64, n int) error {
	for end := time.Now().Add(3 * time.Minute); s.taken.Load()-from < int64(n); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return fmt.Errorf("the next hop has %d of %d messages after 3 minutes", s.taken.Load()-from, n)
		}
	}
	return nil
}

// A relayer is a server that hands mail on to the sink.
type relayer struct {
	name  string
	smtp  string
	hold  func() error // from now on nothing is handed on
	flush func() error // all that was kept back is handed on now
}

// benchRelay measures accepting and handing on at once, and handing on alone,
// beside Postfix doing the same.
func benchRelay(n, rounds int) error {
	fmt.Println("| what | connections | Postfix msgs/s | gatepost msgs/s | ratio |")
	fmt.Println("| --- | --- | --- | --- | --- |")
	for _, connections := range []int{1, 10, 50} {
		count := n
		if connections == 1 {
			count = n / 3
		}
		if err := relayAt(connections, count, rounds); err != nil {
			return err
		}
	}
	return nil
}

func relayAt(connections, n, rounds int) error {
	dir, err := os.MkdirTemp("", "gatepost-relay-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	next := &sink{}
	if err := next.listen(); err != nil {
		return err
	}
	ours, stopOurs, err := startRelay(dir, next, connections)
	if err != nil {
		return err
	}
	defer stopOurs()
	theirs, stopTheirs, err := startPostfix(filepath.Join(dir, "postfix"), next, connections)
	if err != nil {
		return err
	}
	defer stopTheirs()
	for _, what := range []struct {
		name string
		rate func(relayer, *sink, int, int) (float64, error)
	}{{"accept and relay", acceptAndRelay}, {"relay out", relayOut}} {
		var a, b, ratios []float64
		for range rounds {
			x, err := what.rate(theirs, next, connections, n)
			if err != nil {
				return fmt.Errorf("postfix: %s: %w", what.name, err)
			}
			y, err := what.rate(ours, next, connections, n)
			if err != nil {
				return fmt.Errorf("gatepost: %s: %w", what.name, err)
			}
			a, b, ratios = append(a, x), append(b, y), append(ratios, y/x)
		}
		fmt.Printf("| %s | %d | %.0f | %.0f | %.2f |\n", what.name, connections, median(a), median(b), median(ratios))
	}
	return nil
}

// acceptAndRelay is messages a second from the first connection in to the last
// message out.
func acceptAndRelay(r relayer, next *sink, connections, n int) (float64, error) {
	before, begin := next.taken.Load(), time.Now()
	if err := pour(r.smtp, connections, n); err != nil {
		return 0, err
	}
	err := next.await(before, n)
	return float64(n) / time.Since(begin).Seconds(), err
}

// relayOut is messages a second out of a queue that is full already, from the first
// that comes to the last.
func relayOut(r relayer, next *sink, _, n int) (float64, error) {
	if err := r.hold(); err != nil {
		return 0, err
	}
	if err := pour(r.smtp, 20, n); err != nil {
		return 0, err
	}
	before := next.taken.Load()
	if err := r.flush(); err != nil {
		return 0, err
	}
	if err := next.await(before, 1); err != nil {
		return 0, err
	}
	first, begin := next.taken.Load()-before, time.Now()
	err := next.await(before, n)
	return (float64(n) - float64(first)) / time.Since(begin).Seconds(), err
}

func pour(addr string, connections, n int) error {
	got := load.Run{
		Addr: addr, Connections: connections, From: "sender@sender.example", To: "somebody@" + relayDomain, Messages: n, Message: made(2 << 10),
	}.Do()
	if got.Lost+got.Refused > 0 {
		return fmt.Errorf("lost %d, refused %d: %v", got.Lost, got.Refused, got.FirstError)
	}
	return nil
}

// startRelay starts gatepost without filters, as Postfix has none either.
func startRelay(dir string, next *sink, connections int) (relayer, func(), error) {
	config := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(config, []byte("policies:\n  - name: default\n    pipeline: []\n"), 0o644); err != nil {
		return relayer{}, nil, err
	}
	sets := []string{fmt.Sprintf("queue.parallel=%d", connections), "limits.connections_per_network=1000"}
	m, stop, err := start(dir, config, sets, [][]string{
		{"host", "add", "next", "--address", next.addr, "--roles", "smtp-in"},
		{"domain", "add", relayDomain, "--host", "next"},
	})
	if err != nil {
		return relayer{}, nil, err
	}
	return relayer{
		name: "gatepost", smtp: m.SMTP,
		hold: func() error {
			next.closed.Store(true)
			return nil
		},
		flush: func() error {
			next.closed.Store(false)
			_, err := m.Run("", "queue", "flush", "--all")
			return err
		},
	}, stop, nil
}

// startPostfix starts Postfix as a relay to the sink, with as many connections.
func startPostfix(dir string, next *sink, connections int) (relayer, func(), error) {
	host, port, _ := strings.Cut(next.addr, ":")
	p, err := peer.StartPostfix(dir, peer.PostfixConfig{Relay: "[" + host + "]:" + port, Main: []string{
		fmt.Sprintf("default_destination_concurrency_limit = %d", connections),
		fmt.Sprintf("initial_destination_concurrency = %d", min(connections, 5)),
	}})
	if err != nil {
		return relayer{}, nil, err
	}
	postpone := func(transports string) error {
		out, err := exec.Command("/usr/sbin/postconf", "-c", filepath.Join(dir, "etc"), "-e", "defer_transports = "+transports).CombinedOutput()
		if err != nil {
			return fmt.Errorf("postconf: %w: %s", err, out)
		}
		return p.Reload()
	}
	return relayer{
		name: "postfix", smtp: p.SMTP,
		hold: func() error { return postpone("smtp, relay") },
		flush: func() error {
			if err := postpone(""); err != nil {
				return err
			}
			p.Flush()
			return nil
		},
	}, p.Stop, nil
}
