package s3

import (
	"context"
	"errors"
	"sync"
)

// A keptIndex says where contents stand in the copy of an object.
type keptIndex struct {
	etag    string          // of the copy
	entries map[int64]entry // by offset
}

// maxKept bounds the indexes in memory, and with them their entries to some 10 MiB at worst.
const maxKept = 256

// keptIndexes are those that were needed lately.
type keptIndexes struct {
	mu    sync.Mutex
	index map[string]keptIndex
}

func (k *keptIndexes) knows(name string) bool {
	_, ok := k.get(name)
	return ok
}

func (k *keptIndexes) get(name string) (keptIndex, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	i, ok := k.index[name]
	return i, ok
}

func (k *keptIndexes) put(name string, i keptIndex) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.index == nil {
		k.index = map[string]keptIndex{}
	}
	for old := range k.index {
		if len(k.index) < maxKept {
			break
		}
		delete(k.index, old) // any: which one is read next nobody knows
	}
	k.index[name] = i
}

func (k *keptIndexes) forget(name string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.index, name)
}

// keptIndex returns the index of an object's copy, errGone where there is none.
func (s *Store) keptIndex(ctx context.Context, name string) (keptIndex, error) {
	if k, ok := s.kept.get(name); ok {
		return k, nil
	}
	for range 3 { // it may be copied over just now
		size, err := s.client.size(ctx, contentKeys+name+keptSuffix)
		if err != nil {
			return keptIndex{}, err
		}
		list, etag, err := s.index(ctx, object{contentKeys + name + keptSuffix, size})
		if errors.Is(err, errGone) {
			continue
		}
		if err != nil {
			return keptIndex{}, err
		}
		k := keptIndex{etag, map[int64]entry{}}
		for _, e := range list {
			k.entries[e.offset] = e
		}
		s.kept.put(name, k)
		return k, nil
	}
	return keptIndex{}, errGone
}

// tailSize is what is read of an object's end at first: the index of 800 contents.
const tailSize = 16 << 10

// index reads the index of an object.
func (s *Store) index(ctx context.Context, o object) (list []entry, etag string, err error) {
	need := min(o.size, tailSize)
	for {
		if need <= 0 || need > o.size {
			_, _, err := parseIndex(nameIn(o.key), nil)
			return nil, "", err
		}
		var tail []byte
		if tail, etag, err = s.client.get(ctx, o.key, o.size-need, need, etag); err != nil {
			return nil, "", err
		}
		list, need, err = parseIndex(nameIn(o.key), tail)
		if !errors.Is(err, errShort) {
			return list, etag, err
		}
	}
}
