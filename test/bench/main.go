// Command bench measures gatepost over SMTP beside a null server in the same run:
// messages a second with the default policy and a local DNS, CPU per message, peak
// memory. Quote the ratios: absolute figures hold for one machine at one moment.
//
//	go run ./test/bench [-corpus DIR] [-n 3000]
//	go run ./test/bench -relay      # handing mail on, beside Postfix; as root
//	go run ./test/bench -quarantine # accepting mail while 100,000 holds expire
//	go run ./test/bench -filters    # what each filter costs a message
//	go run ./test/bench -content -corpus DIR # what the content's filters cost, beside Rspamd
//	go run ./test/bench -dns        # questions about the published blacklist, beside nsd
//	go run ./test/bench -flood      # connections that the gate refuses
//	go run ./test/bench -imap [-corpus DIR] [-filter "SEARCH"] # mailboxes, beside Dovecot; as root
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"

	"gatepost/internal/resolve/resolvetest"
	"gatepost/test/load"
	"gatepost/test/machine"
)

func main() {
	n := flag.Int("n", 3000, "messages a measurement")
	corpus := flag.String("corpus", "", "measure with this corpus too")
	rounds := flag.Int("rounds", 3, "rounds; the median is printed")
	relay := flag.Bool("relay", false, "measure handing mail on, beside Postfix")
	held := flag.Bool("quarantine", false, "measure accepting mail while many holds expire")
	each := flag.Bool("filters", false, "measure what each filter costs a message")
	content := flag.Bool("content", false, "measure what the filters of the content cost a message of the corpus, beside Rspamd")
	published := flag.Bool("dns", false, "measure questions about the published blacklist, beside nsd")
	flooded := flag.Bool("flood", false, "measure connections that the gate refuses")
	mailboxes := flag.Bool("imap", false, "measure mailboxes over IMAP and POP3, beside Dovecot")
	only := flag.String("filter", "", "of the filters measure this one alone; policy is all of the default policy's envelope part; with -imap, parts of the measurements' names, with commas between")
	profile := flag.String("profile", "", "write a CPU profile of the filters to this file")
	null := flag.String("null", "", "serve as the null server on this address (used by bench itself)")
	flag.Parse()
	var err error
	switch {
	case *null != "":
		err = serveNull(*null)
	case *each:
		err = profiled(*profile, func() error { return benchFilters(*n, *rounds, *only) })
	case *content:
		err = profiled(*profile, func() error { return benchContent(*corpus, *rounds, *only) })
	case *published:
		err = benchDNS(*rounds)
	case *flooded:
		err = benchFlood(*n, *rounds)
	case *mailboxes:
		err = benchIMAP(*rounds, *corpus, *only)
	case *held:
		err = benchQuarantine(*n, *rounds)
	case *relay:
		err = benchRelay(*n, *rounds)
	default:
		err = bench(*n, *rounds, *corpus)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// A shape is one kind of load.
type shape struct {
	name        string
	connections int
	messages    int
	message     func(i int) []byte
}

func bench(n, rounds int, corpus string) error {
	shapes := []shape{
		{"2 KB, 10 connections", 10, n, made(2 << 10)},
		{"2 KB, 50 connections", 50, n, made(2 << 10)},
		{"50 KB, 10 connections", 10, n / 3, made(50 << 10)},
	}
	if corpus != "" {
		messages, err := load.Corpus(corpus)
		if err != nil {
			return err
		}
		pick := func(i int) []byte { return messages[i*7%len(messages)] }
		shapes = append(shapes, shape{"corpus, 10 connections", 10, n, pick}, shape{"corpus, 50 connections", 50, n, pick})
	}
	dir, err := os.MkdirTemp("", "gatepost-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	m, stop, err := start(dir, "", nil, nil)
	if err != nil {
		return err
	}
	defer stop()
	nullAddr, stopNull, err := startNull()
	if err != nil {
		return err
	}
	defer stopNull()

	fmt.Println("| load | null msgs/s | gatepost msgs/s | ratio | CPU ms/msg | peak RSS MB |")
	fmt.Println("| --- | --- | --- | --- | --- | --- |")
	for _, s := range shapes {
		if err := measure(s, rounds, m, nullAddr); err != nil {
			return err
		}
	}
	return nil
}

// measure takes turns between the two, so that a noisy moment meets both.
func measure(s shape, rounds int, m *machine.Machine, nullAddr string) error {
	var nulls, ours, ratios, cpus []float64
	peak := watch(m)
	for range rounds {
		a := run(s, nullAddr)
		before, err := m.CPU()
		if err != nil {
			return err
		}
		b := run(s, m.SMTP)
		after, err := m.CPU()
		if err != nil {
			return err
		}
		if a.Lost+b.Lost+a.Refused+b.Refused > 0 {
			return fmt.Errorf("%s: null lost %d, refused %d; gatepost lost %d, refused %d (%v)", s.name, a.Lost, a.Refused, b.Lost, b.Refused, b.FirstError)
		}
		nulls, ours = append(nulls, a.Rate()), append(ours, b.Rate())
		ratios = append(ratios, b.Rate()/a.Rate())
		cpus = append(cpus, (after-before).Seconds()*1000/float64(s.messages))
	}
	fmt.Printf("| %s | %.0f | %.0f | %.2f | %.2f | %.0f |\n", s.name, median(nulls), median(ours), median(ratios), median(cpus), float64(peak())/(1<<20))
	return nil
}

func run(s shape, addr string) load.Result {
	return load.Run{
		Addr: addr, Connections: s.connections, PerConn: 1, From: "sender@sender.example", To: "user0@bench.example",
		Messages: s.messages, Message: s.message,
	}.Do()
}

// watch samples the machine's memory until the returned function is called.
func watch(m *machine.Machine) func() int64 {
	var peak int64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			if n, err := m.Memory(); err == nil {
				peak = max(peak, n)
			}
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
	return func() int64 {
		close(stop)
		wg.Wait()
		return peak
	}
}

func median(v []float64) float64 {
	for i := range v { // few values: insertion sort
		for j := i; j > 0 && v[j] < v[j-1]; j-- {
			v[j], v[j-1] = v[j-1], v[j]
		}
	}
	return v[len(v)/2]
}

// made returns messages of about size octets.
func made(size int) func(int) []byte {
	line := []byte("The quick brown fox jumps over the lazy dog, and nobody minds at all.\r\n")
	text := bytes.Repeat(line, size/len(line)+1)
	return func(i int) []byte {
		return fmt.Appendf(nil, "From: <sender@sender.example>\r\nTo: <user0@bench.example>\r\nSubject: message %d\r\n"+
			"Date: Sun, 22 Nov 2026 12:00:00 +0000\r\nMessage-ID: <%d@sender.example>\r\n\r\n%s", i, i, text)
	}
}

// benchPassword opens every mailbox of ours.
const benchPassword = "a pass phrase for the bench"

// start builds and starts gatepost with one mailbox and a DNS server on loopback that
// knows no name; config "" is its own. commands are run before.
func start(dir, config string, sets []string, commands [][]string) (*machine.Machine, func(), error) {
	return startFilled(dir, config, sets, commands, func(string) error { return nil })
}

// startFilled is start for a data directory that fill puts something in before.
func startFilled(dir, config string, sets []string, commands [][]string, fill func(data string) error) (*machine.Machine, func(), error) {
	ctx := context.Background()
	bin, err := machine.Build(ctx, dir)
	if err != nil {
		return nil, nil, err
	}
	dns, err := resolvetest.Serve("sender.example. 3600 IN A 192.0.2.1\n")
	if err != nil {
		return nil, nil, err
	}
	m, err := machine.New(bin, dir+"/data")
	if err != nil {
		return nil, nil, err
	}
	m.Config = config
	m.Sets = append([]string{"resolver.servers=" + dns.Addr, "log.level=warn"}, sets...)
	for _, args := range commands {
		if _, err := m.Run("", args...); err != nil {
			return nil, nil, err
		}
	}
	if _, err := m.Run("", "domain", "add", "bench.example"); err != nil {
		return nil, nil, err
	}
	if _, err := m.Run(benchPassword, "mailbox", "add", "user0@bench.example", "--password-stdin"); err != nil {
		return nil, nil, err
	}
	if err := fill(dir + "/data"); err != nil {
		return nil, nil, err
	}
	if err := m.Start(); err != nil {
		return nil, nil, err
	}
	return m, func() { m.Stop(); dns.Close() }, nil
}

// startNull runs this program as the null server, in a process of its own so
// that its work is not counted with the clients'.
func startNull() (string, func(), error) {
	addr, cmd, err := startNullProcess()
	return addr, func() { end(cmd) }, err
}

// end kills a process, if there is one.
func end(cmd *exec.Cmd) {
	if cmd != nil {
		cmd.Process.Kill()
		cmd.Wait()
	}
}

func startNullProcess() (string, *exec.Cmd, error) {
	m, err := machine.New("", "")
	if err != nil {
		return "", nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	cmd := exec.Command(self, "-null", m.SMTP)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	for range 100 {
		if c, err := load.Dial(m.SMTP, "x.example"); err == nil {
			c.Close()
			return m.SMTP, cmd, nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	end(cmd)
	return "", nil, fmt.Errorf("the null server on %s does not answer", m.SMTP)
}
