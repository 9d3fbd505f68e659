package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A Socket is an open one that goes from the process that serves to the one that will.
type Socket struct {
	Name string
	File *os.File
}

// TakeOverOp is the operation by which a process asks for the place of the one that serves. After
// the request the two speak by words, in this order:
//
//	← an offer, or an error; then a socket for each of its names
//	→ take       it will do: stop serving
//	← free       the data directory is yours
//	→ serving    clients are answered; or: failed, and why
//	← done       good-bye
//
// A successor that goes away, or fails, leaves the place to the one before: it serves again, with
// the sockets, which it keeps until it hears "serving". A predecessor that goes away leaves
// sockets and directory to the one after. "stop" in the place of "free" or "done": the predecessor
// was told to end, and so is who comes after it.
const TakeOverOp = "takeover"

// TakeOver is the request of TakeOverOp.
type TakeOver struct {
	Version string `json:"version"` // of the program that will serve
}

// Op implements Request.
func (TakeOver) Op() string { return TakeOverOp }

type offer struct {
	Names  []string      `json:"names"`  // of the sockets that follow
	Within time.Duration `json:"within"` // from "take" to "free" at most
}

type word struct {
	Word string `json:"word"`
	Text string `json:"text,omitempty"`
}

// Words of a takeover.
const (
	wordTake    = "take"
	wordFree    = "free"
	wordServing = "serving"
	wordFailed  = "failed"
	wordDone    = "done"
	wordStop    = "stop"
)

// Bounds of a takeover. Words are short, and the offer has a name for each socket.
const (
	maxWord    = 64 << 10
	maxSockets = 1000
	offerTime  = 2 * time.Minute  // for the successor to look at what it gets
	openTime   = 10 * time.Minute // for it to open the data directory and serve
	wordTime   = 10 * time.Second // for what needs no work
)

// ErrStopped: the process that serves was told to end, and the one after it with it.
var ErrStopped = errors.New("control: take over: the process that served was told to stop")

func say(c *net.UnixConn, w word) error {
	c.SetWriteDeadline(time.Now().Add(wordTime))
	return writeFrame(c, w, maxWord)
}

// hear waits for a word.
func hear(ctx context.Context, c *net.UnixConn, limit time.Duration) (w word, err error) {
	c.SetReadDeadline(time.Now().Add(limit))
	defer context.AfterFunc(ctx, func() { c.SetReadDeadline(time.Unix(1, 0)) })()
	err = readFrame(c, &w, maxWord)
	if ctx.Err() != nil {
		return word{}, context.Cause(ctx)
	}
	return w, err
}

// A Successor is, for the process that serves, the one that will.
type Successor struct {
	PID     int
	Sockets []Socket // what it got, of which this process keeps its own end
	conn    *net.UnixConn
	pidfd   int
}

// Offer answers a TakeOver: it gives the sockets away and waits for the word that they are taken.
// within is how long the caller takes at most from then to Free. Where it fails the exchange is
// over, and the caller serves on.
func (x *Exchange) Offer(ctx context.Context, sockets []Socket, within time.Duration) (*Successor, error) {
	s := &Successor{PID: x.PID(), Sockets: sockets, conn: x.conn, pidfd: open(x.PID())}
	err := s.offer(ctx, within)
	if err != nil {
		s.close()
		return nil, fmt.Errorf("control: hand over to process %d: %w", s.PID, err)
	}
	return s, nil
}

func (s *Successor) offer(ctx context.Context, within time.Duration) error {
	o := offer{Within: within, Names: []string{}}
	for _, socket := range s.Sockets {
		o.Names = append(o.Names, socket.Name)
	}
	raw, err := json.Marshal(o)
	if err != nil {
		return err
	}
	s.conn.SetWriteDeadline(time.Now().Add(wordTime))
	if err := writeFrame(s.conn, response{Result: raw}, maxWord); err != nil {
		return err
	}
	for _, socket := range s.Sockets {
		if err := sendFile(s.conn, socket.File); err != nil {
			return err
		}
	}
	return s.expect(ctx, wordTake, offerTime)
}

// expect waits for a word of the successor.
func (s *Successor) expect(ctx context.Context, want string, limit time.Duration) error {
	w, err := hear(ctx, s.conn, limit)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return errors.New("it has ended")
	case err != nil:
		return err
	case w.Word == wordFailed:
		return errors.New(w.Text)
	case w.Word != want:
		return fmt.Errorf("it says %q, not %q", w.Word, want)
	}
	return nil
}

// Free says that the data directory is the successor's, and waits until it serves. An error says
// that it never will: it has ended, or was killed because it took too long.
func (s *Successor) Free(ctx context.Context) error {
	if err := say(s.conn, word{Word: wordFree}); err != nil {
		return fmt.Errorf("control: hand over to process %d: it has ended", s.PID)
	}
	err := s.expect(ctx, wordServing, openTime)
	if err == nil || ctx.Err() != nil {
		return err
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = errors.Join(fmt.Errorf("it does not serve after %v", openTime), kill(s.pidfd))
	}
	s.close()
	return fmt.Errorf("control: hand over to process %d: %w", s.PID, err)
}

// Done says good-bye to a successor that serves.
func (s *Successor) Done() { s.last(wordDone) }

// Stop has the successor end, as the caller does.
func (s *Successor) Stop() { s.last(wordStop) }

func (s *Successor) last(text string) {
	say(s.conn, word{Word: text}) // where it is gone there is nobody to tell
	s.close()
}

func (s *Successor) close() {
	s.conn.Close()
	unix.Close(s.pidfd)
	s.pidfd = -1
}

// A Predecessor is, for a process that is to serve, the one that does.
type Predecessor struct {
	PID     int
	Sockets []Socket
	within  time.Duration
	conn    *net.UnixConn
	pidfd   int
}

// Approach asks the process that serves dir for its place, and gets its sockets. It goes on
// serving until Take. ErrNotRunning: nobody serves dir.
func Approach(ctx context.Context, dir string, r TakeOver) (*Predecessor, error) {
	c, err := Dial(dir)
	if err != nil {
		return nil, err
	}
	p := &Predecessor{conn: c.conn, PID: peerOf(c.conn), pidfd: open(peerOf(c.conn))}
	if err := p.receive(ctx, c, r); err != nil {
		p.close()
		for _, s := range p.Sockets {
			s.File.Close()
		}
		return nil, fmt.Errorf("control: take over from process %d: %w", p.PID, err)
	}
	return p, nil
}

func (p *Predecessor) receive(ctx context.Context, c *Client, r TakeOver) error {
	p.conn.SetDeadline(time.Now().Add(offerTime))
	defer context.AfterFunc(ctx, func() { p.conn.SetDeadline(time.Unix(1, 0)) })()
	raw, err := c.ask(r)
	if err != nil {
		return err
	}
	var o offer
	if err := Decode(raw, &o); err != nil {
		return err
	}
	if len(o.Names) > maxSockets {
		return fmt.Errorf("it has %d sockets", len(o.Names))
	}
	p.within = o.Within
	for _, name := range o.Names {
		fd, err := receiveFile(p.conn)
		if err != nil {
			return fmt.Errorf("socket %s: %w", name, err)
		}
		p.Sockets = append(p.Sockets, Socket{name, os.NewFile(uintptr(fd), name)})
	}
	return nil
}

// Take has the predecessor stop, and waits until it has let go of the data directory, or has
// ended. One that does not in the time that it asked for is killed, which loses nothing that it
// accepted. ErrStopped: it was told to end meanwhile, and so is the caller.
func (p *Predecessor) Take(ctx context.Context, log *slog.Logger) error {
	if err := say(p.conn, word{Word: wordTake}); err != nil {
		return nil // it has ended
	}
	w, err := hear(ctx, p.conn, p.within)
	switch {
	case ctx.Err() != nil:
		p.close()
		return err
	case errors.Is(err, os.ErrDeadlineExceeded):
		log.Error("the process that served does not let go, and is killed", "process", p.PID, "after", p.within)
		return kill(p.pidfd)
	case err != nil:
		log.Warn("the process that served has ended without a word", "process", p.PID)
	case w.Word == wordStop:
		p.close()
		return ErrStopped
	}
	return nil
}

// Serving tells that the caller serves. ErrStopped: it is to end all the same.
func (p *Predecessor) Serving(ctx context.Context) error {
	defer p.close()
	if err := say(p.conn, word{Word: wordServing}); err != nil {
		return nil // it has ended
	}
	if w, err := hear(ctx, p.conn, wordTime); err == nil && w.Word == wordStop {
		return ErrStopped
	}
	return nil
}

// Failed tells why the caller won't serve: the predecessor goes on, or does so again.
func (p *Predecessor) Failed(err error) {
	say(p.conn, word{wordFailed, err.Error()}) // where it is gone there is nobody to tell
	p.close()
}

func (p *Predecessor) close() {
	p.conn.Close()
	unix.Close(p.pidfd)
	p.pidfd = -1
}

// open returns a descriptor of a process, by which no other one that gets its number can be
// meant; -1: there is none.
func open(pid int) int {
	if pid <= 0 {
		return -1
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return -1
	}
	return fd
}

// kill ends a process and waits until it is gone.
func kill(pidfd int) error {
	if err := unix.PidfdSendSignal(pidfd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("it can't be killed: %w", err)
	}
	for end := time.Now().Add(wordTime); time.Now().Before(end); {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, int(pause/time.Millisecond))
		if n > 0 || err != nil && !errors.Is(err, unix.EINTR) {
			return nil
		}
	}
	return errors.New("it was killed, and does not end")
}
