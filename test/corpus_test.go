package test

import (
	"bytes"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"gatepost/internal/resolve/resolvetest"
	"gatepost/test/load"
	"gatepost/test/machine"
)

// Real mail that nobody here wrote, by 20 parallel connections, three times: every
// message is answered, every accepted one found again byte for byte, or held, and memory
// does not grow with what went through.
func TestCorpus(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("CORPUS")
	if dir == "" {
		dir = "../corpus"
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skip("make corpus brings the corpus; make test does so first")
	}
	messages, err := load.Corpus(dir)
	if err != nil {
		t.Fatal(err)
	}
	dns, err := resolvetest.Serve("sender.example. 3600 IN A 192.0.2.1\n")
	if err != nil {
		t.Fatal(err)
	}
	defer dns.Close()
	m := start(t, "resolver.servers="+dns.Addr, "log.level=warn")

	var memory [3]int64
	taken := map[string]int{} // message and pass
	var mu sync.Mutex
	for pass := range memory {
		res := load.Run{
			Addr: m.SMTP, Connections: 20, PerConn: 5, From: "sender@sender.example", To: address, Messages: len(messages),
			Message: func(i int) []byte { return tokened(messages[i], pass, i) },
			Answered: func(i, code int, text string) {
				if code == 250 {
					mu.Lock()
					taken[fmt.Sprintf("%d-%d", pass, i)] = i
					mu.Unlock()
				} else {
					t.Logf("message %d: %s", i, text)
				}
			},
		}.Do()
		if res.Lost > 0 || res.FirstError != nil {
			t.Errorf("pass %d: %d of %d not answered: %v", pass, res.Lost, len(messages), res.FirstError)
		}
		memory[pass] = resting(t, m)
		t.Logf("pass %d: %d taken, %d refused, memory %d MB", pass, res.Taken, res.Refused, memory[pass]>>20)
	}
	if memory[2] > memory[0]*12/10 {
		t.Errorf("memory after three passes %d MB, after one %d MB: more than 1.2 times", memory[2]>>20, memory[0]>>20)
	}
	found := 0
	for _, folder := range []string{"INBOX", "Junk"} {
		err = load.FetchAll(m.IMAP, address, password, folder, func(content []byte) {
			token, rest := untokened(content)
			i, ok := taken[token]
			if !ok {
				t.Errorf("served %q, which was not taken", token)
			} else if !bytes.Equal(rest, messages[i]) && !bytes.HasSuffix(rest, body2(messages[i])) {
				t.Errorf("message %d is not what was sent", i)
			}
			delete(taken, token)
			found++
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	// Programs are held for an operator, wherever the domain has its spam: three messages have one.
	if held := asked[[]row](t, m, "quarantine", "list"); len(held) != len(taken) || len(held) > 9 {
		t.Errorf("%d taken messages are not in the mailbox, %d are, %d are held", len(taken), found, len(held))
	}
}

// resting returns the least memory that is in use while nothing is done for five seconds: of a burst the heap still holds
// what was not collected when it ended, which is chance.
func resting(t *testing.T, m *machine.Machine) (least int64) {
	t.Helper()
	for range 10 {
		now, err := m.Memory()
		if err != nil {
			t.Fatal(err)
		}
		if least == 0 || now < least {
			least = now
		}
		time.Sleep(500 * time.Millisecond)
	}
	return least
}

// tokened puts a field that names pass and message in front.
func tokened(message []byte, pass, i int) []byte {
	return append(fmt.Appendf(nil, "X-Token: %d-%d\r\n", pass, i), message...)
}

// untokened finds the field and returns what follows it.
func untokened(content []byte) (token string, rest []byte) {
	_, after, _ := bytes.Cut(content, []byte("X-Token: "))
	name, rest, _ := bytes.Cut(after, []byte("\r\n"))
	return string(name), rest
}

// body2 is what follows the header: fields that forge our own are removed on
// arrival, so that the header of such a message can't be the same.
func body2(message []byte) []byte {
	_, body, _ := bytes.Cut(message, []byte("\r\n\r\n"))
	return body
}
