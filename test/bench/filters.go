package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"syscall"
	"time"

	"gatepost/internal/app"
	"gatepost/internal/config"
	"gatepost/internal/intake"
	"gatepost/internal/mail"
	"gatepost/internal/resolve/resolvetest"
	"gatepost/pipeline"
	"gatepost/test/load"
	"gatepost/test/machine"
)

// Traffic of the filter bench: so many clients, each a network of its own with a name that
// leads back, write under as many domains, each with SPF and MX, again and again. So after
// the first round the DNS is answered from the cache, and state is read that is there.
const (
	benchClients = 500
	benchDomains = 500
)

// benchFilters prints what each filter costs a message: CPU of the whole process, with what
// it does later (batches, commits), and allocations, less those of a transaction that no
// filter judges. Filters of the envelope are asked and told live, from the connection to
// RCPT; those of the content are asked about a letter of 2 KB.
func benchFilters(n, rounds int, only string) error {
	debug.SetGCPercent(200) // as gatepost serve does
	b, err := newFilterBench()
	if err != nil {
		return err
	}
	defer b.close()
	fmt.Println("| filter | stage | µs CPU | allocations |")
	fmt.Println("| --- | --- | --- | --- |")
	for _, k := range app.Catalog(b.config) {
		if only != "" && only != k.Name {
			continue
		}
		if err := b.row(k, n, rounds); err != nil {
			return fmt.Errorf("%s: %w", k.Name, err)
		}
	}
	if only != "" && only != "policy" {
		return nil
	}
	return b.envelope(n, rounds)
}

// profiled writes a CPU profile of what f does, and beside it one of what was allocated,
// where a file is named.
func profiled(file string, f func() error) error {
	if file == "" {
		return f()
	}
	w, err := os.Create(file)
	if err != nil {
		return err
	}
	defer w.Close()
	heap, err := os.Create(file + ".allocs")
	if err != nil {
		return err
	}
	defer heap.Close()
	if err := pprof.StartCPUProfile(w); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	defer pprof.WriteHeapProfile(heap)
	return f()
}

// A filterBench is a node in this process, without a wire.
type filterBench struct {
	dir    string
	config *config.Config // as it ships
	app    *app.App
	dns    *resolvetest.Server
	stop   func()
}

func newFilterBench() (_ *filterBench, err error) {
	b := &filterBench{}
	if b.dir, err = os.MkdirTemp("", "gatepost-bench-"); err != nil {
		return nil, err
	}
	if b.dns, err = resolvetest.Serve(benchZone()); err != nil {
		return nil, err
	}
	b.config, err = config.Load("", []string{
		"data=" + b.dir, "hostname=mx.bench.example", "resolver.servers=" + b.dns.Addr, "listen.smtp=", "listen.submission=", "listen.imap=", "listen.pop3=", "listen.sieve=", "listen.web=",
	}, nil)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	if b.app, err = app.New(ctx, b.config, slog.New(slog.DiscardHandler)); err != nil {
		cancel()
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- b.app.Run(ctx) }()
	b.stop = func() { cancel(); <-ended }
	for _, do := range []struct{ op, params string }{
		{"domain.add", `{"name":"bench.example"}`}, {"mailbox.add", `{"address":"user0@bench.example","password":"a pass phrase for the bench"}`},
	} {
		if _, err := b.app.Handle(ctx, do.op, json.RawMessage(do.params)); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (b *filterBench) close() {
	b.stop()
	b.app.Close()
	b.dns.Close()
	os.RemoveAll(b.dir)
}

// benchZone is the DNS of the traffic.
func benchZone() (zone string) {
	for i := range benchClients {
		a := benchClient(i).As4()
		zone += fmt.Sprintf("%d.%d.%d.%d.in-addr.arpa. PTR mail.client%d.example.\nmail.client%d.example. A %d.%d.%d.%d\n",
			a[3], a[2], a[1], a[0], i, i, a[0], a[1], a[2], a[3])
	}
	for i := range benchDomains {
		zone += fmt.Sprintf("sender%d.example. MX 10 mx.sender%d.example.\nmx.sender%d.example. A 192.0.2.1\nsender%d.example. TXT \"v=spf1 ip4:%s -all\"\n",
			i, i, i, i, benchClient(i))
	}
	return zone + "2.0.0.127.one.list.example. A 127.0.0.2\n2.0.0.127.two.list.example. A 127.0.0.2\n"
}

// benchClient is the address of a client, each in a network of its own.
func benchClient(i int) netip.Addr { return netip.AddrFrom4([4]byte{198, 18 + byte(i>>8), byte(i), 7}) }

// row measures one filter and prints its line.
func (b *filterBench) row(k pipeline.Kind, n, rounds int) error {
	envelope := k.Stage < pipeline.Data
	if k.Name == "early-talker" { // waits by design; what it costs is a timer
		return nil
	}
	var cpus, allocs []float64
	for range rounds {
		without, err := b.measure(nil, nil, n, envelope)
		if err != nil {
			return err
		}
		gate, policy := []pipeline.EntrySpec{}, []pipeline.EntrySpec{{Filter: k.Name, Settings: benchSettings(k.Name)}}
		if k.Gate && k.Stage < pipeline.Mail && k.Scope == pipeline.PerMessage {
			gate, policy = policy, gate
		}
		with, err := b.measure(gate, policy, n, envelope)
		if err != nil {
			return err
		}
		cpus, allocs = append(cpus, with.micros-without.micros), append(allocs, with.allocs-without.allocs)
	}
	fmt.Printf("| %s | %s | %.1f | %.0f |\n", k.Name, k.Stage, median(cpus), median(allocs))
	return nil
}

// benchSettings are those without which a filter has nothing to do.
func benchSettings(filter string) map[string]any {
	if filter != "dnsbl" {
		return nil
	}
	return map[string]any{"lists": []any{map[string]any{"zone": "one.list.example", "weight": 1}, map[string]any{"zone": "two.list.example", "weight": 1}}}
}

// A cost is a message's.
type cost struct{ micros, allocs, octets float64 }

// measure puts lists in force and sends n messages after a round that fills caches.
func (b *filterBench) measure(gate, policy []pipeline.EntrySpec, n int, envelope bool) (cost, error) {
	c := *b.config
	c.Gate = pipeline.Spec{Entries: gate}
	c.Policies = []pipeline.Spec{{Name: c.DefaultPolicy, Required: 7.5, Entries: policy}}
	if _, err := b.app.Reload(&c); err != nil {
		return cost{}, err
	}
	if err := b.send(benchClients, envelope); err != nil {
		return cost{}, err
	}
	runtime.GC()
	cpu, before := usage()
	if err := b.send(n, envelope); err != nil {
		return cost{}, err
	}
	time.Sleep(1500 * time.Millisecond) // what is written behind is the filter's cost, too
	cpu2, after := usage()
	each := func(total uint64) float64 { return float64(total) / float64(n) }
	return cost{(cpu2 - cpu).Seconds() * 1e6 / float64(n), each(after.Mallocs - before.Mallocs), each(after.TotalAlloc - before.TotalAlloc)}, nil
}

// usage is what this process has used so far.
func usage() (cpu time.Duration, m runtime.MemStats) {
	var r syscall.Rusage
	runtime.ReadMemStats(&m)
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0, m
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()), m
}

// send brings n messages, one client after the other.
func (b *filterBench) send(n int, envelope bool) error {
	in := b.app.Intake()
	letter := made(2 << 10)
	for i := range n {
		who := i % benchClients
		client := mail.Client{Addr: benchClient(who), Port: 25, Helo: fmt.Sprintf("mail.client%d.example", who), ESMTP: true}
		from := mail.Path(fmt.Sprintf("ann%d@sender%d.example", i%7, who%benchDomains))
		if !envelope {
			if _, err := in.Explain(context.Background(), client, from, []string{"user0@bench.example"}, mail.NewMessage(letter(i))); err != nil {
				return err
			}
			continue
		}
		if err := connect(in, client, from); err != nil {
			return err
		}
	}
	return nil
}

// connect brings one message as far as RCPT, and gives up.
func connect(in *intake.Intake, client mail.Client, from mail.Path) error {
	ctx := context.Background()
	conv, v := in.Connect(ctx, client)
	defer conv.Close()
	if v.Answer != mail.OK {
		return fmt.Errorf("connect: %v %s", v.Answer, v.Reason)
	}
	if v := conv.Helo(ctx, client); v.Answer != mail.OK {
		return fmt.Errorf("helo: %v %s", v.Answer, v.Reason)
	}
	tx, v := conv.Mail(ctx, client, from, mail.Params{Size: 2 << 10})
	if v.Answer != mail.OK {
		return fmt.Errorf("mail: %v %s", v.Answer, v.Reason)
	}
	v = tx.Rcpt(ctx, "user0@bench.example", mail.RcptParams{})
	tx.Abort(mail.OK, "measured")
	if v.Answer != mail.OK && v.Answer != mail.Deferred {
		return fmt.Errorf("rcpt: %v %s", v.Answer, v.Reason)
	}
	return nil
}

// envelope holds what all filters of the default gate and policy cost together before the
// content against the SMTP dialogue of a null server in the same run: CPU a message.
func (b *filterBench) envelope(n, rounds int) error {
	addr, process, err := startNullProcess()
	if err != nil {
		return err
	}
	defer end(process)
	var ours, nulls, ratios, allocs, octets []float64
	for range rounds {
		without, err := b.measure(nil, nil, n, true)
		if err != nil {
			return err
		}
		with, err := b.measure(b.config.Gate.Entries, b.policy(), n, true)
		if err != nil {
			return err
		}
		null, err := nullCost(addr, process, n)
		if err != nil {
			return err
		}
		cost := with.micros - without.micros
		ours, nulls, ratios = append(ours, cost), append(nulls, null), append(ratios, cost/null)
		allocs, octets = append(allocs, with.allocs-without.allocs), append(octets, with.octets-without.octets)
	}
	fmt.Printf("\nenvelope part of the default policy %.0f µs CPU and %.0f allocations of %.1f KB in all a message, SMTP dialogue of the null server %.0f µs: ratio %.2f\n",
		median(ours), median(allocs), median(octets)/1e3, median(nulls), median(ratios))
	return nil
}

// policy is the default one.
func (b *filterBench) policy() []pipeline.EntrySpec {
	for _, p := range b.config.Policies {
		if p.Name == b.config.DefaultPolicy {
			return p.Entries
		}
	}
	return nil
}

// nullCost is the CPU, in µs, that the null server spends on a message that comes on a
// connection of its own.
func nullCost(addr string, process *exec.Cmd, n int) (float64, error) {
	before, err := machine.CPU(process.Process.Pid)
	if err != nil {
		return 0, err
	}
	r := load.Run{
		Addr: addr, Connections: 10, PerConn: 1, From: "sender@sender.example", To: "user0@bench.example", Messages: n, Message: made(2 << 10),
	}.Do()
	if r.Lost+r.Refused > 0 {
		return 0, fmt.Errorf("null server: %v", r.FirstError)
	}
	after, err := machine.CPU(process.Process.Pid)
	return (after - before).Seconds() * 1e6 / float64(n), err
}
