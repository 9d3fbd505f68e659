package storetest

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"testing"
	"time"

	"gatepost/internal/signing"
)

// Signing tests that what open returns keeps signing keys. Each call of open is a new, empty
// store.
func Signing(t *testing.T, open func(*testing.T) signing.Rows) {
	for name, test := range map[string]func(*testing.T, signing.Rows){
		"keys come back as they were":   signingRoundTrip,
		"nothing is changed on failure": signingRefused,
		"changes are one by one":        signingRace,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func signingKey(domain, selector string) signing.Key {
	at := time.UnixMicro(1795694400123456)
	return signing.Key{Domain: domain, Selector: selector, Kind: "rsa", Private: []byte{0, 1, 255}, State: signing.Waiting, Made: at, Since: at, Problem: "Ärger"}
}

func setKeys(t *testing.T, rows signing.Rows, domain string, keys ...signing.Key) {
	t.Helper()
	if err := rows.Change(t.Context(), domain, func([]signing.Key) ([]signing.Key, error) { return keys, nil }); err != nil {
		t.Fatal(err)
	}
}

func wantKeys(t *testing.T, rows signing.Rows, want ...signing.Key) (revision int64) {
	t.Helper()
	got, revision, err := rows.List(t.Context())
	if err != nil || len(got) != len(want) {
		t.Fatalf("%d keys, %v; want %d", len(got), err, len(want))
	}
	for i, k := range got {
		if !k.Made.Equal(want[i].Made) || !k.Since.Equal(want[i].Since) {
			t.Errorf("%s: times %v, %v", k.Name(), k.Made, k.Since)
		}
		if k.Made, k.Since = want[i].Made, want[i].Since; !reflect.DeepEqual(k, want[i]) {
			t.Errorf("got %+v, want %+v", k, want[i])
		}
	}
	if now, err := rows.Revision(t.Context()); err != nil || now != revision {
		t.Errorf("revision %d, %v; the list is of %d", now, err, revision)
	}
	return revision
}

func signingRoundTrip(t *testing.T, rows signing.Rows) {
	first := wantKeys(t, rows)
	b, a1, a2 := signingKey("b.example", "x"), signingKey("a.example", "x"), signingKey("a.example", "y")
	setKeys(t, rows, "b.example", b)
	setKeys(t, rows, "a.example", a1, a2)
	second := wantKeys(t, rows, a1, a2, b)
	a2.State, a2.Since, a2.Problem = signing.Active, a2.Since.Add(time.Hour), ""
	err := rows.Change(t.Context(), "a.example", func(keys []signing.Key) ([]signing.Key, error) {
		if len(keys) != 2 || keys[0].Selector != "x" || keys[1].Selector != "y" {
			t.Errorf("keys of the domain: %+v", keys)
		}
		return []signing.Key{a2}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if third := wantKeys(t, rows, a2, b); first >= second || second >= third {
		t.Errorf("revisions %d, %d, %d", first, second, third)
	}
	setKeys(t, rows, "a.example")
	wantKeys(t, rows, b)
}

func signingRefused(t *testing.T, rows signing.Rows) {
	k := signingKey("a.example", "x")
	setKeys(t, rows, "a.example", k)
	before := wantKeys(t, rows, k)
	err := rows.Change(t.Context(), "a.example", func([]signing.Key) ([]signing.Key, error) { return nil, signing.ErrSame })
	if !errors.Is(err, signing.ErrSame) {
		t.Errorf("got %v", err)
	}
	if after := wantKeys(t, rows, k); after != before {
		t.Errorf("revision %d, then %d", before, after)
	}
}

func signingRace(t *testing.T, rows signing.Rows) {
	var all sync.WaitGroup
	const many = 6
	for i := range many {
		all.Go(func() {
			err := rows.Change(context.WithoutCancel(t.Context()), "a.example", func(keys []signing.Key) ([]signing.Key, error) {
				return append(keys, signingKey("a.example", string(rune('a'+len(keys))))), nil
			})
			if err != nil {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	all.Wait()
	list, _, err := rows.List(t.Context())
	if err != nil || len(list) != many {
		t.Errorf("%d keys, %v; want %d", len(list), err, many)
	}
}
