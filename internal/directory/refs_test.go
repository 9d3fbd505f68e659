package directory

import (
	"fmt"
	"hash/maphash"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
)

// A table does what a map does, in pages of every size, and its predecessors stay as they
// were.
func TestRefsAgainstAMap(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	table, plain := newRefs(), map[string]ref{}
	keys := crowded(table.seed, 2000)
	for round := range 300 {
		before, was := table, maps.Clone(plain)
		e := table.edit()
		for range rng.IntN(40) {
			key := keys[rng.IntN(len(keys))]
			_, there := plain[key]
			if grows := round%100 < 60; grows != (rng.IntN(4) == 0) {
				r := ref{id: rng.Int64(), expires: rng.Int64()}
				plain[key] = r
				if e.set([]byte(key), r) == there {
					t.Fatalf("round %d: set %.20q: it was there: %t", round, key, there)
				}
			} else {
				delete(plain, key)
				if e.delete([]byte(key)) != there {
					t.Fatalf("round %d: delete %.20q: it was there: %t", round, key, there)
				}
			}
		}
		table = e.refs
		sameRefs(t, fmt.Sprintf("round %d", round), table, plain, keys)
		if round%10 == 0 {
			sameRefs(t, fmt.Sprintf("before round %d", round), before, was, keys)
		}
	}
	e := table.edit()
	for key := range plain {
		e.delete([]byte(key))
	}
	for n, p := range e.refs.page {
		if p != nil {
			t.Fatalf("page %d stayed, with %d of nothing", n, p.used)
		}
	}
}

// crowded returns keys, long and short ones, that fall on few pages.
func crowded(seed maphash.Seed, n int) (keys []string) {
	for i := 0; len(keys) < n; i++ {
		key := fmt.Sprint(i) + strings.Repeat("x", i%300*(1-min(1, i%7)))
		if maphash.String(seed, key)%refPages < 3 {
			keys = append(keys, key)
		}
	}
	return keys
}

func sameRefs(t *testing.T, what string, table refs, plain map[string]ref, keys []string) {
	t.Helper()
	for _, key := range keys {
		got, ok := table.get([]byte(key))
		if want, there := plain[key]; ok != there || got != want {
			t.Fatalf("%s: %.20q: got %+v, %t; want %+v, %t", what, key, got, ok, want, there)
		}
	}
}

// Entries that differ in anything have keys that differ.
func TestKeysDiffer(t *testing.T) {
	l, n := newLists(), int64(0)
	e := l.edit()
	all := map[Key]int64{}
	for _, list := range Lists() {
		for _, scope := range []Scope{Global, {DomainScope, "x.example"}, {MailboxScope, "a@x.example"}} {
			for _, value := range []string{"192.0.2.0", "192.0.2.0/24", "192.0.2.0/25", "::", "::/1", "::/2", "x.example", ".x.example", "a@x.example", "a@x.example from 192.0.2.0/24"} {
				for _, author := range []bool{false, true} {
					n++
					k := Key{List: list, Author: author, Value: value, Scope: scope}
					all[k] = n
					e.put(k, ref{id: n})
				}
			}
		}
	}
	l = e.done()
	for k, id := range all {
		if got, ok := l.get(k); !ok || got.id != id {
			t.Errorf("%+v: got %d, %t; want %d", k, got.id, ok, id)
		}
	}
}
