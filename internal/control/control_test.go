package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

type echo struct {
	Text string `json:"text"`
}

func (echo) Op() string { return "echo" }

type waiting struct{}

func (waiting) Op() string { return "waiting" }

type broken struct{}

func (broken) Op() string { return "broken" }

// unheard is a request that no handler knows.
type unheard struct {
	Text int `json:"text"`
}

func (unheard) Op() string { return "unheard" }

// odd is an echo with parameters of another form.
type odd struct {
	Text string `json:"text"`
	More int    `json:"more"`
}

func (odd) Op() string { return "echo" }

// smallFrame is the limit in these tests.
const smallFrame = 64 << 10

type handled struct {
	begun     chan bool // a waiting one was
	cancelled chan error
}

func (h handled) handlers() Handlers {
	all := Handlers{}
	On(all, func(_ context.Context, r echo) (echo, error) {
		switch r.Text {
		case "missing":
			return r, fmt.Errorf("look: %w", NotFound("no %s", r.Text))
		case "fail":
			return r, errors.New("disk on fire")
		case "long":
			return echo{strings.Repeat("x", smallFrame)}, nil
		}
		return r, nil
	})
	On(all, func(ctx context.Context, _ waiting) (echo, error) {
		h.begun <- true
		<-ctx.Done()
		h.cancelled <- ctx.Err()
		return echo{}, ctx.Err()
	})
	On(all, func(context.Context, broken) (echo, error) { panic("no way") })
	return all
}

// serve runs a server on dir until the test ends, or stop is called.
func serve(t *testing.T, dir string) (h handled, stop func()) {
	t.Helper()
	h = handled{make(chan bool, 1), make(chan error, 1)}
	l, err := (&Server{Dir: dir, Handle: h.handlers().Handle, Log: slog.New(slog.DiscardHandler), most: smallFrame}).Listen()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Serve(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(stop)
	return h, stop
}

func ask(t *testing.T, dir string, r Request) (echo, error) {
	t.Helper()
	c, err := Dial(dir)
	if err != nil {
		return echo{}, err
	}
	c.most = smallFrame
	var result echo
	err = c.Do(t.Context(), r, &result)
	return result, err
}

func TestRequests(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir)
	cases := []struct {
		name string
		r    Request
		want string
		kind Kind
		err  string
	}{
		{"answer", echo{"héllo \x00"}, "héllo \x00", "", ""},
		{"not found", echo{"missing"}, "", Missing, "look: no missing"},
		{"failure", echo{"fail"}, "", Failed, "disk on fire"},
		{"unknown operation", unheard{1}, "", Misuse, `unknown operation "unheard"`},
		{"unknown parameter", odd{"a", 1}, "", Misuse, `echo: json: unknown field "more"`},
		{"panic", broken{}, "", Internal, "failed inside; see the log"},
		{"long result", echo{"long"}, "", Failed, "the result is too long"},
		{"long request", echo{strings.Repeat("x", smallFrame)}, "", Failed, ErrTooLong.Error()},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := ask(t, dir, c.r)
			if c.err == "" {
				if err != nil || got.Text != c.want {
					t.Fatalf("got %q, %v; want %q", got.Text, err, c.want)
				}
				return
			}
			if err == nil || err.Error() != c.err || KindOf(err) != c.kind {
				t.Errorf("got %q of kind %q; want %q of kind %q", err, KindOf(err), c.err, c.kind)
			}
		})
	}
}

// TestMany: more clients than are served at once all get their own answer.
func TestMany(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir)
	var wg sync.WaitGroup
	for i := range 5 * clients {
		wg.Go(func() {
			want := fmt.Sprint("client ", i)
			if got, err := ask(t, dir, echo{want}); err != nil || got.Text != want {
				t.Errorf("got %q, %v; want %q", got.Text, err, want)
			}
		})
	}
	wg.Wait()
}

// TestBytes sends what is no request.
func TestBytes(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir)
	cases := map[string]string{
		"nothing":    "",
		"no JSON":    "\x00\x00\x00\x02{]",
		"short":      "\x00\x00\x00\x05{}",
		"too long":   "\xff\xff\xff\xff{}",
		"wrong kind": "\x00\x00\x00\x04\"op\"",
	}
	for name, bytes := range cases {
		t.Run(name, func(t *testing.T) {
			c, err := dial(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := c.Write([]byte(bytes)); err != nil {
				t.Fatal(err)
			}
			c.CloseWrite()
			var got response
			if err := readFrame(c, &got, smallFrame); err != nil || got.Error == nil || got.Error.Kind != Misuse {
				t.Errorf("got %+v, %v; want a misuse", got, err)
			}
		})
	}
	if _, err := ask(t, dir, echo{"a"}); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestHangUpCancels(t *testing.T) {
	dir := t.TempDir()
	h, _ := serve(t, dir)
	c, err := Dial(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeFrame(c.conn, request{"waiting", nil}, smallFrame); err != nil {
		t.Fatal(err)
	}
	c.Close()
	if err := <-h.cancelled; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestClientGivesUp(t *testing.T) {
	dir := t.TempDir()
	h, _ := serve(t, dir)
	c, err := Dial(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("changed my mind")
	cancel(why)
	if err := c.Do(ctx, waiting{}, nil); !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
	_ = h
}

func TestStop(t *testing.T) {
	dir := t.TempDir()
	h, stop := serve(t, dir)
	c, err := Dial(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeFrame(c.conn, request{"waiting", nil}, smallFrame); err != nil {
		t.Fatal(err)
	}
	<-h.begun
	stop()
	<-h.cancelled
	if _, err := Dial(dir); !errors.Is(err, ErrNotRunning) {
		t.Errorf("after the end: %v, want ErrNotRunning", err)
	}
}

func TestSocket(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("a-long-name/", 12))
	if err := os.MkdirAll(long, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"short path": t.TempDir(), "long path": long} {
		t.Run(name, func(t *testing.T) {
			if _, err := Dial(dir); !errors.Is(err, ErrNotRunning) {
				t.Errorf("no socket: %v, want ErrNotRunning", err)
			}
			leaveStale(t, dir)
			if _, err := Dial(dir); !errors.Is(err, ErrNotRunning) {
				t.Errorf("stale socket: %v, want ErrNotRunning", err)
			}
			serve(t, dir)
			if got, err := ask(t, dir, echo{"a"}); err != nil || got.Text != "a" {
				t.Errorf("got %v, %v", got, err)
			}
			info, err := os.Stat(filepath.Join(dir, socketName))
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
			}
		})
	}
}

// leaveStale leaves a socket behind as a killed process does.
func leaveStale(t *testing.T, dir string) {
	t.Helper()
	err := withAddress(filepath.Join(dir, socketName), func(a *net.UnixAddr) error {
		l, err := net.ListenUnix("unix", a)
		if err == nil {
			l.SetUnlinkOnClose(false)
			err = l.Close()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestMain is the other process in TestTwoProcesses: it claims the directory,
// says how that went, and holds it until its input ends.
func TestMain(m *testing.M) {
	if dir := os.Getenv("CONTROL_TEST_KEEP"); dir != "" {
		keepOn(dir)
		return
	}
	dir := os.Getenv("CONTROL_TEST_CLAIM")
	if dir == "" {
		os.Exit(m.Run())
	}
	_, err := Claim(dir)
	fmt.Printf("%v %v\n", errors.Is(err, ErrLocked), err)
	bufio.NewReader(os.Stdin).ReadString('\n')
}

func TestTwoProcesses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	const processes = 4
	answers := make(chan string, processes)
	for range processes {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "CONTROL_TEST_CLAIM="+dir, "GORACE=atexit_sleep_ms=0")
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer cmd.Wait()
		defer in.Close()
		go func() {
			line, _ := bufio.NewReader(out).ReadString('\n')
			answers <- strings.TrimSpace(line)
		}()
	}
	owners := 0
	for range processes {
		switch a := <-answers; {
		case a == "false <nil>":
			owners++
		case !strings.HasPrefix(a, "true control: claim "+dir+": in use by another process"):
			t.Errorf("a process said %q", a)
		}
	}
	if owners != 1 {
		t.Errorf("%d processes own the directory, want 1", owners)
	}
}

func TestClaim(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	lock, err := Claim(dir)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory: %v, %v; want mode 0700", info.Mode(), err)
	}
	_, err = Claim(dir)
	if want := fmt.Sprintf("control: claim %s: in use by another process (process %d)", dir, os.Getpid()); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	again, err := Claim(dir)
	if err != nil {
		t.Fatalf("after Release: %v", err)
	}
	again.Release()
}

// A machine is a Machine that holds the directory's lock.
type machine struct {
	Handlers
	*Lock
}

func (m machine) Close() error { return m.Release() }

func TestDo(t *testing.T) {
	opener := func(dir string) func(context.Context) (Machine, error) {
		return func(context.Context) (Machine, error) {
			lock, err := Claim(dir)
			if err != nil {
				return nil, err
			}
			return machine{handled{}.handlers(), lock}, nil
		}
	}
	t.Run("nobody runs", func(t *testing.T) {
		dir := t.TempDir()
		for _, text := range []string{"a", "b"} {
			var got echo
			if err := Do(t.Context(), dir, opener(dir), echo{text}, &got); err != nil || got.Text != text {
				t.Errorf("got %v, %v", got, err)
			}
		}
		if err := Do(t.Context(), dir, opener(dir), echo{"missing"}, nil); KindOf(err) != Missing {
			t.Errorf("got %v", err)
		}
	})
	t.Run("somebody runs", func(t *testing.T) {
		dir := t.TempDir()
		serve(t, dir)
		var got echo
		err := Do(t.Context(), dir, func(context.Context) (Machine, error) { panic("opened") }, echo{"a"}, &got)
		if err != nil || got.Text != "a" {
			t.Errorf("got %v, %v", got, err)
		}
	})
	t.Run("somebody starts meanwhile", func(t *testing.T) {
		dir := t.TempDir()
		open := func(context.Context) (Machine, error) {
			serve(t, dir)
			return nil, ErrLocked
		}
		var got echo
		if err := Do(t.Context(), dir, open, echo{"a"}, &got); err != nil || got.Text != "a" {
			t.Errorf("got %v, %v", got, err)
		}
	})
	t.Run("given up", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		open := func(context.Context) (Machine, error) {
			cancel()
			return nil, ErrLocked
		}
		if err := Do(ctx, t.TempDir(), open, echo{}, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("open fails", func(t *testing.T) {
		bad := errors.New("disk on fire")
		open := func(context.Context) (Machine, error) { return nil, bad }
		if err := Do(t.Context(), t.TempDir(), open, echo{}, nil); !errors.Is(err, bad) {
			t.Errorf("got %v", err)
		}
	})
}

// TestPatience: an owner that serves nobody is waited for, but not for ever.
func TestPatience(t *testing.T) {
	dir := t.TempDir()
	t.Run("it goes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			_, err := Open(t.Context(), dir, func(context.Context) (Machine, error) {
				if time.Since(begin) < time.Second {
					return nil, ErrLocked
				}
				return nil, nil
			})
			if err != nil || time.Since(begin) > 2*time.Second {
				t.Errorf("got %v after %v", err, time.Since(begin))
			}
		})
	})
	t.Run("it stays", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			_, err := Open(t.Context(), dir, func(context.Context) (Machine, error) { return nil, ErrLocked })
			if !errors.Is(err, ErrLocked) || time.Since(begin) != patience {
				t.Errorf("got %v after %v, want ErrLocked after %v", err, time.Since(begin), patience)
			}
		})
	})
	t.Run("it serves", func(t *testing.T) {
		serve(t, dir)
		tries := 0
		_, err := Open(t.Context(), dir, func(context.Context) (Machine, error) { tries++; return nil, ErrLocked })
		if !errors.Is(err, ErrLocked) || tries != 1 {
			t.Errorf("got %v after %d tries, want ErrLocked at once", err, tries)
		}
	})
}

func FuzzFrame(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x0b{\"op\":\"a\"}\n"))
	f.Add([]byte("\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var req request
		if err := readFrame(strings.NewReader(string(raw)), &req, smallFrame); err != nil {
			return
		}
		if req.Params != nil && !json.Valid(req.Params) {
			t.Errorf("params %q are no JSON", req.Params)
		}
	})
}
