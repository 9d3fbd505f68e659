package smtpd

import (
	"bufio"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A pipes is a listener in memory, for tests whose clock is not the world's.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes {
	return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipes) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipes) Addr() net.Addr { return tcpAddr("198.51.100.25:25") }

func tcpAddr(s string) net.Addr {
	a, err := net.ResolveTCPAddr("tcp", s)
	if err != nil {
		panic(err)
	}
	return a
}

// pipeEnd is the server's end of a pipe, at addresses that a test chose.
type pipeEnd struct {
	net.Conn
	peer net.Addr
}

func (p pipeEnd) RemoteAddr() net.Addr { return p.peer }
func (p pipeEnd) LocalAddr() net.Addr  { return tcpAddr("198.51.100.25:25") }

// dialFrom connects to l.
func (l *pipes) dialFrom(t *testing.T, peer string) *player {
	client, server := net.Pipe()
	l.conns <- pipeEnd{server, tcpAddr(peer)}
	t.Cleanup(func() { client.Close() })
	return &player{t: t, conn: client, in: bufio.NewReader(client)}
}

// timed runs f inside a bubble of time, with a client that has sent the
// commands up to DATA if there is a machine to tell them to.
func timed(t *testing.T, c Config, f func(t *testing.T, p *player, m *machine, stop func())) {
	synctest.Test(t, func(t *testing.T) {
		m := new(machine)
		l := newPipes()
		c.TLS = nil
		stop := startOn(t, l, c, m)
		p := l.dialFrom(t, "192.0.2.7:1025")
		p.exchange("S: 220 *", "C: HELO client.example", "S: 250 *")
		f(t, p, m, stop)
		p.conn.Close()
		stop()
	})
}

var begun = []string{
	"C: MAIL FROM:<a@client.example>", "S: 250 *", "C: RCPT TO:<ann@test.example>", "S: 250 *", "C: DATA", "S: 354 *",
}

func TestIdleClientIsSentAway(t *testing.T) {
	timed(t, testConfig(), func(t *testing.T, p *player, m *machine, _ func()) {
		began := time.Now()
		time.Sleep(4 * time.Minute)
		p.exchange("C: NOOP", "S: 250 *")
		p.exchange("S: 421 4.4.2 waited too long", "E:")
		if got := time.Since(began).Truncate(time.Minute); got != 9*time.Minute {
			t.Errorf("sent away after %v", got)
		}
	})
}

// A line must come in whole in time, however it drips.
func TestDrippingCommandIsSentAway(t *testing.T) {
	timed(t, testConfig(), func(t *testing.T, p *player, m *machine, _ func()) {
		go func() {
			for range 4 {
				time.Sleep(time.Minute)
				io.WriteString(p.conn, "N")
			}
		}()
		p.exchange("S: 421 4.4.2 waited too long", "E:")
	})
}

// Content may drip as long as ContentTime; each octet renews the shorter time.
func TestSlowContentIsTaken(t *testing.T) {
	timed(t, testConfig(), func(t *testing.T, p *player, m *machine, _ func()) {
		p.exchange(begun...)
		for _, c := range "one\r\n.\r\n" {
			time.Sleep(time.Minute)
			io.WriteString(p.conn, string(c))
		}
		p.exchange("S: 250 2.0.0 accepted id1")
	})
}

// After a time-out in content nothing of it is run as commands: the defect for
// which the guard exists.
func TestTimeoutInContentEndsTheConnection(t *testing.T) {
	const waited, bareWords = "421 4.4.2 waited too long", "554 5.6.0 bare CR or LF in content, end lines with CRLF"
	tests := []struct {
		name, content string
		pause         time.Duration
		n             int
		reply         string
		after         time.Duration
	}{
		{"silence", "", 0, 0, waited, 3 * time.Minute},
		{"silence in a line", "one\r\ntw", 0, 0, waited, 3 * time.Minute},
		{"too slow in all", "x", 2 * time.Minute, 4, waited, 10 * time.Minute},
		{"bare LF and no end", "one\ntwo\n.\n", 0, 0, bareWords, 30 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			timed(t, testConfig(), func(t *testing.T, p *player, m *machine, _ func()) {
				p.exchange(begun...)
				began := time.Now()
				io.WriteString(p.conn, test.content)
				go func() {
					for range test.n {
						time.Sleep(test.pause)
						io.WriteString(p.conn, test.content)
					}
				}()
				p.exchange("S: " + test.reply)
				if got := time.Since(began); got != test.after {
					t.Errorf("answered after %v, want %v", got, test.after)
				}
				// What still comes is read, so that the reply is not lost, and not run.
				if _, err := io.WriteString(p.conn, "\r\nMAIL FROM:<evil@client.example>\r\n"); err != nil {
					t.Errorf("closed at once: %v", err)
				}
				p.exchange("E:")
				if got := m.log(); !strings.HasSuffix(got, "abort time-out in content") {
					t.Errorf("the machine was asked\n%s", got)
				}
			})
		})
	}
}

// All chunks together have as long as the content of DATA.
func TestSlowChunks(t *testing.T) {
	timed(t, testConfig(), func(t *testing.T, p *player, m *machine, _ func()) {
		const chunk = `c: "BDAT 3\r\none"`
		p.exchange(begun[:4]...)
		p.exchange(chunk, "S: 250 2.0.0 chunk taken")
		for range 4 {
			time.Sleep(2 * time.Minute)
			p.exchange(chunk, "S: 250 2.0.0 chunk taken")
		}
		began := time.Now()
		p.exchange("S: 421 4.4.2 waited too long", "E:")
		if got := time.Since(began).Truncate(time.Minute); got != 2*time.Minute {
			t.Errorf("waited %v more", got)
		}
	})
}

func TestTimeoutBetweenChunks(t *testing.T) {
	timed(t, testConfig(), func(t *testing.T, p *player, m *machine, _ func()) {
		p.exchange(begun[:4]...)
		p.exchange(`c: "BDAT 3\r\none"`, "S: 250 2.0.0 chunk taken", "S: 421 4.4.2 waited too long", "E:")
		if got := m.log(); !strings.HasSuffix(got, "abort timeout") {
			t.Errorf("the machine was asked\n%s", got)
		}
	})
}

func TestCutInContent(t *testing.T) {
	timed(t, testConfig(), func(t *testing.T, p *player, m *machine, stop func()) {
		p.exchange(begun...)
		io.WriteString(p.conn, "one\r\n.")
		p.conn.Close()
		synctest.Wait()
		if got := m.log(); !strings.HasSuffix(got, "abort connection lost in content") {
			t.Errorf("the machine was asked\n%s", got)
		}
	})
}

// A client that takes no replies holds its connection for WriteTime only.
func TestClientThatDoesNotRead(t *testing.T) {
	timed(t, testConfig(), func(t *testing.T, p *player, m *machine, _ func()) {
		began := time.Now()
		io.WriteString(p.conn, "NOOP\r\n")
		io.Copy(io.Discard, struct{ io.Reader }{waitClosed{p.conn, began}})
		if got := time.Since(began); got > 2*time.Minute {
			t.Errorf("held for %v", got)
		}
	})
}

// waitClosed reads nothing for two minutes.
type waitClosed struct {
	net.Conn
	began time.Time
}

func (w waitClosed) Read(p []byte) (int, error) {
	time.Sleep(90*time.Second - time.Since(w.began))
	return w.Conn.Read(p)
}

func TestDrain(t *testing.T) {
	t.Run("idle", func(t *testing.T) {
		timed(t, testConfig(), func(t *testing.T, p *player, m *machine, stop func()) {
			began := time.Now()
			go stop()
			p.exchange("S: 421 4.3.2 going down, come back later", "E:")
			stop()
			if got := time.Since(began); got > lingerTime {
				t.Errorf("took %v", got)
			}
		})
	})
	t.Run("in a transaction", func(t *testing.T) {
		timed(t, testConfig(), func(t *testing.T, p *player, m *machine, stop func()) {
			p.exchange(begun[:4]...)
			go stop()
			p.exchange("S: 421 4.3.2 *", "E:")
			stop()
			if got := m.log(); !strings.HasSuffix(got, "abort shutdown") {
				t.Errorf("the machine was asked\n%s", got)
			}
		})
	})
	t.Run("in content", func(t *testing.T) {
		timed(t, testConfig(), func(t *testing.T, p *player, m *machine, stop func()) {
			p.exchange(begun...)
			go stop()
			time.Sleep(20 * time.Second)
			p.exchange("C: one", "C: .", "S: 250 2.0.0 accepted id1", "S: 421 4.3.2 *", "E:")
			stop()
		})
	})
	t.Run("between chunks", func(t *testing.T) {
		timed(t, testConfig(), func(t *testing.T, p *player, m *machine, stop func()) {
			p.exchange(begun[:4]...)
			p.exchange(`c: "BDAT 3\r\none"`, "S: 250 *")
			go stop()
			time.Sleep(20 * time.Second)
			p.exchange("C: BDAT 0 LAST", "S: 250 2.0.0 accepted id1", "S: 421 4.3.2 *", "E:")
			stop()
		})
	})
	t.Run("in content for ever", func(t *testing.T) {
		timed(t, testConfig(), func(t *testing.T, p *player, m *machine, stop func()) {
			p.exchange(begun...)
			began := time.Now()
			go stop()
			p.exchange("S: 421 4.3.2 going down, come back later", "E:")
			stop()
			if got := time.Since(began); got < 30*time.Second || got > 30*time.Second+lingerTime {
				t.Errorf("took %v", got)
			}
			if got := m.log(); !strings.HasSuffix(got, "abort shutdown") {
				t.Errorf("the machine was asked\n%s", got)
			}
		})
	})
	t.Run("while the machine thinks", func(t *testing.T) {
		timed(t, testConfig(), func(t *testing.T, p *player, m *machine, stop func()) {
			m.data = thinkFor(10 * time.Second)
			p.exchange(begun...)
			io.WriteString(p.conn, "one\r\n.\r\n")
			go stop()
			p.exchange("S: 250 2.0.0 accepted id1", "S: 421 4.3.2 *", "E:")
			stop()
		})
	})
}

// Where another process takes the clients that come, each of ours may send the message that he
// came to send, unless he is silent.
func TestBreath(t *testing.T) {
	const breath = 5 * time.Second
	c := testConfig()
	c.Breath = func() time.Duration { return breath }
	rest := begun[2:]
	t.Run("before MAIL", func(t *testing.T) {
		timed(t, c, func(t *testing.T, p *player, m *machine, stop func()) {
			go stop()
			time.Sleep(4 * time.Second)
			p.exchange(begun[:2]...)
			time.Sleep(4 * time.Second)
			p.exchange(rest...)
			time.Sleep(10 * time.Second)
			sent := time.Now()
			p.exchange("C: one", "C: .", "S: 250 2.0.0 accepted id1", "S: 421 4.3.2 going down, come back later")
			if got := time.Since(sent); got > 0 {
				t.Errorf("sent away %v after its message", got)
			}
			p.exchange("E:")
			stop()
		})
	})
	t.Run("by BDAT", func(t *testing.T) {
		timed(t, c, func(t *testing.T, p *player, m *machine, stop func()) {
			go stop()
			p.exchange(begun[:4]...)
			p.exchange(`c: "BDAT 3\r\none"`, "S: 250 *")
			time.Sleep(10 * time.Second)
			p.exchange("C: BDAT 0 LAST", "S: 250 2.0.0 accepted id1", "S: 421 4.3.2 *", "E:")
			stop()
		})
	})
	t.Run("silent", func(t *testing.T) {
		timed(t, c, func(t *testing.T, p *player, m *machine, stop func()) {
			p.exchange(begun[:4]...)
			began := time.Now()
			go stop()
			p.exchange("S: 421 4.3.2 going down, come back later", "E:")
			stop()
			if got := time.Since(began); got < breath || got > breath+lingerTime {
				t.Errorf("took %v", got)
			}
			if got := m.log(); !strings.HasSuffix(got, "abort shutdown") {
				t.Errorf("the machine was asked\n%s", got)
			}
		})
	})
	t.Run("never silent", func(t *testing.T) {
		timed(t, c, func(t *testing.T, p *player, m *machine, stop func()) {
			began := time.Now()
			go stop()
			for range 7 {
				time.Sleep(4 * time.Second)
				p.exchange("C: NOOP", "S: 250 *")
			}
			p.exchange("S: 421 4.3.2 *", "E:")
			stop()
			if got := time.Since(began); got < 30*time.Second || got > 30*time.Second+lingerTime {
				t.Errorf("took %v", got)
			}
		})
	})
}

// From the dot to the reply AnswerTime passes at most.
func TestAnswerTime(t *testing.T) {
	timed(t, testConfig(), func(t *testing.T, p *player, m *machine, _ func()) {
		m.data = thinkFor(time.Hour)
		p.exchange(begun...)
		began := time.Now()
		p.exchange("C: one", "C: .", "S: 451 4.3.0 local error, come back later", "C: QUIT", "S: 221 *")
		if got := time.Since(began); got != 120*time.Second {
			t.Errorf("answered after %v", got)
		}
	})
}

// The deadline that wakes an idle connection leaves TLS fit for the last reply.
func TestDrainInsideTLS(t *testing.T) {
	addr, stop := start(t, testConfig(), new(machine))
	p := dial(t, addr)
	p.startTLS()
	p.exchange("H: client.example")
	go stop()
	p.exchange("S: 421 4.3.2 going down, come back later", "E:")
	p.conn.Close()
	stop()
}
