package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gatepost/test/machine"
)

// floods are clients that the gate refuses as they connect, by address; the last one is
// let in, for comparison.
var floods = []struct{ name, client, code string }{
	{"blocked", "198.51.100.7", "554"},
	{"over its rate", "203.0.113.7", "421"},
	{"let in", "192.0.2.7", "220"},
}

const floodConfig = `
gate:
  - ip-allow
  - ip-block
  - {filter: rate, connections_per_minute: 1}
`

// benchFlood measures connections that are refused at once, beside those of the null
// server: connect, read the first reply, close. Each of gatepost's has a PROXY header.
func benchFlood(n, rounds int) error {
	dir, err := os.MkdirTemp("", "gatepost-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	config := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(config, []byte(floodConfig), 0o600); err != nil {
		return err
	}
	m, stop, err := start(dir, config, []string{"proxy.trusted=127.0.0.2/32", "limits.connections_per_network=1000"}, [][]string{
		{"list", "add", "block", "198.51.100.7"}, {"list", "add", "allow", "192.0.2.7"},
	})
	if err != nil {
		return err
	}
	defer stop()
	nullAddr, stopNull, err := startNull()
	if err != nil {
		return err
	}
	defer stopNull()
	fmt.Println("| client | null conns/s | gatepost conns/s | ratio | CPU ms/conn | memory MB before, after |")
	fmt.Println("| --- | --- | --- | --- | --- | --- |")
	for _, f := range floods {
		if err := measureFlood(m, nullAddr, f.name, f.client, f.code, n, rounds); err != nil {
			return err
		}
	}
	return nil
}

func measureFlood(m *machine.Machine, nullAddr, name, client, code string, n, rounds int) error {
	var nulls, ours, ratios, cpus []float64
	first, err := m.Memory()
	if err != nil {
		return err
	}
	for range rounds {
		null, err := flood(nullAddr, "", "220", n)
		if err != nil {
			return fmt.Errorf("null: %w", err)
		}
		before, err := m.CPU()
		if err != nil {
			return err
		}
		own, err := flood(m.SMTP, "PROXY TCP4 "+client+" 192.0.2.25 1025 25\r\n", code, n)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		after, err := m.CPU()
		if err != nil {
			return err
		}
		nulls, ours, ratios = append(nulls, null), append(ours, own), append(ratios, own/null)
		cpus = append(cpus, (after-before).Seconds()*1000/float64(n))
	}
	last, err := m.Memory()
	if err != nil {
		return err
	}
	fmt.Printf("| %s | %.0f | %.0f | %.2f | %.3f | %.0f, %.0f |\n", name, median(nulls), median(ours), median(ratios), median(cpus), float64(first)/(1<<20), float64(last)/(1<<20))
	return nil
}

// flood makes n connections, ten at a time, and returns how many a second came to their
// first reply, of which at most one in a hundred may be another than code.
func flood(addr, hello, code string, n int) (perSecond float64, err error) {
	var left, other atomic.Int64
	left.Store(int64(n))
	begin := time.Now()
	errs := make(chan error, 10)
	var wg sync.WaitGroup
	for range cap(errs) {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				line, err := firstReply(addr, hello)
				if err != nil {
					errs <- err
					return
				}
				if !strings.HasPrefix(line, code) {
					other.Add(1)
				}
			}
		})
	}
	wg.Wait()
	select {
	case err := <-errs:
		return 0, err
	default:
	}
	if other.Load() > int64(n/100) {
		return 0, fmt.Errorf("%d of %d connections got another reply than %s", other.Load(), n, code)
	}
	return float64(n) / time.Since(begin).Seconds(), nil
}

func firstReply(addr, hello string) (string, error) {
	d := net.Dialer{Timeout: 10 * time.Second}
	if hello != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)} // the proxy
	}
	c, err := d.Dial("tcp", addr)
	if err != nil {
		return "", err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	if hello != "" {
		if _, err := c.Write([]byte(hello)); err != nil {
			return "", err
		}
	}
	return bufio.NewReader(c).ReadString('\n')
}
