package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"gatepost/test/machine"
)

// An imapTask is one thing that is measured. More is better where its unit is "a second", else
// less.
type imapTask struct {
	name   string
	unit   string
	wanted string // how often as good ours is to be
	folder string
	again  bool // the other sizes of folders are compared with this one
	renews bool // it starts the server anew
	run    func(b *imapBench, k *keeper, round int) (float64, error)
}

// popMail is how many messages POP3 reads.
const popMail = 2000

func imapTasks() []imapTask {
	return []imapTask{
		{name: "APPEND 2 KB, 1 connection", unit: "a second", run: appends(1, 300)},
		{name: "APPEND 2 KB, 10 connections", unit: "a second", wanted: "4", run: appends(10, 2000)},
		{name: "CAPABILITY, a round trip alone", unit: "ms", run: commands(someFolder, 50, "CAPABILITY")},
		{name: "SELECT 10,000, first of a connection", unit: "ms", wanted: "10", run: selects(someFolder, true)},
		{name: "SELECT 10,000, again", unit: "ms", wanted: "10", again: true, run: selects(someFolder, false)},
		{name: "SELECT 1,000,000, first of a connection", unit: "ms", folder: hugeFolder, run: selects(hugeFolder, true)},
		{name: "SELECT 1,000,000, again", unit: "ms", wanted: "2 times at most", folder: hugeFolder, run: selects(hugeFolder, false)},
		{name: "SELECT and FETCH * FLAGS of 1,000,000", unit: "ms", folder: hugeFolder, run: commands(hugeFolder, 3, "FETCH * FLAGS")},
		{name: "FETCH 1:* FLAGS", unit: "ms", wanted: "2", run: commands(someFolder, 5, "FETCH 1:* (UID FLAGS)")},
		{name: "FETCH 1:* ENVELOPE", unit: "ms", wanted: "5", run: commands(someFolder, 2, "FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)")},
		{name: "FETCH 1:* of five fields", unit: "ms", run: commands(someFolder, 2, "FETCH 1:* (UID BODY.PEEK[HEADER.FIELDS (From To Cc Subject Date)])")},
		{name: "FETCH of full bodies, 1 connection", unit: "a second", wanted: "1.5", run: bodies(1)},
		{name: "FETCH of full bodies, 10 connections", unit: "a second", wanted: "1.5", run: bodies(10)},
		{name: "SEARCH BODY, 10,000", unit: "ms", wanted: "20", run: commands(someFolder, 1, `SEARCH BODY "zebra-crossing"`)},
		{name: "SEARCH TEXT, 10,000", unit: "ms", wanted: "20", run: commands(someFolder, 1, `SEARCH TEXT "zebra-crossing"`)},
		{name: "SEARCH BODY that some have, 10,000", unit: "ms", wanted: "20", run: commands(someFolder, 1, `SEARCH BODY "the meeting"`)},
		{name: "SEARCH SUBJECT, 10,000", unit: "ms", run: commands(someFolder, 2, `SEARCH SUBJECT "meeting"`)},
		{name: "SEARCH BODY, 100,000", unit: "ms", folder: muchFolder, run: commands(muchFolder, 1, `SEARCH BODY "zebra-crossing"`)},
		{name: "SEARCH TEXT, 100,000", unit: "ms", folder: muchFolder, run: commands(muchFolder, 1, `SEARCH TEXT "zebra-crossing"`)},
		{name: "SEARCH BODY that some have, 100,000", unit: "ms", folder: muchFolder, run: commands(muchFolder, 1, `SEARCH BODY "message number 77777"`)},
		{name: "SEARCH SUBJECT, 100,000", unit: "ms", folder: muchFolder, run: commands(muchFolder, 1, `SEARCH SUBJECT "meeting"`)},
		{name: "STORE one flag, 1 connection", unit: "a second", wanted: "1", run: stores(1, 1000)},
		{name: "STORE one flag, 10 connections", unit: "a second", wanted: "1", run: stores(10, 3000)},
		{name: "STORE 1:*", unit: "ms", wanted: "1", run: storeAll},
		{name: "IDLE, APPEND to EXISTS, p50", unit: "ms", wanted: "20", run: pushes},
		{name: "LOGIN, SELECT, LOGOUT, 1 connection", unit: "a second", run: logins(1, 50)},
		{name: "LOGIN, SELECT, LOGOUT, 10 connections", unit: "a second", run: logins(10, 200)},
		{name: "POP3 RETR", unit: "a second", run: retrieves},
		{name: "memory of an idle connection", unit: "KiB", wanted: "10", renews: true, run: idles},
	}
}

func appends(connections, n int) func(*imapBench, *keeper, int) (float64, error) {
	message := made(2 << 10)
	return func(b *imapBench, k *keeper, round int) (float64, error) {
		folder := fmt.Sprintf("APPEND-%d-%d", connections, round)
		r, err := k.login(0, "127.0.0.1")
		if err != nil {
			return 0, err
		}
		defer r.close()
		if err := r.do(nil, "CREATE %s", folder); err != nil {
			return 0, err
		}
		took, err := b.spread(k, 0, connections, n, func(r *reader, i int) error { return r.append(folder, message(i)) })
		return float64(n) / took.Seconds(), err
	}
}

// selects is milliseconds of the first SELECT of a connection, or of those after it.
func selects(folder string, first bool) func(*imapBench, *keeper, int) (float64, error) {
	return func(_ *imapBench, k *keeper, _ int) (float64, error) {
		r, err := k.login(0, "127.0.0.1")
		if err != nil {
			return 0, err
		}
		defer r.close()
		var took []float64
		for range 6 {
			begin := time.Now()
			if n, err := r.open(folder); err != nil || n < someMail {
				return 0, fmt.Errorf("%d messages: %w", n, err)
			}
			took = append(took, ms(time.Since(begin)))
			if err := r.do(nil, "UNSELECT"); err != nil {
				return 0, err
			}
		}
		if first {
			return took[0], nil
		}
		return median(took[1:]), nil
	}
}

func ms(d time.Duration) float64 { return d.Seconds() * 1000 }

// commands is the median milliseconds of a command, some times on one connection; the
// time of SELECT is not in it.
func commands(folder string, times int, command string) func(*imapBench, *keeper, int) (float64, error) {
	return func(_ *imapBench, k *keeper, _ int) (float64, error) {
		r, err := k.login(0, "127.0.0.1")
		if err != nil {
			return 0, err
		}
		defer r.close()
		if _, err := r.open(folder); err != nil {
			return 0, err
		}
		var took []float64
		for range times {
			begin := time.Now()
			if err := r.do(nil, "%s", command); err != nil {
				return 0, err
			}
			took = append(took, ms(time.Since(begin)))
		}
		return median(took), nil
	}
}

// bodies is messages a second, a hundred by one command.
func bodies(connections int) func(*imapBench, *keeper, int) (float64, error) {
	const atOnce = 100
	return func(b *imapBench, k *keeper, _ int) (float64, error) {
		took, err := b.spreadIn(k, 0, connections, someMail/atOnce, someFolder, func(r *reader, i int) error {
			return r.do(nil, "FETCH %d:%d (UID BODY.PEEK[])", i*atOnce+1, (i+1)*atOnce)
		})
		return someMail / took.Seconds(), err
	}
}

// stores is changes of one message's flag a second.
func stores(connections, n int) func(*imapBench, *keeper, int) (float64, error) {
	return func(b *imapBench, k *keeper, round int) (float64, error) {
		sign := []string{"+", "-"}[round%2]
		took, err := b.spreadIn(k, 0, connections, n, someFolder, func(r *reader, i int) error {
			return r.do(nil, `STORE %d %sFLAGS (\Seen)`, i%someMail+1, sign)
		})
		return float64(n) / took.Seconds(), err
	}
}

func storeAll(_ *imapBench, k *keeper, round int) (float64, error) {
	r, err := k.login(0, "127.0.0.1")
	if err != nil {
		return 0, err
	}
	defer r.close()
	if _, err := r.open(someFolder); err != nil {
		return 0, err
	}
	begin := time.Now()
	err = r.do(nil, `STORE 1:* %sFLAGS.SILENT (\Flagged)`, []string{"+", "-"}[round%2])
	return ms(time.Since(begin)), err
}

// pushes is milliseconds from an APPEND to its EXISTS in another session.
func pushes(b *imapBench, k *keeper, _ int) (float64, error) {
	watching, err := k.login(0, "127.0.0.1")
	if err != nil {
		return 0, err
	}
	defer watching.close()
	if _, err := watching.open("INBOX"); err != nil {
		return 0, err
	}
	if err := watching.idle(); err != nil {
		return 0, err
	}
	r, err := k.login(0, "127.0.0.1")
	if err != nil {
		return 0, err
	}
	defer r.close()
	var took []float64
	for i := range 30 {
		begin := time.Now()
		if err := r.append("INBOX", made(2<<10)(i)); err != nil {
			return 0, err
		}
		watching.conn.SetDeadline(time.Now().Add(patience))
		for {
			l, err := watching.line()
			if err != nil {
				return 0, err
			}
			if bytes.HasSuffix(l, []byte(" EXISTS\r\n")) {
				break
			}
		}
		took = append(took, ms(time.Since(begin)))
		time.Sleep(30 * time.Millisecond) // Dovecot tells of two together
	}
	return median(took), nil
}

func logins(connections, n int) func(*imapBench, *keeper, int) (float64, error) {
	return func(b *imapBench, k *keeper, _ int) (float64, error) {
		took, err := b.spread(k, 0, connections, n, func(_ *reader, _ int) error {
			r, err := k.login(0, "127.0.0.1")
			if err != nil {
				return err
			}
			defer r.close()
			if _, err := r.open("INBOX"); err != nil {
				return err
			}
			return r.do(nil, "LOGOUT")
		})
		return float64(n) / took.Seconds(), err
	}
}

// idles is the memory that each of 1000 connections takes, with a folder selected and IDLE. Ours
// is a process that was just started, so that all that it grows by is counted.
func idles(_ *imapBench, k *keeper, _ int) (float64, error) {
	const n = 1000
	if err := k.renew(); err != nil {
		return 0, err
	}
	before, err := machine.TreeMemory(k.pid())
	if err != nil {
		return 0, err
	}
	for i := range n {
		r, err := k.login(1+i%idleUsers, fmt.Sprintf("127.0.1.%d", 1+i%50))
		if err != nil {
			return 0, err
		}
		defer r.close()
		if _, err := r.open("INBOX"); err != nil {
			return 0, err
		}
		if err := r.idle(); err != nil {
			return 0, err
		}
	}
	var after []float64
	for range 5 { // the least, since what was freed goes back in the background
		time.Sleep(time.Second)
		m, err := machine.TreeMemory(k.pid())
		if err != nil {
			return 0, err
		}
		after = append(after, float64(m-before)/n/1024)
	}
	return slices.Min(after), nil
}

// retrieves is messages that POP3 reads a second.
func retrieves(_ *imapBench, k *keeper, _ int) (float64, error) {
	c, err := net.DialTimeout("tcp", k.pop3, 30*time.Second)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	r := bufio.NewReaderSize(c, 64<<10)
	ask := func(command string) error {
		if command != "" {
			fmt.Fprintf(c, "%s\r\n", command)
		}
		l, err := r.ReadString('\n')
		if err == nil && !strings.HasPrefix(l, "+OK") {
			err = fmt.Errorf("pop3: %.20s: %s", command, l)
		}
		return err
	}
	for _, command := range []string{"", "USER " + k.user(0), "PASS " + k.password} {
		if err := ask(command); err != nil {
			return 0, err
		}
	}
	begin := time.Now()
	for i := range popMail {
		if err := ask(fmt.Sprint("RETR ", i+1)); err != nil {
			return 0, err
		}
		if !swallow(r) {
			return 0, fmt.Errorf("pop3: message %d has no end", i+1)
		}
	}
	return popMail / time.Since(begin).Seconds(), nil
}
