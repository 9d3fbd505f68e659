package load

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// A Run is many messages over many connections.
type Run struct {
	Addr        string
	Connections int
	PerConn     int // messages a connection; 0: all it gets
	From        string
	To          string
	Messages    int
	Limit       time.Duration      // no message begins later; 0: all are sent, however long it takes
	Patient     bool               // wait for the reply to each command (without, RFC 2920 pipelining)
	Client      func(i int) string // an address to name by XCLIENT for message i, where PerConn is 1; may be nil
	Message     func(i int) []byte
	Answered    func(i, code int, text string) // may be nil; called from many goroutines
}

// A Result is what came of a Run.
type Result struct {
	Taken, Refused, Lost int64 // 250; any other reply; no reply
	Elapsed              time.Duration
	FirstError           error
}

// Rate is answered messages a second.
func (r Result) Rate() float64 { return float64(r.Taken+r.Refused) / r.Elapsed.Seconds() }

// Do runs it.
func (r Run) Do() Result {
	var res Result
	var next atomic.Int64
	var wg sync.WaitGroup
	var once sync.Once
	begin := time.Now()
	turn := func() (i int, more bool) {
		if r.Limit > 0 && time.Since(begin) >= r.Limit {
			return 0, false
		}
		i = int(next.Add(1) - 1)
		return i, i < r.Messages
	}
	for range r.Connections {
		wg.Go(func() {
			if err := r.connection(turn, &res); err != nil {
				once.Do(func() { res.FirstError = err })
			}
		})
	}
	wg.Wait()
	res.Elapsed = time.Since(begin)
	return res
}

// connection sends what is left, over as many connections one after another as
// PerConn asks for. turn says which message is the next, if there is one.
func (r Run) connection(turn func() (int, bool), res *Result) (failed error) {
	for {
		i, more := turn()
		if !more {
			return failed
		}
		c, err := r.dial(i)
		if err != nil {
			failed = fmt.Errorf("message %d: %w", i, err)
			atomic.AddInt64(&res.Lost, 1)
			continue
		}
		for n := 1; ; n++ {
			if err = r.send(c, i, res); err != nil {
				failed = fmt.Errorf("message %d: %w", i, err)
				break
			}
			if r.PerConn > 0 && n >= r.PerConn {
				break
			}
			if i, more = turn(); !more {
				break
			}
		}
		c.Close()
	}
}

func (r Run) dial(i int) (*Client, error) {
	c, err := Dial(r.Addr, clientName)
	if err != nil {
		return nil, err
	}
	c.patient = r.Patient
	if r.Client != nil {
		if err := c.XClient(r.Client(i), clientName); err != nil {
			c.Close()
			return nil, err
		}
	}
	return c, nil
}

// clientName is what they say in EHLO.
const clientName = "mx.sender.example"

func (r Run) send(c *Client, i int, res *Result) error {
	code, text, err := c.Send(r.From, []string{r.To}, r.Message(i))
	switch {
	case err != nil:
		atomic.AddInt64(&res.Lost, 1)
		return err
	case code == 250:
		atomic.AddInt64(&res.Taken, 1)
	default:
		atomic.AddInt64(&res.Refused, 1)
	}
	if r.Answered != nil {
		r.Answered(i, code, text)
	}
	return nil
}
