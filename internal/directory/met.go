package directory

import (
	"slices"
	"sync"

	"gatepost/internal/mail"
)

const (
	// maxMet bounds the recipients that a snapshot remembers where they lead. One that
	// finds no room empties it.
	maxMet = 4096
	// maxMetTo is how much a recipient leads to that is remembered: some kilobytes.
	maxMetTo = 4
)

// met remembers where recipients lead, since each message asks several times, and most are
// for the same few. A snapshot never changes, so what it says holds as long as it does.
type met struct {
	mu sync.Mutex
	to map[mail.Path]Resolution
}

func (m *met) find(rcpt mail.Path) (Resolution, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.to[rcpt]
	return r, ok
}

func (m *met) add(rcpt mail.Path, r Resolution) {
	if len(r.Boxes)+len(r.Remotes)+len(r.Via) > maxMetTo || len(rcpt) > 256 {
		return
	}
	// Who appends to what all share is to get a copy.
	r.Boxes, r.Remotes, r.Via = slices.Clip(r.Boxes), slices.Clip(r.Remotes), slices.Clip(r.Via)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.to == nil || len(m.to) >= maxMet {
		m.to = map[mail.Path]Resolution{}
	}
	m.to[rcpt] = r
}
