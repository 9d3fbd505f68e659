package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"gatepost/test/peer"
)

// A trial is a filter that is shown a stream.
type trial struct {
	stream stream
	kind   kind
	outcome
	size int64 // of the model at the end, in octets
	err  error
}

// try shows the streams to the filters, several at a time where it is asked to, and returns the
// trials by stream and filter. Filters that are not on this machine are named and left out.
func try(w io.Writer, messages []message, o options, p protocol, shapes []shape, filters []kind) ([]trial, error) {
	dir, err := os.MkdirTemp(scratch(), "gatepost-eval-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	c := &corpus{dir: dir, messages: messages, written: map[string]bool{}}
	var trials []trial
	for _, s := range shapes {
		made, err := s.make(c)
		if err != nil {
			return nil, err
		}
		for _, k := range filters {
			if len(o.filters) == 0 || slices.Contains(o.filters, k.name) {
				trials = append(trials, trial{stream: made, kind: k})
			}
		}
	}
	work, done := make(chan *trial), make(chan struct{})
	for range max(o.jobs, 1) {
		go func() {
			for t := range work {
				began := time.Now()
				t.err = t.run(dir, p)
				fmt.Fprintf(os.Stderr, "%s, %s: %s\n", t.kind.name, t.stream.name, time.Since(began).Round(time.Second))
			}
			done <- struct{}{}
		}()
	}
	for i := range trials {
		work <- &trials[i]
	}
	close(work)
	for range max(o.jobs, 1) {
		<-done
	}
	return present(w, trials)
}

// scratch is a file system in memory where there is one: disks are not what is measured.
func scratch() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return ""
}

func (t *trial) run(dir string, p protocol) error {
	dir, err := os.MkdirTemp(dir, t.kind.name+"-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	l, err := t.kind.start(dir)
	if err != nil {
		return err
	}
	t.outcome, err = p(l, t.stream)
	var end error
	t.size, end = l.stop()
	return errors.Join(err, end)
}

// present leaves out trials of filters that are not on this machine.
func present(w io.Writer, trials []trial) ([]trial, error) {
	var there []trial
	absent := map[string]bool{}
	for _, t := range trials {
		switch {
		case errors.Is(t.err, peer.ErrMissing):
			if !absent[t.kind.name] {
				fmt.Fprintf(w, "%s is left out: %v\n", t.kind.name, t.err)
			}
			absent[t.kind.name] = true
		case t.err != nil:
			return nil, fmt.Errorf("%s, %s: %w", t.kind.name, t.stream.name, t.err)
		default:
			there = append(there, t)
		}
	}
	if len(there) == 0 {
		return nil, errors.New("no filter is here")
	}
	return there, nil
}

func kindNames() (names []string) {
	for _, k := range kinds() {
		names = append(names, k.name)
	}
	return names
}

func onlineTable(w io.Writer, messages []message, o options) error {
	trials, err := try(w, messages, o, online, []shape{shuffled(1)}, kinds())
	if err != nil {
		return err
	}
	write(w, trials, false)
	fmt.Fprintf(w, "\nthe same run, its first 1,000 messages and those after\n\n")
	out := sheet{{"filter", "first 1,000: (1-ROCA) %", "95 %", "ham lost %", "spam missed %", "after: (1-ROCA) %", "95 %", "ham lost %", "spam missed %"}}
	for _, t := range trials {
		n := min(1000, len(t.verdicts)/2)
		out = append(out, append(append([]string{t.kind.name}, brief(t.verdicts[:n])...), brief(t.verdicts[n:])...))
	}
	out.write(w)
	fmt.Fprintln(w)
	for _, t := range trials[1:] {
		r, low, high := ratio(trials[0].verdicts, t.verdicts)
		fmt.Fprintf(w, "(1-ROCA) of %s is %.2f of that of %s (%.2f-%.2f)\n", trials[0].kind.name, r, t.kind.name, low, high)
	}
	for _, t := range trials {
		fmt.Fprintf(w, "%s: %s\n", t.kind.name, t.kind.as)
	}
	return nil
}

// brief is the loss, its interval and what is misjudged.
func brief(v []verdict) []string {
	low, high := interval(v)
	ham, spam := misjudged(v)
	return []string{
		fmt.Sprintf("%.4f", loss(v)), fmt.Sprintf("%.4f-%.4f", low, high), fmt.Sprintf("%.2f", ham), fmt.Sprintf("%.2f", spam),
	}
}

func dateTable(w io.Writer, messages []message, o options) error {
	trials, err := try(w, messages, o, online, []shape{byDate()}, kinds())
	if err == nil {
		write(w, trials, false)
	}
	return err
}

// halvesTable has gatepost learn the half in blocks too, as people teach it: all the spam, then all
// the ham, or the other way. Those who count words know no order.
func halvesTable(w io.Writer, messages []message, o options) error {
	trials, err := try(w, messages, o, halves, []shape{shuffled(1)}, kinds())
	if err != nil {
		return err
	}
	if len(o.filters) == 0 || slices.Contains(o.filters, "gatepost") {
		inBlocks, err := try(w, messages, o, halves, []shape{blocks(true), blocks(false)}, kinds()[:1])
		if err != nil {
			return err
		}
		trials = append(trials, inBlocks...)
	}
	write(w, trials, true)
	return nil
}

// streamsTable is of gatepost and of bogofilter, which is the quickest of the others.
func streamsTable(w io.Writer, messages []message, o options) error {
	filters := slices.DeleteFunc(kinds(), func(k kind) bool {
		return k.name != "gatepost" && k.name != "bogofilter" && !slices.Contains(o.filters, k.name)
	})
	trials, err := try(w, messages, o, online, others(), filters)
	if err == nil {
		write(w, trials, false)
	}
	return err
}

// write prints a table of trials, one a line; apart is whether learning was timed apart.
func write(w io.Writer, trials []trial, apart bool) {
	head := []string{"stream", "filter", "(1-ROCA) %", "95 %", "ham lost %", "spam missed %", "caught at 0.1 %", "at 0.5 %", "model MB", "CPU ms a message"}
	if apart {
		head = append(head[:9], "CPU ms to classify", "to learn")
	}
	out := sheet{head}
	for _, t := range trials {
		line := append([]string{t.stream.name, t.kind.name}, brief(t.verdicts)...)
		for _, share := range []float64{0.001, 0.005} {
			line = append(line, fmt.Sprintf("%.2f", caught(t.verdicts, share)))
		}
		line = append(line, fmt.Sprintf("%.1f", float64(t.size)/1e6), fmt.Sprintf("%.2f", ms(t.classify)))
		if apart {
			line = append(line, fmt.Sprintf("%.2f", ms(t.learn)))
		}
		out = append(out, line)
	}
	out.write(w)
}

// A sheet is a table's lines, its head first.
type sheet [][]string

// write prints it as Markdown, with columns that a person can follow too.
func (s sheet) write(w io.Writer) {
	widths := make([]int, len(s[0]))
	for _, line := range s {
		for i, cell := range line {
			widths[i] = max(widths[i], len(cell))
		}
	}
	for n, line := range s {
		for i, cell := range line {
			fmt.Fprintf(w, "| %-*s ", widths[i], cell)
		}
		fmt.Fprintln(w, "|")
		if n == 0 {
			fmt.Fprintln(w, strings.Repeat("| --- ", len(line))+"|")
		}
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
