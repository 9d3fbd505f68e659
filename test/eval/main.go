// Command eval measures how well filters tell spam from mail that people want, over the
// SpamAssassin public corpus (make corpus):
//
//	go run ./test/eval [-corpus DIR] [-names]
//
// What it prints is the same at each run, but for the times. A measure is one function
// in tables: it gets the messages and prints a table.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	dir := flag.String("corpus", "corpus", "the `directory` that make corpus has filled")
	names := flag.Bool("names", false, "name the messages that people want and that were taken for spam")
	flag.Parse()
	if err := run(os.Stdout, *dir, *names); err != nil {
		fmt.Fprintln(os.Stderr, "eval:", err)
		os.Exit(1)
	}
}

// A table measures one thing.
type table struct {
	title   string
	measure func(w io.Writer, messages []message, names bool)
}

func tables() []table {
	return []table{
		{"Repeats: spam that is like earlier spam, and mail that is like any spam", repeats},
	}
}

func run(w io.Writer, dir string, names bool) error {
	messages, err := load(dir)
	if err != nil {
		return err
	}
	spam := 0
	for _, m := range messages {
		if m.spam {
			spam++
		}
	}
	fmt.Fprintf(w, "%d messages: %d spam, %d ham\n", len(messages), spam, len(messages)-spam)
	for _, t := range tables() {
		fmt.Fprintf(w, "\n%s\n\n", t.title)
		t.measure(w, messages, names)
	}
	return nil
}
