package imap

import (
	"context"
	"errors"
	"strings"
	"time"

	"gatepost/internal/door"
	"gatepost/internal/mail"
)

// idle: RFC 9051 §6.3.13. News are told until the client says DONE.
func (c *conn) idle(ctx context.Context, r *request) (reply, error) {
	if err := r.noArguments(); err != nil {
		return reply{}, err
	}
	c.out.text("+ idling\r\n")
	c.Expect(c.limits.Idle)
	line := make(chan error, 1)
	go func() { line <- c.readDone() }()
	err := c.tellUntil(ctx, line)
	var syntax syntaxError
	switch {
	case errors.Is(err, errGone):
		return reply{status: answered}, nil
	case errors.Is(err, errTooBig):
		return reply{}, syntaxError("Expected DONE")
	case err != nil && !errors.As(err, &syntax):
		if ctx.Err() != nil { // what is new was being read when the server was to end
			err = door.ErrInterrupted
		}
		c.hangUp(err)
		return reply{status: answered}, nil
	}
	return reply{}, err
}

// tellUntil tells what is new until a result comes from the reader, which always
// does: its wire has a time limit and is interrupted by Shutdown. While the store is away there is nothing
// to tell, and nobody is sent away: all would come back at once.
func (c *conn) tellUntil(ctx context.Context, line <-chan error) error {
	poll := time.NewTicker(c.limits.Poll)
	defer poll.Stop()
	for {
		if err := c.tell(ctx, true, true); errors.Is(err, mail.ErrAway) && c.out.err == nil && ctx.Err() == nil {
			c.log.Debug("nothing is told while the store is away", "error", err)
		} else if err != nil {
			c.Interrupt()
			<-line
			return err
		}
		select {
		case err := <-line:
			return err
		case <-c.hints:
		case <-poll.C:
		}
	}
}

func (c *conn) tell(ctx context.Context, expunges, must bool) error {
	if c.view != nil && !c.quietly() {
		if err := c.syncNew(ctx, expunges, must, false); err != nil {
			return err
		}
	}
	if err := c.tellOthers(ctx); err != nil {
		return err
	}
	if err := c.settle(); err != nil {
		return err
	}
	if c.closing {
		return errGone
	}
	return nil
}

// errGone: the news were the end of the connection, and the client has heard so.
var errGone = errors.New("imap: the selected mailbox is gone")

// readDone reads the line that ends IDLE. No answer is under way meanwhile, so
// the reader is this goroutine's.
func (c *conn) readDone() error {
	line, _, err := c.in.readLine(nil)
	if err != nil {
		return err
	}
	if !strings.EqualFold(strings.TrimRight(string(line), "\r\n"), "DONE") {
		return syntaxError("Expected DONE")
	}
	return nil
}
