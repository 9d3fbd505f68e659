package main

import (
	"crypto/sha1"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"gatepost/internal/bulk"
	"gatepost/internal/sketch"
	"gatepost/rules"
)

// A way tells whether a message is like spam that it was shown.
type way struct {
	name string
	// like reports whether a message is like one of before; learn is whether it is to be remembered.
	like func(m message, learn bool) bool
}

// repeats goes through the spam in order: how much is like spam that came before it? Then
// through the ham: how much is like any spam?
func repeats(w io.Writer, messages []message, o options) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "by\tspam caught\tham taken for spam\tms a message")
	for _, way := range ways() {
		var spam, caught, ham, wrong int
		began := time.Now()
		for _, m := range messages {
			if m.spam {
				spam++
				caught += one(way.like(m, true))
			}
		}
		var taken []string
		for _, m := range messages {
			if m.spam {
				continue
			}
			ham++
			if way.like(m, false) {
				wrong++
				taken = append(taken, m.name)
			}
		}
		took := time.Since(began) / time.Duration(len(messages))
		fmt.Fprintf(out, "%s\t%s\t%s\t%.2f\n", way.name, share(caught, spam), share(wrong, ham), float64(took.Microseconds())/1000)
		if o.names {
			for _, name := range taken {
				fmt.Fprintf(out, "  %s\t\t\t\n", name)
			}
		}
	}
	return out.Flush()
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

func share(n, of int) string {
	return fmt.Sprintf("%d of %d, %.2f %%", n, of, 100*float64(n)/float64(max(of, 1)))
}

func ways() []way {
	raw, sums := map[[20]byte]bool{}, map[bulk.Sum]bool{}
	var near, either sketch.Index
	exact := map[bulk.Sum]bool{}
	return []way{
		{"SHA-1 of the raw body", func(m message, learn bool) bool {
			body := make([]byte, m.Size()-m.Root().Body)
			if _, err := m.ReadAt(body, m.Root().Body); err != nil && err != io.EOF {
				return false
			}
			return seen(raw, sha1.Sum(body), learn)
		}},
		{"checksum", func(m message, learn bool) bool {
			f := bulk.Of(m.Message, rules.Fold)
			return !f.Short && seen(sums, f.Sum, learn)
		}},
		{"sketch", func(m message, learn bool) bool {
			f := bulk.Of(m.Message, rules.Fold)
			return isNear(&near, &f, learn)
		}},
		{"checksum or sketch", func(m message, learn bool) bool {
			f := bulk.Of(m.Message, rules.Fold)
			same := !f.Short && seen(exact, f.Sum, learn)
			return isNear(&either, &f, learn) || same
		}},
	}
}

func seen[K comparable](known map[K]bool, k K, learn bool) bool {
	before := known[k]
	if learn {
		known[k] = true
	}
	return before
}

func isNear(known *sketch.Index, f *bulk.Fingerprint, learn bool) bool {
	if f.Short {
		return false
	}
	_, _, near := known.Nearest(&f.Sketch, sketch.Near)
	if learn {
		known.Put(f.Sketch)
	}
	return near
}
