package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// An owner is a server whose place can be taken; it has one socket to give away.
type owner struct {
	dir, address string
	file         *os.File
	offered      chan error
	heir         chan *Successor
}

func owns(t *testing.T, within time.Duration) owner {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	o := owner{t.TempDir(), l.Addr().String(), f, make(chan error, 1), make(chan *Successor, 1)}
	t.Cleanup(func() { f.Close() })
	s := &Server{Dir: o.dir, Handle: Handlers{}.Handle, Log: slog.New(slog.DiscardHandler)}
	s.Keepers = map[string]func(context.Context, *Exchange){
		TakeOverOp: func(ctx context.Context, x *Exchange) {
			var r TakeOver
			if err := x.Read(&r); err != nil || r.Version == "too old" {
				x.Answer(nil, errors.Join(err, Misused("version %s?", r.Version)))
				return
			}
			heir, err := x.Offer(ctx, []Socket{{"smtp", f}}, within)
			o.offered <- err
			o.heir <- heir
		},
		"broken": func(context.Context, *Exchange) { panic("no way") },
	}
	listening, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- listening.Serve(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	return o
}

func approach(t *testing.T, o owner) *Predecessor {
	t.Helper()
	p, err := Approach(t.Context(), o.dir, TakeOver{"1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, s := range p.Sockets {
			s.File.Close()
		}
	})
	return p
}

var quiet = slog.New(slog.DiscardHandler)

// TestTakeOver: sockets go over, and the words in their order; what comes to a socket meanwhile waits.
func TestTakeOver(t *testing.T) {
	o := owns(t, time.Minute)
	p := approach(t, o)
	if len(p.Sockets) != 1 || p.Sockets[0].Name != "smtp" || p.PID != os.Getpid() {
		t.Fatalf("got %+v of process %d", p.Sockets, p.PID)
	}
	c, err := net.Dial("tcp", o.address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	taken := make(chan error, 1)
	go func() { taken <- p.Take(t.Context(), quiet) }()
	if err := <-o.offered; err != nil {
		t.Fatal(err)
	}
	heir := <-o.heir
	served := make(chan error, 1)
	go func() { served <- heir.Free(t.Context()) }()
	if err := <-taken; err != nil {
		t.Fatal(err)
	}
	o.file.Close()
	l, err := net.FileListener(p.Sockets[0].File)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	in, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	in.Close()
	ended := make(chan error, 1)
	go func() { ended <- p.Serving(t.Context()) }()
	if err := <-served; err != nil {
		t.Error(err)
	}
	heir.Done()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestTakeOverFails: whoever goes away, and whenever, the other one knows what to do.
func TestTakeOverFails(t *testing.T) {
	t.Run("refused", func(t *testing.T) {
		if _, err := Approach(t.Context(), owns(t, time.Minute).dir, TakeOver{"too old"}); KindOf(err) != Misuse || !strings.Contains(err.Error(), "version too old?") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("nobody", func(t *testing.T) {
		if _, err := Approach(t.Context(), t.TempDir(), TakeOver{}); !errors.Is(err, ErrNotRunning) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("panic", func(t *testing.T) {
		if _, err := ask(t, owns(t, time.Minute).dir, broken{}); KindOf(err) != Internal {
			t.Errorf("got %v", err)
		}
	})
	t.Run("successor won't", func(t *testing.T) {
		o := owns(t, time.Minute)
		approach(t, o).Failed(errors.New("port 25 is taken"))
		if err := <-o.offered; err == nil || !strings.HasSuffix(err.Error(), ": port 25 is taken") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("successor ends before it takes", func(t *testing.T) {
		o := owns(t, time.Minute)
		approach(t, o).close()
		if err := <-o.offered; err == nil || !strings.HasSuffix(err.Error(), ": it has ended") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("successor ends before it serves", func(t *testing.T) {
		o := owns(t, time.Minute)
		p := approach(t, o)
		if err := say(p.conn, word{Word: wordTake}); err != nil {
			t.Fatal(err)
		}
		heir := <-o.heir
		p.close()
		if err := heir.Free(t.Context()); err == nil || !strings.HasSuffix(err.Error(), ": it has ended") {
			t.Errorf("got %v", err)
		}
		if len(heir.Sockets) != 1 {
			t.Error("the sockets are gone")
		}
	})
	t.Run("successor can't serve", func(t *testing.T) {
		o := owns(t, time.Minute)
		p := approach(t, o)
		go func() {
			p.Take(t.Context(), quiet)
			p.Failed(errors.New("disk on fire"))
		}()
		if err := (<-o.heir).Free(t.Context()); err == nil || !strings.HasSuffix(err.Error(), ": disk on fire") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("predecessor ends", func(t *testing.T) {
		o := owns(t, time.Minute)
		p := approach(t, o)
		go func() { (<-o.heir).close() }()
		if err := p.Take(t.Context(), quiet); err != nil {
			t.Errorf("it is not free: %v", err)
		}
		if err := p.Serving(t.Context()); err != nil {
			t.Errorf("got %v", err)
		}
	})
	t.Run("predecessor is told to stop", func(t *testing.T) {
		o := owns(t, time.Minute)
		p := approach(t, o)
		go func() { (<-o.heir).Stop() }()
		if err := p.Take(t.Context(), quiet); !errors.Is(err, ErrStopped) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("predecessor is told to stop in the end", func(t *testing.T) {
		o := owns(t, time.Minute)
		p := approach(t, o)
		go func() {
			heir := <-o.heir
			heir.Free(t.Context())
			heir.Stop()
		}()
		p.Take(t.Context(), quiet)
		if err := p.Serving(t.Context()); !errors.Is(err, ErrStopped) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("successor is told to stop", func(t *testing.T) {
		o := owns(t, time.Minute)
		p := approach(t, o)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-o.heir; cancel() }()
		if err := p.Take(ctx, quiet); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

// TestKeepsOn: a process that does not let go in its time is killed, and waited for.
func TestKeepsOn(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "CONTROL_TEST_KEEP="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	io.ReadFull(out, make([]byte, len("ready\n")))
	p, err := Approach(t.Context(), dir, TakeOver{})
	if err != nil {
		t.Fatal(err)
	}
	if p.PID != cmd.Process.Pid {
		t.Errorf("it is process %d", p.PID)
	}
	p.within = time.Millisecond
	go cmd.Wait()
	if err := p.Take(t.Context(), quiet); err != nil {
		t.Error(err)
	}
	if lock, err := Claim(dir); err != nil {
		t.Error(err)
	} else {
		lock.Release()
	}
	p.close()
}

// keepOn is the process that does not let go.
func keepOn(dir string) {
	if _, err := Claim(dir); err != nil {
		panic(err)
	}
	s := &Server{Dir: dir, Handle: Handlers{}.Handle, Log: quiet, Keepers: map[string]func(context.Context, *Exchange){
		TakeOverOp: func(ctx context.Context, x *Exchange) { x.Offer(ctx, nil, time.Minute) },
	}}
	l, err := s.Listen()
	if err != nil {
		panic(err)
	}
	fmt.Println("ready")
	l.Serve(context.Background())
}

// FuzzWord: what another process says is a word or an error.
func FuzzWord(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x0f{\"word\":\"take\"}"))
	f.Add([]byte("\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var w word
		if err := readFrame(strings.NewReader(string(raw)), &w, maxWord); err == nil && len(w.Word)+len(w.Text) > maxWord {
			t.Errorf("%d octets", len(w.Word))
		}
	})
}
