package lookup

import (
	"context"
	"crypto/rand"
	"strings"
	"sync"
	"time"

	"gatepost/internal/mail"
)

// callout asks the server that would get the mail. One that takes any recipient
// tells nothing about a single one; it is found out by asking for one that can't
// exist, and is believed for an hour to take all.
type callout struct {
	caller Caller
	now    func() time.Time
	mu     sync.Mutex
	all    map[string]time.Time // domains whose server takes all, and until when that is believed
}

// openFor is how long a domain's server is believed to take all.
const openFor = time.Hour

// maxOpen bounds the domains that are remembered.
const maxOpen = 10_000

func (c *callout) ask(ctx context.Context, rcpt mail.Path) (bool, error) {
	if c.takesAll(rcpt.Domain()) {
		return true, nil
	}
	exists, err := c.caller.Call(ctx, rcpt)
	if err != nil || !exists {
		return false, err
	}
	// A yes is worth nothing from who says yes to everybody.
	nobody := mail.Path("gatepost-" + strings.ToLower(rand.Text()) + "@" + rcpt.Domain())
	if any, err := c.caller.Call(ctx, nobody); err == nil && any {
		c.open(rcpt.Domain())
	}
	return true, nil
}

func (c *callout) takesAll(domain string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now().Before(c.all[domain])
}

func (c *callout) open(domain string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if len(c.all) >= maxOpen {
		clear(c.all)
	}
	c.all[domain] = now.Add(openFor)
}

func (c *callout) close() error { return nil }
