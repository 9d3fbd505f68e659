package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"math/rand/v2"
	"net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A step is one message of a stream.
type step struct {
	path  string // of its file, with the line ends that a Unix program expects
	truth bool   // whether it is spam
	told  bool   // what the filter is told that it is
}

// A stream is messages in a fixed order, as they come in at a site.
type stream struct {
	name  string
	steps []step
	delay int // messages that come in before a filter is told of one
}

// A shape makes a stream of the corpus.
type shape struct {
	name string
	make func(c *corpus) (stream, error)
}

// corpus is the messages on disk, where programs can read them.
type corpus struct {
	dir      string
	messages []message
	written  map[string]bool // directories of variants
}

// path returns the message's file in a variant of the corpus, such as "whole", and writes the
// variant where it is not there yet.
func (c *corpus) path(variant string, of func([]byte) []byte) (func(i int) string, error) {
	dir := filepath.Join(c.dir, variant)
	name := func(i int) string { return filepath.Join(dir, fmt.Sprintf("%05d.eml", i)) }
	if c.written[variant] {
		return name, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	for i, m := range c.messages {
		content, err := m.content()
		if err != nil {
			return nil, err
		}
		content = bytes.ReplaceAll(of(content), []byte("\r\n"), []byte("\n"))
		if err := os.WriteFile(name(i), content, 0o644); err != nil {
			return nil, err
		}
	}
	c.written[variant] = true
	return name, nil
}

func (m *message) content() ([]byte, error) {
	b := make([]byte, m.Size())
	if _, err := m.ReadAt(b, 0); err != nil && err != io.EOF {
		return nil, fmt.Errorf("%s: %w", m.name, err)
	}
	return b, nil
}

// steps puts messages, by their indices, into a stream.
func (c *corpus) steps(order []int) ([]step, error) {
	path, err := c.path("whole", func(b []byte) []byte { return b })
	if err != nil {
		return nil, err
	}
	steps := make([]step, len(order))
	for n, i := range order {
		spam := c.messages[i].spam
		steps[n] = step{path(i), spam, spam}
	}
	return steps, nil
}

// shuffled returns the messages' indices in an order that the seed alone decides.
func (c *corpus) shuffled(seed uint64) []int {
	return rand.New(rand.NewPCG(seed, 1)).Perm(len(c.messages))
}

// inOrder is the stream of an order.
func (c *corpus) inOrder(name string, order []int) (stream, error) {
	steps, err := c.steps(order)
	return stream{name: name, steps: steps}, err
}

func shuffled(seed uint64) shape {
	name := "shuffled"
	if seed > 1 {
		name = fmt.Sprintf("shuffled by seed %d", seed)
	}
	return shape{name, func(c *corpus) (stream, error) { return c.inOrder(name, c.shuffled(seed)) }}
}

func byDate() shape {
	return shape{"by date", func(c *corpus) (stream, error) {
		order, when := make([]int, len(c.messages)), make([]time.Time, len(c.messages))
		for i := range order {
			content, err := c.messages[i].content()
			if err != nil {
				return stream{}, err
			}
			order[i], when[i] = i, received(content)
		}
		slices.SortStableFunc(order, func(a, b int) int { return when[a].Compare(when[b]) })
		return c.inOrder("by date", order)
	}}
}

// received returns when a message came in: the date of its newest hop, that of its field Date
// where it has none.
func received(content []byte) time.Time {
	fields, _ := split(content)
	var dates []string
	for _, f := range fields {
		name, value, _ := bytes.Cut(f, []byte(":"))
		switch strings.ToLower(string(name)) {
		case "received":
			dates = append(dates, string(value[bytes.LastIndexByte(value, ';')+1:]))
		case "date":
			dates = append(dates, string(value))
		}
	}
	for _, s := range dates {
		if t, err := mail.ParseDate(strings.Join(strings.Fields(s), " ")); err == nil {
			return t
		}
	}
	return time.Time{}
}

// others are streams by which nobody has chosen a number of a filter.
func others() []shape {
	return []shape{
		shuffled(2), shuffled(3),
		cut("body alone", "body", body),
		cut("no dates", "dateless", dateless),
		altered("5 % wrong labels", func(s *stream) {
			rnd := rand.New(rand.NewPCG(5, 1))
			for i := range s.steps {
				s.steps[i].told = s.steps[i].truth != (rnd.IntN(20) == 0)
			}
		}),
		altered("labels 500 messages late", func(s *stream) { s.delay = 500 }),
		altered("a tenth of the spam", func(s *stream) { s.thin(true) }),
		altered("a tenth of the ham", func(s *stream) { s.thin(false) }),
	}
}

// cut is the shuffled stream of what a function leaves of each message; variant is its directory.
func cut(name, variant string, of func([]byte) []byte) shape {
	return shape{name, func(c *corpus) (stream, error) {
		s, err := c.inOrder(name, c.shuffled(1))
		if err != nil {
			return s, err
		}
		path, err := c.path(variant, of)
		if err != nil {
			return s, err
		}
		for n, i := range c.shuffled(1) {
			s.steps[n].path = path(i)
		}
		return s, nil
	}}
}

// altered is the shuffled stream with a change.
func altered(name string, change func(s *stream)) shape {
	return shape{name, func(c *corpus) (stream, error) {
		s, err := c.inOrder(name, c.shuffled(1))
		if err == nil {
			change(&s)
		}
		return s, err
	}}
}

// blocks is the shuffled stream, the first half of which has all its spam first, or all its ham.
func blocks(spam bool) shape {
	name := "ham first"
	if spam {
		name = "spam first"
	}
	return altered(name, func(s *stream) {
		slices.SortStableFunc(s.steps[:len(s.steps)/2], func(a, b step) int {
			return one(b.truth == spam) - one(a.truth == spam)
		})
	})
}

// thin keeps each tenth message of one kind.
func (s *stream) thin(spam bool) {
	n := 0
	s.steps = slices.DeleteFunc(s.steps, func(st step) bool {
		if st.truth != spam {
			return false
		}
		n++
		return n%10 != 0
	})
}

// body leaves of the header what is needed to read the body.
func body(content []byte) []byte {
	fields, rest := split(content)
	var out []byte
	for _, f := range fields {
		name, _, _ := strings.Cut(strings.ToLower(string(f)), ":")
		if name == "mime-version" || strings.HasPrefix(name, "content-") {
			out = append(out, f...)
		}
	}
	return append(out, rest...)
}

// dateless leaves dates out of the header: the halves of the corpus were gathered in other months.
func dateless(content []byte) []byte {
	fields, rest := split(content)
	var out []byte
	for _, f := range fields {
		name, _, _ := strings.Cut(strings.ToLower(string(f)), ":")
		if strings.HasSuffix(name, "date") {
			continue
		}
		if i := bytes.LastIndexByte(f, ';'); name == "received" && i >= 0 {
			f = append(slices.Clone(f[:i]), "\r\n"...)
		}
		out = append(out, f...)
	}
	return append(out, rest...)
}

// sample keeps n messages, chosen by a fixed seed, in the order of their names.
func sample(messages []message, n int) []message {
	if n <= 0 || n >= len(messages) {
		return messages
	}
	var out []message
	for _, i := range rand.New(rand.NewPCG(1, 2)).Perm(len(messages))[:n] {
		out = append(out, messages[i])
	}
	slices.SortFunc(out, func(a, b message) int { return cmp.Compare(a.name, b.name) })
	return out
}
