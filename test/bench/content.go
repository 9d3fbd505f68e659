package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
	"time"

	"gatepost/internal/app"
	"gatepost/internal/engine"
	"gatepost/internal/engine/rspamd"
	"gatepost/internal/mail"
	"gatepost/pipeline"
	"gatepost/test/load"
	"gatepost/test/peer"
)

// contentPerRound is how many of the corpus's messages each round takes, from all over it.
const contentPerRound = 1000

// benchContent prints what the content part of the default policy costs a message of the
// corpus: CPU of this process, less that of a policy without entries, beside what a scan by
// Rspamd costs in the same run; then the same of each filter by itself; and the memory that
// large messages take. Filters are asked, not told: what they write behind is in -filters.
func benchContent(corpus string, rounds int, only string) error {
	debug.SetGCPercent(200) // as gatepost serve does
	labelled, err := load.Labelled(corpus)
	if err != nil {
		return err
	}
	b, err := newFilterBench()
	if err != nil {
		return err
	}
	defer b.close()
	c := &contentBench{filterBench: b, labelled: labelled}
	for _, m := range labelled {
		c.messages = append(c.messages, m.Text)
	}
	if err := c.besideRspamd(rounds, only); err != nil {
		return err
	}
	if only == "" {
		if err := c.each(rounds); err != nil {
			return err
		}
	}
	return c.large()
}

// A contentBench asks about messages of a corpus.
type contentBench struct {
	*filterBench
	messages [][]byte
	labelled []load.Message // the same
}

// pick is the i-th message of those that a round takes.
func (c *contentBench) pick(i int) []byte { return c.messages[i*7%len(c.messages)] }

// entries are those of the default policy that look at the content; every filter of the
// catalogue that does where all is set. What asks a server does nothing until one is named.
func (c *contentBench) entries(all bool) (list []pipeline.EntrySpec) {
	content := map[string]bool{}
	for _, k := range app.Catalog(c.config) {
		if content[k.Name] = k.Stage == pipeline.Data; all && content[k.Name] {
			list = append(list, pipeline.EntrySpec{Filter: k.Name})
		}
	}
	if all {
		return list
	}
	return slices.DeleteFunc(slices.Clone(c.policy()), func(e pipeline.EntrySpec) bool { return !content[e.Filter] })
}

// besideRspamd prints the first table: what entries cost beside a scan of Rspamd as Debian has
// it, with Bayes trained, and beside one with its rules alone, in the same rounds.
func (c *contentBench) besideRspamd(rounds int, only string) error {
	whole, _, stop, err := c.startWhole()
	if err != nil {
		return err
	}
	defer stop()
	rules, err := peer.StartRspamd()
	if err != nil {
		return err
	}
	defer rules.Stop()
	peers := []*peer.Engine{whole, rules}
	for range 2 { // until their caches are filled, as ours are
		for _, p := range peers {
			if _, err := c.scans(p); err != nil {
				return err
			}
		}
	}
	if err := whole.Quiet(); err != nil {
		return err
	}
	fmt.Println("| what | entries | µs CPU | allocations | Rspamd µs CPU | ratio | its rules alone µs CPU | ratio |")
	fmt.Println("| --- | --- | --- | --- | --- | --- | --- | --- |")
	if only != "" && only != "policy" {
		return c.beside(only, []pipeline.EntrySpec{{Filter: only}}, rounds, peers)
	}
	if err := c.beside("the default policy's content part, Bayes untrained", c.entries(false), rounds, peers); err != nil {
		return err
	}
	if only == "" {
		if err := c.beside("every filter of the content, Bayes untrained", c.entries(true), rounds, peers); err != nil {
			return err
		}
	}
	if err := c.train(); err != nil {
		return err
	}
	return c.beside("the default policy's content part, Bayes trained", c.entries(false), rounds, peers)
}

// beside prints a row: entries, beside each peer.
func (c *contentBench) beside(name string, list []pipeline.EntrySpec, rounds int, peers []*peer.Engine) error {
	var ours, allocs []float64
	theirs, ratios := make([][]float64, len(peers)), make([][]float64, len(peers))
	for range rounds {
		cost, err := c.cost(list)
		if err != nil {
			return err
		}
		ours, allocs = append(ours, cost.micros), append(allocs, cost.allocs)
		for i, p := range peers {
			scan, err := c.scans(p)
			if err != nil {
				return err
			}
			theirs[i], ratios[i] = append(theirs[i], scan), append(ratios[i], cost.micros/scan)
		}
	}
	fmt.Printf("| %s | %d | %.0f | %.0f |", name, len(list), median(ours), median(allocs))
	for i := range peers {
		fmt.Printf(" %.0f | %.3f |", median(theirs[i]), median(ratios[i]))
	}
	fmt.Println()
	return nil
}

// scans has Rspamd look at the messages and returns its CPU for one, in µs.
func (c *contentBench) scans(e *peer.Engine) (float64, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	before, err := e.CPU()
	if err != nil {
		return 0, err
	}
	for i := range contentPerRound {
		r := engine.Request{
			ID: fmt.Sprint(i), Time: time.Now(), Host: "mx.bench.example", Client: contentClient(),
			Envelope: mail.Envelope{ReversePath: "sender@sender.example", Recipients: []mail.Path{"user0@bench.example"}}, Message: mail.NewMessage(c.pick(i)),
		}
		if _, err := rspamd.Grade(ctx, e.Addr, "", r); err != nil {
			return 0, fmt.Errorf("message %d: %w", i, err)
		}
	}
	after, err := e.CPU()
	return (after - before).Seconds() * 1e6 / contentPerRound, err
}

func contentClient() mail.Client {
	return mail.Client{Addr: netip.MustParseAddr("198.18.0.7"), Port: 25, Helo: "mail.client0.example", ESMTP: true}
}

// each prints what each filter of the content costs by itself. Facts that several share
// count for each.
func (c *contentBench) each(rounds int) error {
	fmt.Println("\n| filter alone | µs CPU | allocations |")
	fmt.Println("| --- | --- | --- |")
	type row struct {
		name string
		cost
	}
	var rows []row
	for _, e := range c.entries(true) {
		var micros, allocs []float64
		for range rounds {
			cost, err := c.cost([]pipeline.EntrySpec{e})
			if err != nil {
				return fmt.Errorf("%s: %w", e.Filter, err)
			}
			micros, allocs = append(micros, cost.micros), append(allocs, cost.allocs)
		}
		rows = append(rows, row{e.Filter, cost{micros: median(micros), allocs: median(allocs)}})
	}
	slices.SortFunc(rows, func(a, b row) int { return cmp.Compare(b.micros, a.micros) })
	for _, r := range rows {
		fmt.Printf("| %s | %.0f | %.0f |\n", r.name, r.micros, r.allocs)
	}
	return nil
}

// cost is what entries cost a message more than none.
func (c *contentBench) cost(entries []pipeline.EntrySpec) (cost, error) {
	without, err := c.asked(nil)
	if err != nil {
		return cost{}, err
	}
	with, err := c.asked(entries)
	return cost{micros: with.micros - without.micros, allocs: with.allocs - without.allocs}, err
}

// asked puts entries in force and asks about the messages, after some that fill caches.
func (c *contentBench) asked(entries []pipeline.EntrySpec) (cost, error) {
	if err := c.force(entries); err != nil {
		return cost{}, err
	}
	for i := range contentPerRound / 10 {
		if err := c.ask(mail.NewMessage(c.pick(i))); err != nil {
			return cost{}, err
		}
	}
	cpu, before := usage()
	for i := range contentPerRound {
		if err := c.ask(mail.NewMessage(c.pick(i))); err != nil {
			return cost{}, fmt.Errorf("message %d: %w", i, err)
		}
	}
	cpu2, after := usage()
	return cost{micros: (cpu2 - cpu).Seconds() * 1e6 / contentPerRound, allocs: float64(after.Mallocs-before.Mallocs) / contentPerRound}, nil
}

// force has entries for a policy. Results lead to nothing, so that all of them are asked.
func (c *contentBench) force(entries []pipeline.EntrySpec) error {
	quiet := slices.Clone(entries)
	for i := range quiet {
		quiet[i].Shadow = true
	}
	conf := *c.config
	conf.Gate = pipeline.Spec{}
	conf.Policies = []pipeline.Spec{{Name: conf.DefaultPolicy, Required: 7.5, Entries: quiet}}
	_, err := c.app.Reload(&conf)
	return err
}

func (c *contentBench) ask(m *mail.Message) error {
	_, err := c.app.Intake().Explain(context.Background(), contentClient(), "sender@sender.example", []string{"user0@bench.example"}, m)
	return err
}

// largeMessage is the size of those whose memory is measured, in octets.
const largeMessage = 25 << 20

// large prints the memory that filtering a message of 25 MB takes, which lies in a file as
// the SMTP server leaves it: the most of the heap in use above what was before, with the
// collector running often, so that it is what is held and not what lies about.
func (c *contentBench) large() error {
	fmt.Printf("\n| message of %d MB | heap MB | CPU ms |\n| --- | --- | --- |\n", largeMessage>>20)
	if err := c.force(c.entries(true)); err != nil {
		return err
	}
	defer debug.SetGCPercent(debug.SetGCPercent(5))
	for _, m := range []struct {
		name  string
		write func(*bufio.Writer) error
	}{
		{"text", largeText("text/plain")}, {"HTML", largeText("text/html")},
		{"an attachment", largeAttachment("application/octet-stream", "data.bin")}, {"a picture", largeAttachment("image/png", "photo.png")},
	} {
		heap, cpu, err := c.held(m.write)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		fmt.Printf("| %s | %.1f | %.0f |\n", m.name, float64(heap)/(1<<20), cpu.Seconds()*1000)
	}
	return nil
}

// held asks about a message that lies in a file.
func (c *contentBench) held(write func(*bufio.Writer) error) (heap uint64, took time.Duration, err error) {
	f, err := os.CreateTemp(c.dir, "message")
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	if err := errors.Join(write(w), w.Flush()); err != nil {
		return 0, 0, err
	}
	size, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, 0, err
	}
	debug.FreeOSMemory()
	before, peak := heapNow(), watchHeap()
	cpu, _ := usage()
	err = c.ask(mail.NewSpooled(f, size))
	after, _ := usage()
	return max(peak(), before) - before, after - cpu, err
}

func heapNow() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// watchHeap samples the heap each millisecond until the returned function is called.
func watchHeap() func() uint64 {
	var peak uint64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			peak = max(peak, heapNow())
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	})
	return func() uint64 {
		close(stop)
		wg.Wait()
		return peak
	}
}

const largeHeader = "From: Ann <ann@sender.example>\r\nTo: user0@bench.example\r\nSubject: large\r\n" +
	"Date: Sun, 22 Nov 2026 12:00:00 +0000\r\nMessage-ID: <large@sender.example>\r\nMIME-Version: 1.0\r\n"

// largeText is words, a few links among them.
func largeText(kind string) func(*bufio.Writer) error {
	words := strings.Fields("The quick brown fox jumps over the lazy dog and nobody minds at all since it is late in http://www.example.com/autumn <b>now</b>")
	return func(w *bufio.Writer) error {
		r := rand.New(rand.NewPCG(1, 2))
		w.WriteString(largeHeader + "Content-Type: " + kind + "; charset=utf-8\r\n\r\n")
		for n := 0; n < largeMessage; {
			for range 12 {
				word := words[r.IntN(len(words))]
				w.WriteString(word + " ")
				n += len(word) + 1
			}
			w.WriteString("\r\n")
		}
		return nil // w remembers an error
	}
}

// largeAttachment is octets of chance in base64 behind a short text.
func largeAttachment(kind, name string) func(*bufio.Writer) error {
	return func(w *bufio.Writer) error {
		w.WriteString(largeHeader + "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\nsee there\r\n--x\r\nContent-Type: " + kind +
			"; name=" + name + "\r\nContent-Disposition: attachment; filename=" + name + "\r\nContent-Transfer-Encoding: base64\r\n\r\n")
		r := rand.NewChaCha8([32]byte{})
		octets := make([]byte, 57)
		for n := 0; n < largeMessage; n += 78 {
			r.Read(octets)
			w.WriteString(base64.StdEncoding.EncodeToString(octets) + "\r\n")
		}
		_, err := w.WriteString("--x--\r\n")
		return err
	}
}
