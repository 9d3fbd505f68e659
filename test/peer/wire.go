package peer

import (
	"bufio"
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Wire stands between an SMTP client and a server, passes on what they say, and
// now and then cuts. It knows of each content whether the client got to hear the
// server's answer to it: the one moment at which SMTP leaves open who is
// responsible (RFC 1047).
type Wire struct {
	Addr     string
	to       string
	cut      float64 // chance that a line of either side is the last
	listener net.Listener
	conns    sync.WaitGroup

	mu       sync.Mutex
	random   *rand.Rand
	open     map[net.Conn]bool
	closed   bool
	Contents []Passage // guarded by mu; read after Close
}

// A Passage is one content that reached the server whole.
type Passage struct {
	Content    []byte
	Recipients []string  // that the server took, as far as the client heard
	Since      time.Time // when the client connected
	Answered   time.Time // when the client was handed the 250; zero: it never was
}

// NewWire passes connections on to the server at to; each line is the last one
// with a chance of cut.
func NewWire(to string, cut float64, seed uint64) (*Wire, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w := &Wire{Addr: l.Addr().String(), to: to, cut: cut, listener: l, random: rand.New(rand.NewPCG(seed, 7)), open: map[net.Conn]bool{}}
	w.conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			w.conns.Go(func() { w.pass(c) })
		}
	})
	return w, nil
}

// Close cuts all and waits.
func (w *Wire) Close() {
	w.listener.Close()
	w.mu.Lock()
	w.closed = true
	for c := range w.open {
		c.Close()
	}
	w.mu.Unlock()
	w.conns.Wait()
}

// SetCut changes the chance of a cut.
func (w *Wire) SetCut(cut float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = cut
}

// Passages returns what passed so far.
func (w *Wire) Passages() []Passage {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.Contents)
}

func (w *Wire) last() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.random.Float64() < w.cut
}

// hold notes a connection so that Close can end it; false: it is too late.
func (w *Wire) hold(c net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		c.Close()
		return false
	}
	w.open[c] = true
	return true
}

func (w *Wire) let(c net.Conn) {
	c.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.open, c)
}

func (w *Wire) pass(client net.Conn) {
	if !w.hold(client) {
		return
	}
	defer w.let(client)
	server, err := net.DialTimeout("tcp", w.to, 5*time.Second)
	if err != nil || !w.hold(server) {
		return
	}
	defer w.let(server)
	d := dialogue{wire: w, since: time.Now(), asked: []string{"connect"}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer client.Close()
		lines(server, func(line []byte) bool { return d.reply(line) && write(client, line) && d.heard(line) })
	}()
	lines(client, func(line []byte) bool { return d.command(line) && write(server, line) })
	server.Close()
	client.Close()
	<-done
}

func write(to io.Writer, line []byte) bool {
	_, err := to.Write(line)
	return err == nil
}

func lines(from io.Reader, each func([]byte) bool) {
	for r := bufio.NewReaderSize(from, 64<<10); ; {
		line, err := r.ReadSlice('\n')
		if err != nil || !each(line) {
			return
		}
	}
}

// A dialogue follows one connection as far as contents go. Each line of the client
// but those of a content has one reply, and replies come in order (RFC 2920 §3.1).
type dialogue struct {
	wire    *Wire
	since   time.Time
	mu      sync.Mutex
	asked   []string // lines without a reply yet
	rcpts   []string // of the transaction
	data    bool     // a 354 was passed on and the dot has not come
	passage int      // what the reply to a dot is about
	content bytes.Buffer
}

// reply sees a line of the server before the client does; false cuts.
func (d *dialogue) reply(line []byte) bool {
	if d.wire.last() {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if bytes.HasPrefix(line, []byte("354")) {
		d.data = true
		d.content.Reset()
	}
	return true
}

// heard sees a line that the client was handed.
func (d *dialogue) heard(line []byte) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.asked) == 0 || len(line) < 4 || line[3] != ' ' {
		return true
	}
	asked := d.asked[0]
	d.asked = d.asked[1:]
	verb := strings.ToUpper(asked[:min(len(asked), 8)])
	if strings.HasPrefix(verb, "MAIL") || strings.HasPrefix(verb, "RSET") {
		d.rcpts = nil
	}
	if line[0] != '2' {
		return true
	}
	switch {
	case asked == ".":
		d.wire.answered(d.passage)
	case verb == "RCPT TO:":
		_, rest, _ := strings.Cut(asked, "<")
		rcpt, _, _ := strings.Cut(rest, ">")
		d.rcpts = append(d.rcpts, rcpt)
	}
	return true
}

// command sees a line of the client before the server does; false cuts.
func (d *dialogue) command(line []byte) bool {
	if d.wire.last() {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case !d.data:
		d.asked = append(d.asked, strings.TrimRight(string(line), "\r\n"))
	case string(line) == ".\r\n":
		d.data = false
		d.asked = append(d.asked, ".")
		d.passage = d.wire.passed(Passage{Content: bytes.Clone(d.content.Bytes()), Recipients: d.rcpts, Since: d.since})
		d.rcpts = nil
	default:
		d.content.Write(line)
	}
	return true
}

func (w *Wire) passed(p Passage) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.Contents = append(w.Contents, p)
	return len(w.Contents) - 1
}

func (w *Wire) answered(i int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.Contents[i].Answered = time.Now()
}
