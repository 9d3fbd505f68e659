package relay

import (
	"sync"
	"time"
)

// Bounds of the connections that are kept.
const (
	keepFor    = 10 * time.Second // without a message
	perTarget  = 20
	keptInAll  = 200
	maxCarried = 100 // messages over one connection
)

// A pool keeps connections that served, for the next message to the same server.
type pool struct {
	now    func() time.Time
	mu     sync.Mutex
	idle   map[target][]*client // by target.key
	kept   int
	closed bool
	bye    sync.WaitGroup // goodbyes under way
}

// take returns a kept connection to a target, the one used last, or nil.
func (p *pool) take(t target) *client {
	t = t.key()
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.idle[t]
	if len(list) == 0 {
		return nil
	}
	c := list[len(list)-1]
	p.remove(t, c)
	return c
}

// remove takes a connection out; false: it is not there any more.
func (p *pool) remove(t target, c *client) bool {
	list := p.idle[t]
	for i, other := range list {
		if other == c {
			p.idle[t] = append(list[:i:i], list[i+1:]...)
			if len(p.idle[t]) == 0 {
				delete(p.idle, t)
			}
			p.kept--
			return true
		}
	}
	return false
}

// put keeps a connection for a while, unless it served enough or there is no room.
func (p *pool) put(c *client) {
	c.release()
	c.conn.SetDeadline(time.Time{})
	t := c.target.key()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		c.close()
		return
	}
	if c.carried >= maxCarried || len(p.idle[t]) >= perTarget || p.kept >= keptInAll {
		p.bye.Go(c.quit)
		return
	}
	if p.idle == nil {
		p.idle = map[target][]*client{}
	}
	c.idle = p.now()
	p.idle[t] = append(p.idle[t], c)
	p.kept++
	since := c.idle
	time.AfterFunc(keepFor, func() { p.expire(t, c, since) })
}

// expire says goodbye to a connection that nobody took since.
func (p *pool) expire(t target, c *client, since time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed && c.idle.Equal(since) && p.remove(t, c) {
		p.bye.Go(c.quit)
	}
}

// close says goodbye to all and waits for that.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	for _, list := range p.idle {
		for _, c := range list {
			p.bye.Go(c.quit)
		}
	}
	p.idle = nil
	p.mu.Unlock()
	p.bye.Wait()
}
