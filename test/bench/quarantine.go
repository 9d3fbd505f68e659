package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"gatepost/internal/intake"
	"gatepost/internal/journal"
	"gatepost/internal/mail"
	"gatepost/internal/store"
	"gatepost/quarantine"
	"gatepost/test/machine"
)

// dueHolds is how many holds end while mail is taken in.
const dueHolds = 100_000

// benchQuarantine measures how much the end of many holds slows down accepting mail, by
// two nodes that are filled alike: the holds of one expire with its start, those of the other
// stay. They are loaded in turn, n messages each time, and the one that is not is stopped
// meanwhile, so that whatever else the machine does meets both.
func benchQuarantine(n, rounds int) error {
	dir, err := os.MkdirTemp("", "gatepost-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := acceptInTurn(dir, n, rounds); err != nil {
		return err
	}
	expired, err := countExpired(filepath.Join(dir, "1", "data", "gatepost.db"))
	fmt.Printf("%d of %d expired\n", expired, dueHolds)
	return err
}

func acceptInTurn(dir string, n, rounds int) (err error) {
	s := shape{"2 KB, 10 connections", 10, n, made(2 << 10)}
	var nodes [2]*machine.Machine
	for i, expires := range []time.Time{time.Now().AddDate(1, 0, 0), time.Now().Add(-time.Minute)} {
		m, stop, err := startHeld(filepath.Join(dir, fmt.Sprint(i)), expires)
		if err != nil {
			return err
		}
		defer stop()
		nodes[i] = m
		if err := m.Signal(syscall.SIGSTOP); err != nil {
			return err
		}
		defer m.Signal(syscall.SIGCONT)
	}
	fmt.Println("| round | holds stay: msgs/s | holds expire: msgs/s | ratio |")
	fmt.Println("| --- | --- | --- | --- |")
	var ratios []float64
	var took [2]float64 // seconds
	for round := range rounds + 1 {
		var rates [2]float64
		for turn := range nodes {
			i := (turn + round) % 2
			if rates[i], err = accept(s, nodes[i]); err != nil {
				return err
			}
		}
		if round == 0 {
			continue // to warm up
		}
		for i, r := range rates {
			took[i] += float64(n) / r
		}
		ratios = append(ratios, rates[1]/rates[0])
		fmt.Printf("| %d | %.0f | %.0f | %.2f |\n", round, rates[0], rates[1], rates[1]/rates[0])
	}
	fmt.Printf("median ratio %.2f, of all messages together %.2f; %.0f seconds beside expiry\n", median(ratios), took[0]/took[1], took[1])
	return nil
}

// accept is how many messages a second a node takes, which is stopped before and after.
func accept(s shape, m *machine.Machine) (float64, error) {
	if err := m.Signal(syscall.SIGCONT); err != nil {
		return 0, err
	}
	r := run(s, m.SMTP)
	if err := m.Signal(syscall.SIGSTOP); err != nil {
		return 0, err
	}
	if r.Lost+r.Refused > 0 {
		return 0, fmt.Errorf("lost %d, refused %d: %v", r.Lost, r.Refused, r.FirstError)
	}
	return r.Rate(), nil
}

// startHeld starts a node with held messages that expire at some time.
func startHeld(dir string, expires time.Time) (*machine.Machine, func(), error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, err
	}
	fill := func(data string) error { return fillHeld(filepath.Join(data, "gatepost.db"), expires) }
	return startFilled(dir, "", nil, nil, fill)
}

// countExpired reads the store of a node that has ended.
func countExpired(path string) (n int, err error) {
	ctx := context.Background()
	db, err := store.Open(ctx, path)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	q := quarantine.Query{State: quarantine.StateExpired, Limit: quarantine.MaxPage}
	for {
		page, err := db.Quarantine().Find(ctx, q)
		if err != nil {
			return 0, err
		}
		if n += len(page.Rows); !page.More {
			return n, nil
		}
		q.After = page.Next
	}
}

// fillHeld makes the holds.
func fillHeld(path string, expires time.Time) error {
	ctx := context.Background()
	db, err := store.Open(ctx, path)
	if err != nil {
		return err
	}
	defer db.Close()
	const atOnce = 5000
	now := time.Now().Add(-time.Hour)
	for i := 0; i < dueHolds; {
		c := &intake.Commit{Row: &journal.Row{ID: mail.NewID(now), Time: now}}
		for range atOnce {
			c.Held = append(c.Held, &quarantine.Held{
				ID: mail.NewID(now), Tx: fmt.Sprint("tx", i), Recipient: mail.Path(fmt.Sprintf("user%d@bench.example", i%500)), Domain: "bench.example",
				Sender: mail.Path(fmt.Sprintf("s%d@sender%d.example", i%50, i%3000)), Subject: fmt.Sprintf("offer number %d", i),
				Filter: "keywords", Reason: "free watches", Blob: fmt.Sprint("blob", i), Size: 2000, Time: now.Add(time.Duration(i) * 10 * time.Millisecond), Expires: expires,
				State: quarantine.StateHeld,
			})
			i++
		}
		if err := db.Commit(ctx, c); err != nil {
			return err
		}
	}
	for { // the blocks of the search
		n, err := db.Quarantine().Index(ctx, time.Now())
		if n == 0 || err != nil {
			return err
		}
	}
}
