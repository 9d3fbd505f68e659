package scripts

import (
	"container/list"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"gatepost/mailbox"
	"gatepost/mailbox/sieve"
)

// Bounds of what is kept compiled. A compiled script takes some times the octets of its text.
const (
	maxEntries = 4096
	maxOctets  = 16 << 20 // of text
	maxGlobal  = 1 << 20  // octets of one script for all
)

// A key names a script as it is since a revision. Those for all have box 0, and the time of their
// file as revision; for those of domains see Desk.Domain.
type key struct {
	box      int64
	revision int64
	name     string
}

// cache keeps compiled scripts, those that ran last. Its zero value is ready.
type cache struct {
	lock    sync.Mutex
	entries map[key]*list.Element
	order   list.List // of *kept, the last one used in front
	octets  int
}

// A kept is what compiling led to; both are nil where there is no script of that name.
type kept struct {
	key    key
	script *sieve.Script
	err    error
	octets int
}

// get returns a compiled script, nil where load says that there is none.
func (c *cache) get(k key, load func() (string, error)) (*sieve.Script, error) {
	if one, ok := c.find(k); ok {
		return one.result()
	}
	text, err := load()
	if err != nil && !errors.Is(err, mailbox.ErrNoScript) {
		return nil, fmt.Errorf("scripts: %w", err)
	}
	one := &kept{key: k, octets: len(text)}
	if err == nil {
		one.script, one.err = sieve.Compile(text)
	}
	c.put(one)
	return one.result()
}

// find returns what is kept under a key.
func (c *cache) find(k key) (*kept, bool) {
	c.lock.Lock()
	defer c.lock.Unlock()
	e, ok := c.entries[k]
	if !ok {
		return nil, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*kept), true
}

func (k *kept) result() (*sieve.Script, error) {
	if k.err != nil {
		return nil, fmt.Errorf("scripts: script %.80q: %w", k.key.name, k.err)
	}
	return k.script, nil
}

func (c *cache) put(one *kept) {
	c.lock.Lock()
	defer c.lock.Unlock()
	if c.entries == nil {
		c.entries = map[key]*list.Element{}
	}
	if _, twice := c.entries[one.key]; twice {
		return
	}
	c.entries[one.key] = c.order.PushFront(one)
	for c.octets += one.octets; len(c.entries) > maxEntries || c.octets > maxOctets; {
		last := c.order.Remove(c.order.Back()).(*kept)
		delete(c.entries, last.key)
		c.octets -= last.octets
	}
}

// global returns a script for all, which is read anew when its file changes.
func (d *Desk) global(name string) (*sieve.Script, error) {
	file := name + ".sieve"
	if d.c.Global == nil || sieve.ScriptName(name) != nil || !fs.ValidPath(file) {
		return nil, nil
	}
	f, err := d.c.Global.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("scripts: for all: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("scripts: for all: %w", err)
	}
	return d.cache.get(key{0, info.ModTime().UnixNano(), name}, func() (string, error) {
		text, err := io.ReadAll(io.LimitReader(f, maxGlobal+1))
		if err == nil && len(text) > maxGlobal {
			err = fmt.Errorf("%s has more than %d octets", file, maxGlobal)
		}
		return string(text), err
	})
}
