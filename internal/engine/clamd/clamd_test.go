package clamd

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"gatepost/internal/engine"
	"gatepost/internal/mail"
	"gatepost/test/peer"
)

func start(t *testing.T, settings ...string) *peer.Engine {
	t.Helper()
	e, err := peer.StartClamd(settings...)
	if errors.Is(err, peer.ErrMissing) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Stop)
	return e
}

// message is one with an attachment.
func message(attachment string) *mail.Message {
	return mail.NewMessage([]byte("From: ann@example.org\r\nTo: bob@example.net\r\nSubject: report\r\nMIME-Version: 1.0\r\n" +
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nsee there\r\n" +
		"--b\r\nContent-Type: application/octet-stream; name=report.com\r\nContent-Transfer-Encoding: base64\r\n" +
		"Content-Disposition: attachment; filename=report.com\r\n\r\n" +
		base64.StdEncoding.EncodeToString([]byte(attachment)) + "\r\n--b--\r\n"))
}

func limited(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// TestClamd scans with Debian's clamd over both kinds of socket.
func TestClamd(t *testing.T) {
	e := start(t, "StreamMaxLength 1M")
	large := message(strings.Repeat("large ", 500_000))
	for _, address := range []string{e.Socket, e.Addr} {
		ctx := limited(t)
		if virus, err := Scan(ctx, address, message("harmless")); virus != "" || err != nil {
			t.Errorf("clean at %s: got %q, %v", address, virus, err)
		}
		if virus, err := Scan(ctx, address, message(peer.EICAR())); !strings.HasPrefix(virus, "Test.EICAR") || err != nil {
			t.Errorf("virus at %s: got %q, %v", address, virus, err)
		}
		if virus, err := Scan(ctx, address, mail.NewMessage(nil)); virus != "" || err != nil {
			t.Errorf("nothing at %s: got %q, %v", address, virus, err)
		}
		for range 5 {
			_, err := Scan(ctx, address, large)
			if !errors.Is(err, engine.ErrDeclined) || !strings.Contains(err.Error(), "StreamMaxLength") {
				t.Errorf("too large at %s: got %v", address, err)
			}
		}
		info, err := Probe(ctx, address)
		if err != nil || !strings.HasPrefix(info.Version, "ClamAV ") || !info.Signatures.IsZero() {
			t.Errorf("probe at %s: got %+v, %v", address, info, err)
		}
	}
}

// TestReload: clamd scans while it loads its signatures anew.
func TestReload(t *testing.T) {
	e := start(t)
	for range 5 {
		if answer, err := ask(limited(t), e.Socket, "zRELOAD\x00"); err != nil || answer != "RELOADING" {
			t.Fatal(answer, err)
		}
		if virus, err := Scan(limited(t), e.Socket, message(peer.EICAR())); virus == "" || err != nil {
			t.Errorf("got %q, %v", virus, err)
		}
	}
}

func TestVersion(t *testing.T) {
	address := serve(t, func(c net.Conn) { io.WriteString(c, "ClamAV 1.4.6/27830/Mon Nov 23 09:30:11 2026\x00") })
	info, err := Probe(limited(t), address)
	made := time.Date(2026, 11, 23, 9, 30, 11, 0, time.Local)
	if err != nil || info.Version != "ClamAV 1.4.6/27830" || !info.Signatures.Equal(made) {
		t.Errorf("got %+v, %v", info, err)
	}
}

func TestFrozen(t *testing.T) {
	e := start(t)
	e.Freeze()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if virus, err := Scan(ctx, e.Socket, message(peer.EICAR())); err == nil {
		t.Errorf("frozen: got %q and no error", virus)
	}
	e.Thaw()
	if virus, err := Scan(limited(t), e.Socket, message(peer.EICAR())); err != nil || virus == "" {
		t.Errorf("thawed: got %q, %v", virus, err)
	}
	e.Kill()
	if virus, err := Scan(limited(t), e.Socket, message(peer.EICAR())); err == nil {
		t.Errorf("killed: got %q and no error", virus)
	}
}

// TestStreams: of a large message nothing is copied but a chunk at a time.
func TestStreams(t *testing.T) {
	const size = 25 << 20
	address := serve(t, func(c net.Conn) {
		buf := make([]byte, 64<<10)
		for got, n := 0, 0; got < size && n >= 0; got += n {
			var err error
			if n, err = c.Read(buf); err != nil {
				return
			}
		}
		io.WriteString(c, "stream: OK\x00")
		io.Copy(io.Discard, c)
	})
	m := mail.NewSpooled(zeros{}, size)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if virus, err := Scan(limited(t), address, m); virus != "" || err != nil {
		t.Fatal(virus, err)
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
		t.Errorf("took %d octets of memory for a message of %d", took, size)
	}
}

type zeros struct{}

func (zeros) ReadAt(p []byte, _ int64) (int, error) { return len(p), nil }

// TestReadFails: a message that can't be read is no fault of clamd's, and never clean.
func TestReadFails(t *testing.T) {
	e := start(t)
	m := mail.NewSpooled(broken{}, 100)
	if virus, err := Scan(limited(t), e.Socket, m); err == nil || !errors.As(err, new(readError)) {
		t.Errorf("got %q, %v", virus, err)
	}
}

type broken struct{}

func (broken) ReadAt([]byte, int64) (int, error) { return 0, errors.New("disk") }

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name, answer, virus, wrong string
		declined                   bool
	}{
		{name: "clean", answer: "stream: OK"},
		{name: "found", answer: "stream: Win.Test.EICAR_HDB-1 FOUND", virus: "Win.Test.EICAR_HDB-1"},
		{name: "strange name", answer: "stream: a b\x07\xff FOUND", virus: "a b__"},
		{name: "too long", answer: "INSTREAM size limit exceeded. ERROR", declined: true, wrong: "StreamMaxLength"},
		{name: "at a limit", answer: "stream: Heuristics.Limits.Exceeded.MaxScanSize FOUND", declined: true, wrong: "MaxScanSize"},
		{name: "error", answer: "stream: Can't allocate memory ERROR", wrong: "allocate memory"},
		{name: "slow", answer: "COMMAND READ TIMED OUT", wrong: "TIMED OUT"},
		{name: "no name", answer: "stream:  FOUND", wrong: "answered"},
		{name: "nonsense", answer: "220 mx.example.org ESMTP", wrong: "answered"},
		{name: "nothing", answer: "", wrong: "answered"},
		{name: "only ok", answer: "OK", wrong: "answered"},
	} {
		virus, err := parse(c.answer)
		if virus != c.virus || (err == nil) != (c.wrong == "") || errors.Is(err, engine.ErrDeclined) != c.declined {
			t.Errorf("%s: got %q, %v", c.name, virus, err)
		}
		if err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%s: got error %v, want %q", c.name, err, c.wrong)
		}
	}
}

// TestNonsense: what is no clamd is an error, soon and in little memory.
func TestNonsense(t *testing.T) {
	for name, says := range map[string]string{
		"silence": "", "cut": "stream: OK", "another": "220 mx.example.org ESMTP\r\n", "endless": strings.Repeat("stream: ", 1<<20), "http": "HTTP/1.1 400 Bad Request\r\n\r\n",
	} {
		address := serve(t, func(c net.Conn) { io.WriteString(c, says) })
		if virus, err := Scan(limited(t), address, message(peer.EICAR())); err == nil {
			t.Errorf("%s: got %q and no error", name, virus)
		}
		if info, err := Probe(limited(t), address); err == nil {
			t.Errorf("%s: got %+v and no error", name, info)
		}
	}
	address := serve(t, func(c net.Conn) {
		command := make([]byte, 9)
		n, _ := c.Read(command)
		if bytes.HasPrefix(command[:n], []byte("zPING")) {
			io.WriteString(c, "PONG\x00")
			return
		}
		io.WriteString(c, "COMMAND UNAVAILABLE\x00")
	})
	if info, err := Probe(limited(t), address); err != nil || info.Version != "" {
		t.Errorf("version switched off: got %+v, %v", info, err)
	}
}

// serve answers each connection once.
func serve(t *testing.T, answer func(net.Conn)) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); answer(c) }()
		}
	}()
	return l.Addr().String()
}

func FuzzAnswer(f *testing.F) {
	for _, s := range []string{"stream: OK", "stream: X FOUND", "ClamAV 1.4.6/27500/Wed Nov 25 09:30:11 2026", "INSTREAM size limit exceeded. ERROR", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		virus, err := parse(s)
		if err == nil && virus == "" && strings.TrimSpace(s) != "stream: OK" {
			t.Errorf("%q counts as clean", s)
		}
		info, _ := parseVersion(s)
		for _, text := range []string{virus, info.Version} {
			if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) || len(text) > 2*maxName+1 {
				t.Errorf("%q shows %q", s, text)
			}
		}
	})
}
