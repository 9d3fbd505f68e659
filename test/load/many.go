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
	for range r.Connections {
		wg.Go(func() {
			if err := r.connection(&next, &res); err != nil {
				once.Do(func() { res.FirstError = err })
			}
		})
	}
	wg.Wait()
	res.Elapsed = time.Since(begin)
	return res
}

// connection sends what is left, over as many connections one after another as
// PerConn asks for.
func (r Run) connection(next *atomic.Int64, res *Result) (failed error) {
	for {
		i := int(next.Add(1) - 1)
		if i >= r.Messages {
			return failed
		}
		c, err := Dial(r.Addr, "mx.sender.example")
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
			if i = int(next.Add(1) - 1); i >= r.Messages {
				break
			}
		}
		c.Close()
	}
}

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
