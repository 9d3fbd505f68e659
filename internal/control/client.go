package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"time"
)

// ErrNotRunning: nobody serves the data directory.
var ErrNotRunning = errors.New("control: no server runs on this data directory")

// A Client is a connection to the process that owns a data directory, good for
// one request.
type Client struct {
	conn *net.UnixConn
	most int // bytes of a request or response
}

// Dial connects to the owner of dir. It fails with ErrNotRunning where there is
// none.
func Dial(dir string) (*Client, error) {
	c, err := dial(dir)
	if err != nil {
		return nil, fmt.Errorf("control: dial %s: %w", dir, err)
	}
	return &Client{c, maxFrame}, nil
}

// Do sends the request and decodes the result into result, which may be nil.
// What the handler failed with comes back as *Error. The Client is used up.
func (c *Client) Do(ctx context.Context, r Request, result any) error {
	defer c.conn.Close()
	stop := context.AfterFunc(ctx, func() { c.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	raw, err := c.ask(r)
	if ctx.Err() != nil {
		return fmt.Errorf("control: %s: %w", r.Op(), context.Cause(ctx))
	}
	if err != nil {
		return err
	}
	return Decode(raw, result)
}

func (c *Client) ask(r Request) (json.RawMessage, error) {
	params, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("control: %s: %w", r.Op(), err)
	}
	if err := writeFrame(c.conn, request{r.Op(), params}, c.most); err != nil {
		return nil, err
	}
	var answer response
	if err := readFrame(c.conn, &answer, c.most); err != nil {
		return nil, err
	}
	if answer.Error != nil {
		return nil, answer.Error
	}
	return answer.Result, nil
}

// Close gives up a Client that was not used.
func (c *Client) Close() error { return c.conn.Close() }
