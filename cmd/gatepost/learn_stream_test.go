package main

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"gatepost/internal/bayes"
	"gatepost/internal/bayes/disk"
	"gatepost/internal/mail"
)

// hamLearnt is how much ham the model in a directory has learnt.
func hamLearnt(t *testing.T, dir string) int64 {
	t.Helper()
	k, err := disk.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	f, err := bayes.Of(mail.NewMessage([]byte("Subject: x\r\n\r\nx\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	return k.Model().Judge(f, "").Ham
}

// A signal ends a stream that waits for lines, and what it learnt just before is kept.
func TestLearnStreamSignal(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("m.eml", []byte("Subject: lunch\r\n\r\nat noon\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(s.String(), func(t *testing.T) {
			dir := t.TempDir()
			p := serving(&paper{}, nil, nil)
			in, lines := io.Pipe()
			answers, out := io.Pipe()
			defer lines.Close()
			p.in, p.out = in, out
			status := make(chan int, 1)
			go func() { status <- p.run(t.Context(), []string{"learn", "--stream", "--model", dir}) }()
			if _, err := io.WriteString(lines, "train ham m.eml\n"); err != nil {
				t.Fatal(err)
			}
			if answer, err := bufio.NewReader(answers).ReadString('\n'); err != nil || answer != "ok\n" {
				t.Fatalf("answer %q, %v", answer, err)
			}
			if err := syscall.Kill(os.Getpid(), s); err != nil {
				t.Fatal(err)
			}
			if got := <-status; got != fine {
				t.Errorf("status %d, want %d", got, fine)
			}
			if got := hamLearnt(t, dir); got != 1 {
				t.Errorf("%d lessons are kept", got)
			}
		})
	}
}

// The end of the lines keeps the model; a damaged one is told, and left as it is.
func TestLearnStreamModel(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("m.eml", []byte("Subject: lunch\r\n\r\nat noon\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func() (status int, said string) {
		words := &paper{}
		p := serving(words, nil, nil)
		p.in, p.out = strings.NewReader("train ham m.eml\n"), io.Discard
		return p.run(t.Context(), []string{"learn", "--stream", "--model", "model"}), words.String()
	}
	if status, said := run(); status != fine || hamLearnt(t, "model") != 1 {
		t.Fatalf("status %d, %s", status, said)
	}
	path := filepath.Join("model", "log")
	log, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	log[0] ^= 1
	if err := os.WriteFile(path, log, 0o600); err != nil {
		t.Fatal(err)
	}
	status, said := run()
	if now, err := os.ReadFile(path); err != nil || string(now) != string(log) {
		t.Errorf("the log was changed: %v", err)
	}
	if status != 1 || !strings.Contains(said, path) {
		t.Errorf("status %d, said %q", status, said)
	}
}
