package s3

import (
	"container/list"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"gatepost/internal/blob"
)

// maxCached bounds the files of a cache, whatever their size: each costs some 200 octets of memory.
const maxCached = 200_000

// A cache keeps parts of contents in a directory, those that were used last. Nothing is
// synced, and a file is believed only when its checksum is right: what is torn or wrong is
// read from S3 again. A cache that can't be written is none.
type cache struct {
	dir  string
	most int64 // octets

	mu     sync.Mutex
	parts  map[string]*list.Element // of *cached, by file name
	recent *list.List               // the one used last in front
	octets int64
}

type cached struct {
	name string
	size int64
}

// openCache takes over what an earlier process left.
func openCache(dir string, most int64) (*cache, error) {
	c := &cache{dir: dir, most: most, parts: map[string]*list.Element{}, recent: list.New()}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, f := range files { // in order of their names, so the newest come last
		size, ok := sizeOf(f.Name())
		if !ok {
			if err := os.Remove(filepath.Join(dir, f.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
			continue
		}
		c.note(f.Name(), size)
	}
	return c, nil
}

// partName names a part of a content by its number; tablePart is the table of a long one.
func partName(id blob.ID, part int) string { return string(id) + "." + strconv.Itoa(part) }

const tablePart = -1

// sizeOf returns how long the part of that name is.
func sizeOf(name string) (int64, bool) {
	id, part, ok := strings.Cut(name, ".")
	p, err := parseID(blob.ID(id))
	if !ok || err != nil {
		return 0, false
	}
	n, err := strconv.Atoi(part)
	if err != nil || n < tablePart || n >= p.chunks() {
		return 0, false
	}
	if n == tablePart {
		return 4 * int64(p.chunks()), p.long()
	}
	return min(p.length-int64(n)*chunkSize, chunkSize), true
}

// get returns a part that is there, of the right size and unchecked.
func (c *cache) get(name string) ([]byte, bool) {
	c.mu.Lock()
	e := c.parts[name]
	if e != nil {
		c.recent.MoveToFront(e)
	}
	c.mu.Unlock()
	if e == nil {
		return nil, false
	}
	b, err := os.ReadFile(filepath.Join(c.dir, name))
	if size, _ := sizeOf(name); err != nil || int64(len(b)) != size {
		c.drop(name)
		return nil, false
	}
	return b, true
}

// put keeps a part, and lets go of those that were not used for longest.
func (c *cache) put(name string, b []byte) {
	if int64(len(b)) > c.most || c.has(name) {
		return
	}
	if err := os.WriteFile(filepath.Join(c.dir, name), b, 0o600); err != nil {
		os.Remove(filepath.Join(c.dir, name))
		return
	}
	for _, old := range c.note(name, int64(len(b))) {
		os.Remove(filepath.Join(c.dir, old))
	}
}

func (c *cache) has(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.parts[name] != nil
}

// note counts a part in, and returns those for which there is no room any more.
func (c *cache) note(name string, size int64) (out []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.parts[name] == nil {
		c.parts[name] = c.recent.PushFront(&cached{name, size})
		c.octets += size
	}
	for c.octets > c.most || c.recent.Len() > maxCached {
		old := c.recent.Back().Value.(*cached)
		c.forget(old.name)
		out = append(out, old.name)
	}
	return out
}

func (c *cache) forget(name string) {
	if e := c.parts[name]; e != nil {
		c.recent.Remove(e)
		delete(c.parts, name)
		c.octets -= e.Value.(*cached).size
	}
}

// drop removes a part.
func (c *cache) drop(name string) {
	c.mu.Lock()
	c.forget(name)
	c.mu.Unlock()
	os.Remove(filepath.Join(c.dir, name))
}

// dropContent removes all parts of a content.
func (c *cache) dropContent(p place) {
	id := p.id()
	for i := tablePart; i < p.chunks(); i++ {
		if name := partName(id, i); c.has(name) {
			c.drop(name)
		}
	}
}

// used returns how much is kept.
func (c *cache) used() (files int, octets int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.recent.Len(), c.octets
}
