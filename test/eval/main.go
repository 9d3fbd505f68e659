// Command eval measures how well filters tell spam from mail that people want, over the
// SpamAssassin public corpus (make corpus):
//
//	go run ./test/eval [-corpus DIR] [-only repeats,online,…] [-filters gatepost,bogofilter,…] [-sample N]
//
// What it prints is the same at each run, but for the times. A measure is one line in tables: it
// gets the messages and prints a table. Those of Bayes show streams of messages (stream.go) to
// gatepost and to other filters (filter.go), by a protocol (protocol.go), and tell how well they
// did (measures.go).
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

func main() {
	var o options
	flag.StringVar(&o.corpus, "corpus", "corpus", "the `directory` that make corpus has filled")
	flag.BoolVar(&o.names, "names", false, "name the messages that people want and that were taken for spam")
	only := flag.String("only", "", "the measures to take, by `name`, with commas between: "+strings.Join(tableNames(), ", ")+" (default all)")
	filters := flag.String("filters", "", "the filters to compare, by `name`, with commas between (default all)")
	flag.IntVar(&o.sample, "sample", 0, "take `n` messages, chosen at random but the same each time (default all)")
	flag.IntVar(&o.jobs, "jobs", 2, "filters that work at the same `time`; with 1 their times are a little better")
	flag.Parse()
	o.only, o.filters = list(*only), list(*filters)
	if err := run(os.Stdout, o); err != nil {
		fmt.Fprintln(os.Stderr, "eval:", err)
		os.Exit(1)
	}
}

func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

// options are what the command was asked for.
type options struct {
	corpus        string
	names         bool
	only, filters []string
	sample, jobs  int
}

// A table measures one thing.
type table struct {
	name    string
	title   string
	measure func(w io.Writer, messages []message, o options) error
}

func tables() []table {
	return []table{
		{"repeats", "Repeats: spam that is like earlier spam, and mail that is like any spam", repeats},
		{"online", "Bayes, on-line: each message is classified, then learnt", onlineTable},
		{"date", "Bayes, on-line, in the order in which the messages came in", dateTable},
		{"halves", "Bayes, half learnt, half classified", halvesTable},
		{"streams", "Bayes, on-line, other streams", streamsTable},
	}
}

func tableNames() (names []string) {
	for _, t := range tables() {
		names = append(names, t.name)
	}
	return names
}

func run(w io.Writer, o options) error {
	if i := slices.IndexFunc(o.only, func(s string) bool { return !slices.Contains(tableNames(), s) }); i >= 0 {
		return fmt.Errorf("no measure %q", o.only[i])
	}
	if i := slices.IndexFunc(o.filters, func(s string) bool { return !slices.Contains(kindNames(), s) }); i >= 0 {
		return fmt.Errorf("no filter %q", o.filters[i])
	}
	messages, err := load(o.corpus)
	if err != nil {
		return err
	}
	messages = sample(messages, o.sample)
	spam := 0
	for _, m := range messages {
		if m.spam {
			spam++
		}
	}
	fmt.Fprintf(w, "%d messages: %d spam, %d ham\n", len(messages), spam, len(messages)-spam)
	for _, t := range tables() {
		if len(o.only) > 0 && !slices.Contains(o.only, t.name) {
			continue
		}
		fmt.Fprintf(w, "\n%s\n\n", t.title)
		if err := t.measure(w, messages, o); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	return nil
}
