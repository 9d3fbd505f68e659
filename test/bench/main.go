// Command bench measures gatepost beside other servers in the same run. Without one of the
// flags that say what, it takes mail over SMTP, with the default policy and without filters,
// beside a null server, Postfix, and Postfix with Rspamd: messages a second, CPU a message,
// memory. Quote the ratios: absolute figures hold for one machine at one moment.
//
//	go run ./test/bench -corpus DIR [-n 3000] [-rounds 3] [-limit 4s]   # as root: Postfix
//	go run ./test/bench -corpus DIR -filter "corpus by 10,null,no filters" [-profile FILE]
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
	"time"

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
	only := flag.String("filter", "", "of the filters measure this one alone; policy is all of the default policy's envelope part; with -imap, and for accepting mail, parts of the measurements' and servers' names, with commas between")
	profile := flag.String("profile", "", "write a CPU profile of the filters, or of our server that accepts mail or, with -imap, keeps it, to this file")
	limit := flag.Duration("limit", 4*time.Second, "accepting mail: no message of a measurement begins later")
	serve := flag.Bool("serve", false, "be the server with a profile (used by bench itself)")
	null := flag.String("null", "", "serve as the null server on this address (used by bench itself)")
	flag.Parse()
	var err error
	switch {
	case *null != "":
		err = serveNull(*null)
	case *serve:
		err = serveProfiled(*profile, flag.Args())
	case *each:
		err = profiled(*profile, func() error { return benchFilters(*n, *rounds, *only) })
	case *content:
		err = profiled(*profile, func() error { return benchContent(*corpus, *rounds, *only) })
	case *published:
		err = benchDNS(*rounds)
	case *flooded:
		err = benchFlood(*n, *rounds)
	case *mailboxes:
		err = benchIMAP(*rounds, *corpus, *only, *profile)
	case *held:
		err = benchQuarantine(*n, *rounds)
	case *relay:
		err = benchRelay(*n, *rounds)
	default:
		err = benchAccept(acceptOptions{*n, *limit, *rounds, *corpus, *only, *profile})
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

func run(s shape, addr string) load.Result {
	return load.Run{
		Addr: addr, Connections: s.connections, PerConn: 1, From: "sender@sender.example", To: "user0@bench.example",
		Messages: s.messages, Message: s.message,
	}.Do()
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
	return startPrepared(dir, config, sets, commands, func(*machine.Machine) error { return fill(dir + "/data") })
}

// startPrepared is start for a machine to which something is done before it serves.
func startPrepared(dir, config string, sets []string, commands [][]string, prepare func(*machine.Machine) error) (*machine.Machine, func(), error) {
	ctx := context.Background()
	bin, err := machine.Build(ctx, dir)
	if err != nil {
		return nil, nil, err
	}
	dns, err := startResolver()
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
	if err := prepare(m); err != nil {
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
