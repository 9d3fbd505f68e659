package blobtest

import (
	"context"
	"slices"
	"strings"
	"sync"

	"gatepost/internal/blob"
)

// A Register is a blob.Register in memory, whose owner says what is alive and when a
// day is over. It is safe for use by many goroutines.
type Register struct {
	Deny func(blob.ID) bool // where set, and true: Bury finds the content alive

	mu     sync.Mutex
	states map[blob.ID]state
	sizes  map[blob.ID]int64
	buried map[blob.ID]bool
}

type state int

const (
	alive state = iota + 1
	marked
	dead
)

func (r *Register) set(id blob.ID, s state) {
	if r.states == nil {
		r.states, r.sizes, r.buried = map[blob.ID]state{}, map[blob.ID]int64{}, map[blob.ID]bool{}
	}
	r.states[id] = s
}

// Own makes a reference to a content of size octets.
func (r *Register) Own(id blob.ID, size int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.set(id, alive)
	r.sizes[id] = int64(size)
}

// Disown takes it back, and marks the content.
func (r *Register) Disown(id blob.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.set(id, marked)
}

// Day lets a day go by: what is marked is dead from now on.
func (r *Register) Day() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, s := range r.states {
		if s == marked {
			r.states[id] = dead
		}
	}
}

// Buried returns whether the content was buried.
func (r *Register) Buried(id blob.ID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buried[id]
}

// Meet implements blob.Register.
func (r *Register) Meet(ctx context.Context, some []blob.Found) (unknown int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range some {
		if r.states[f.ID] == 0 {
			r.set(f.ID, marked)
			r.sizes[f.ID] = f.Size
			unknown++
		}
	}
	return unknown, ctx.Err()
}

// Dead implements blob.Register.
func (r *Register) Dead(ctx context.Context, from, to blob.ID) (list []blob.Found, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, s := range r.states {
		if s == dead && id >= from && id < to {
			list = append(list, blob.Found{ID: id, Size: r.sizes[id]})
		}
	}
	slices.SortFunc(list, func(a, b blob.Found) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return list, ctx.Err()
}

// Bury implements blob.Register.
func (r *Register) Bury(ctx context.Context, ids []blob.ID) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		if r.states[id] != dead || r.Deny != nil && r.Deny(id) {
			return blob.ErrAlive
		}
	}
	for _, id := range ids {
		delete(r.states, id)
		r.buried[id] = true
	}
	return ctx.Err()
}
