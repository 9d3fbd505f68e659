package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"gatepost/test/load"
	"gatepost/test/machine"
)

// acceptOptions say what of accepting mail is measured.
type acceptOptions struct {
	messages int           // a measurement, at most
	limit    time.Duration // after which a measurement begins no more
	rounds   int
	corpus   string
	only     string // parts of the loads' and servers' names, with commas between; "" is all
	profile  string // a file for a CPU profile of our server
}

// wants reports whether a load or a server is asked for. What names no load asks for all of
// them, and likewise with servers.
func (o acceptOptions) wants(name string, all []string) bool {
	asked := false
	for part := range strings.SplitSeq(o.only, ",") {
		if part = strings.TrimSpace(part); part == "" || !slices.ContainsFunc(all, func(s string) bool { return strings.Contains(s, part) }) {
			continue
		}
		if asked = true; strings.Contains(name, part) {
			return true
		}
	}
	return !asked
}

// benchAccept measures taking mail until it is durable, with the whole default policy and
// without filters, beside a server that keeps nothing (Postfix's smtp-sink), Postfix
// alone, and Postfix that asks Rspamd. One message a connection, each command
// waits for the reply to the one before.
func benchAccept(o acceptOptions) error {
	loads, err := acceptLoads(o)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "gatepost-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	servers, stop, err := startContenders(dir, o)
	defer stop()
	if err != nil {
		return err
	}
	fmt.Println("Messages a second, and the server's milliseconds of CPU a message; load of the machine before:", loadAverage())
	header(servers)
	for _, s := range loads {
		if err := acceptAt(s, servers, o); err != nil {
			return err
		}
	}
	fmt.Println("load of the machine after:", loadAverage())
	memoryTable(servers)
	return growth(servers, loads, o)
}

func acceptLoads(o acceptOptions) (loads []shape, err error) {
	kinds := []struct {
		name    string
		share   int // of the messages, one in so many
		message func(int) []byte
	}{{"2 KB", 1, made(2 << 10)}, {"50 KB", 3, made(50 << 10)}, {"1 MB", 20, made(1 << 20)}, {"corpus", 1, nil}}
	var names []string
	for _, k := range kinds {
		for _, connections := range []int{1, 10, 50} {
			if k.message == nil {
				if o.corpus == "" {
					continue
				}
				messages, err := load.Corpus(o.corpus)
				if err != nil {
					return nil, err
				}
				k.message = func(i int) []byte { return messages[i*7%len(messages)] }
			}
			s := shape{fmt.Sprintf("%s by %d", k.name, connections), connections, max(o.messages/k.share, 50), k.message}
			loads, names = append(loads, s), append(names, s.name)
		}
	}
	return slices.DeleteFunc(loads, func(s shape) bool { return !o.wants(s.name, names) }), nil
}

// ratios are what is printed behind the rates: of whom to whom.
var ratios = [][2]string{{gatepostServer, postfixServer}, {gatepostServer, rspamdServer}, {bareServer, nullServer}}

func header(servers []*contender) {
	line, rule := "| load, connections", "| ---"
	add := func(s string) { line, rule = line+" | "+s, rule+" | ---" }
	for _, s := range servers {
		add(s.name)
	}
	for _, r := range ratios {
		if find(servers, r[0]) != nil && find(servers, r[1]) != nil {
			add(r[0] + " : " + r[1])
		}
	}
	fmt.Printf("%s |\n%s |\n", line, rule)
}

// acceptAt takes turns between all servers, so that a noisy moment meets all of them, and
// prints the medians.
func acceptAt(s shape, servers []*contender, o acceptOptions) error {
	rates, cpus := map[string][]float64{}, map[string][]float64{}
	for range o.rounds {
		for _, c := range servers {
			rate, cpu, err := c.measure(s, o.limit)
			if err != nil {
				return fmt.Errorf("%s: %s: %w", s.name, c.name, err)
			}
			rates[c.name], cpus[c.name] = append(rates[c.name], rate), append(cpus[c.name], cpu)
		}
	}
	quotients := make([][]float64, len(ratios))
	for i, r := range ratios {
		for round, rate := range rates[r[0]] {
			if of := rates[r[1]]; round < len(of) {
				quotients[i] = append(quotients[i], rate/of[round])
			}
		}
	}
	line := "| " + s.name
	for _, c := range servers {
		line += fmt.Sprintf(" | %.0f, %.2f", median(rates[c.name]), median(cpus[c.name]))
	}
	for _, q := range quotients {
		if len(q) > 0 {
			line += fmt.Sprintf(" | %.2f", median(q))
		}
	}
	fmt.Println(line + " |")
	return nil
}

// measure returns messages a second, and CPU milliseconds a message, with what the server
// does behind its replies. The other servers do nothing meanwhile.
func (c *contender) measure(s shape, limit time.Duration) (rate, cpu float64, err error) {
	before, err := c.cpu()
	if err != nil {
		return 0, 0, err
	}
	peak := c.watch()
	r := load.Run{
		Addr: c.addr, Connections: s.connections, PerConn: 1, From: "sender@sender.example", To: "user0@bench.example",
		Messages: s.messages, Message: s.message, Limit: limit, Patient: true, Client: c.client,
	}.Do()
	c.settle()
	c.peak = max(c.peak, peak())
	after, err := c.cpu()
	switch {
	case err != nil:
		return 0, 0, err
	case r.Lost > 0 || r.Taken == 0 || r.Refused > r.Taken/2: // a filter of the peer may refuse some
		return 0, 0, fmt.Errorf("taken %d, refused %d, lost %d: %w", r.Taken, r.Refused, r.Lost, r.FirstError)
	}
	return r.Rate(), (after - before).Seconds() * 1000 / float64(r.Taken+r.Refused), nil
}

// memoryTable prints what the servers took at most.
func memoryTable(servers []*contender) {
	fmt.Printf("\n| server | peak memory under load, PSS, MB |\n| --- | --- |\n")
	for _, c := range servers {
		fmt.Printf("| %s | %.0f |\n", c.name, float64(c.peak)/(1<<20))
	}
}

// growthPasses is how often the same number of messages is sent to see whether memory grows.
const growthPasses = 5

// growth prints the memory of our server after each of some passes at 50 connections.
func growth(servers []*contender, loads []shape, o acceptOptions) error {
	c := cmp.Or(find(servers, gatepostServer), find(servers, bareServer))
	at := slices.IndexFunc(loads, func(s shape) bool { return s.name == "corpus by 50" })
	if c == nil || at < 0 {
		return nil
	}
	s := loads[at]
	fmt.Printf("\n%s, memory by messages at 50 connections, corpus:", c.name)
	for pass := range growthPasses {
		if _, _, err := c.measure(s, 10*o.limit); err != nil {
			return err
		}
		now, err := c.memory()
		if err != nil {
			return err
		}
		fmt.Printf(" %d: %.0f MB", (pass+1)*s.messages, float64(now)/(1<<20))
	}
	fmt.Println()
	return nil
}

// loadAverage is the machine's, of the last minute and five minutes.
func loadAverage() string {
	b, _ := os.ReadFile("/proc/loadavg") // for people's eyes alone
	f := strings.Fields(string(b) + " ? ?")
	return f[0] + ", " + f[1]
}

// cpu is what all processes of a server have used.
func (c *contender) cpu() (total time.Duration, err error) {
	for _, pid := range c.pids {
		one, err := machine.TreeCPU(pid)
		if err != nil {
			return 0, err
		}
		total += one
	}
	return total, nil
}

// memory is what they take together.
func (c *contender) memory() (total int64, err error) {
	for _, pid := range c.pids {
		one, err := machine.TreeMemory(pid)
		if err != nil {
			return 0, err
		}
		total += one
	}
	return total, nil
}

// settle waits until the server has done what it does behind its replies: it uses less
// than a fiftieth of a processor. Half a minute is the most.
func (c *contender) settle() {
	const look = 500 * time.Millisecond
	last, err := c.cpu()
	for end := time.Now().Add(30 * time.Second); err == nil && time.Now().Before(end); {
		time.Sleep(look)
		now, e := c.cpu()
		if now-last <= look/50 {
			return
		}
		last, err = now, e
	}
}

// watch samples the server's memory until the returned function is called.
func (c *contender) watch() func() int64 {
	var peak int64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			if n, err := c.memory(); err == nil {
				peak = max(peak, n)
			}
			select {
			case <-stop:
				return
			case <-time.After(time.Second): // reading it costs the kernel some
			}
		}
	})
	return func() int64 {
		close(stop)
		wg.Wait()
		return peak
	}
}
