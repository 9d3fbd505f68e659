package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/listen"
)

// A Handover is how a node comes after one process and before another. The zero Handover is
// neither.
type Handover struct {
	Left  *listen.Left           // sockets that are open already
	Start func() (*Child, error) // starts this program again, to take over
	Ready func()                 // is called when all sockets are open, before clients are served
}

// A Child is a process that was started to take over.
type Child struct {
	PID   int
	Ended <-chan error // says once how it ended
	Kill  func()
}

// HandsOver says how the node takes part in an upgrade. It is called before Run.
func (a *App) HandsOver(h Handover) { a.handover = h }

// succession is what is known of who serves next.
type succession struct {
	end     context.CancelFunc // of Run
	leaving atomic.Bool        // somebody else serves, or will at once
	talk    sync.Mutex         // of the process that is about to take over

	mu    sync.Mutex
	child *Child            // that was started and has not yet asked
	asker *control.Exchange // who wants to know what comes of it
	taken chan struct{}     // closed when the child has the sockets
	why   error             // it did not take them
	heir  *Successor
}

// A Successor is the process that serves after this one.
type Successor struct {
	*control.Successor
	version string
	began   time.Time // when nobody was accepted any more
	asker   *control.Exchange
}

// Successor returns who takes over, once Run has returned; nil: nobody does.
func (a *App) Successor() *Successor {
	a.succession.mu.Lock()
	defer a.succession.mu.Unlock()
	return a.succession.heir
}

// Tell answers who asked for the upgrade: it was made, or failed.
func (s *Successor) Tell(err error) ops.Upgraded {
	u := ops.Upgraded{Process: s.PID, Version: s.version, Waited: time.Since(s.began)}
	if s.asker != nil {
		s.asker.Answer(u, err) // where he is gone the log has it
	}
	return u
}

// keepers are the operations that outlive this process.
func (a *App) keepers() map[string]func(context.Context, *control.Exchange) {
	return map[string]func(context.Context, *control.Exchange){
		control.TakeOverOp: a.takeOver,
		ops.Upgrade{}.Op(): a.upgrade,
	}
}

// breath is how long a client may be silent between two commands while another process waits to
// serve; 0: none does.
func (a *App) breath() time.Duration {
	if !a.succession.leaving.Load() {
		return 0
	}
	return min(5*time.Second, a.config.Load().Limits.DrainTimeout)
}

// letGo is how long closing takes at most, after the last client is gone.
const letGo = time.Minute

// takeOver gives the node's place to the process that asks.
func (a *App) takeOver(ctx context.Context, x *control.Exchange) {
	var r control.TakeOver
	err := x.Read(&r)
	if err == nil {
		err = a.succession.admit(x)
	}
	if err != nil {
		x.Answer(nil, err) // where it is gone there is nobody to tell
		return
	}
	if !a.succession.talk.TryLock() {
		x.Answer(nil, errors.New("another process is about to take over"))
		return
	}
	defer a.succession.talk.Unlock()
	if !a.reloads.mu.TryLock() { // from then on the listeners stay what they are
		x.Answer(nil, errReloading)
		return
	}
	began := time.Now()
	heir, err := a.offer(ctx, x)
	if err != nil {
		a.reloads.mu.Unlock()
		a.log.Error("upgrade: this process serves on", "error", err)
		a.succession.fails(err)
		return
	}
	a.log.Info("upgrade: another process takes over", "process", heir.PID, "version", r.Version, "looked", time.Since(began))
	a.succession.leave(&Successor{Successor: heir, version: r.Version, began: time.Now()})
}

// admit refuses a process that is not the one that an upgrade has started.
func (s *succession) admit(x *control.Exchange) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.heir != nil:
		return fmt.Errorf("process %d takes over already", s.heir.PID)
	case s.child != nil && s.child.PID != x.PID():
		return fmt.Errorf("process %d was started to take over", s.child.PID)
	}
	return nil
}

// fails notes why the process that asked does not take over.
func (s *succession) fails(why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.why = why
}

// leave ends Run, in favour of an heir.
func (s *succession) leave(heir *Successor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	heir.asker, s.heir = s.asker, heir
	if s.taken != nil {
		close(s.taken)
	}
	s.leaving.Store(true)
	s.end()
}

// offer gives all listening sockets to who asks, and waits until it takes them.
func (a *App) offer(ctx context.Context, x *control.Exchange) (*control.Successor, error) {
	shared, err := a.openSockets()
	if err != nil {
		x.Answer(nil, err)
		return nil, err
	}
	var sockets []control.Socket
	for _, s := range shared {
		sockets = append(sockets, control.Socket{Name: s.Name, File: s.File()})
	}
	heir, err := x.Offer(ctx, sockets, a.config.Load().Limits.DrainTimeout+letGo)
	if err != nil {
		listen.NewLeft(shared).Rest()
	}
	return heir, err
}

// openSockets returns the listening sockets for another process.
func (a *App) openSockets() ([]*listen.Socket, error) {
	list, err := a.board.Share()
	if err != nil {
		return nil, err
	}
	for _, l := range a.dns {
		for _, c := range l.Sockets() {
			s, err := listen.Share("dns", c)
			if err != nil {
				listen.NewLeft(list).Rest()
				return nil, err
			}
			list = append(list, s)
		}
	}
	return list, nil
}

// startTime is how long a process that was started may take to ask for the sockets.
const startTime = 2 * time.Minute

// upgrade starts the program again and waits until it has taken over; who asked is answered when
// it serves.
func (a *App) upgrade(ctx context.Context, x *control.Exchange) {
	child, taken, err := a.succession.beget(a.handover.Start, x)
	if err != nil {
		x.Answer(nil, err)
		return
	}
	a.log.Info("upgrade: started", "process", child.PID)
	limit := time.NewTimer(startTime)
	defer limit.Stop()
	select {
	case <-taken:
		return
	case how := <-child.Ended:
		err = fmt.Errorf("process %d ended before it took over (%v); the log says why", child.PID, how)
	case <-limit.C:
		err = fmt.Errorf("process %d does not take over after %v", child.PID, startTime)
	case <-ctx.Done():
		err = errors.New("the node was told to stop")
	}
	child.Kill()
	a.succession.talk.Lock() // what it said is known once nobody talks
	//lint:ignore SA2001 that was all
	a.succession.talk.Unlock()
	gone, why := a.succession.forget()
	if !gone {
		return // it had taken over, and Free will tell that it is gone
	}
	if why != nil {
		err = why
	}
	a.log.Error("upgrade: this process serves on", "error", err)
	x.Answer(nil, fmt.Errorf("the process before serves on: %w", err))
}

// beget starts a child, if there is none.
func (s *succession) beget(start func() (*Child, error), x *control.Exchange) (*Child, <-chan struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case start == nil:
		return nil, nil, control.Misused("this process can't start another")
	case s.heir != nil || s.child != nil:
		return nil, nil, errors.New("another upgrade is under way")
	}
	child, err := start()
	if err != nil {
		return nil, nil, fmt.Errorf("the program can't be started: %w", err)
	}
	s.child, s.asker, s.taken = child, x, make(chan struct{})
	return child, s.taken, nil
}

// forget is for a child that won't take over, and says why where it told; false: it did.
func (s *succession) forget() (gone bool, why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.heir != nil {
		return false, nil
	}
	why = s.why
	s.child, s.asker, s.taken, s.why = nil, nil, nil, nil
	return true, why
}

// nobodyServes answers an Upgrade where there is no process to take over from; where one serves,
// keepers come first.
func nobodyServes(context.Context, ops.Upgrade) (ops.Upgraded, error) {
	return ops.Upgraded{}, control.NotFound("nobody serves the data directory: gatepost serve starts the program that is there now")
}
