package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
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

// benchQuarantine measures how much the end of many holds slows down accepting mail:
// in turn, a node whose held messages all expire with its start, and one whose held
// messages stay.
func benchQuarantine(n, rounds int) error {
	dir, err := os.MkdirTemp("", "gatepost-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s := shape{"2 KB, 10 connections", 10, n, made(2 << 10)}
	var ratios []float64
	fmt.Println("| round | holds stay: msgs/s | holds expire: msgs/s | ratio | expired by then |")
	fmt.Println("| --- | --- | --- | --- | --- |")
	for round := range rounds {
		room := filepath.Join(dir, fmt.Sprint(round))
		stay, _, err := acceptBeside(s, filepath.Join(room, "stay"), time.Now().AddDate(1, 0, 0))
		if err != nil {
			return err
		}
		expire, expired, err := acceptBeside(s, filepath.Join(room, "expire"), time.Now().Add(-time.Minute))
		if err != nil {
			return err
		}
		ratios = append(ratios, expire/stay)
		fmt.Printf("| %d | %.0f | %.0f | %.2f | %d of %d |\n", round+1, stay, expire, expire/stay, expired, dueHolds)
	}
	fmt.Printf("median ratio %.2f\n", median(ratios))
	return nil
}

// acceptBeside starts a node with held messages that expire at some time, and returns how
// many messages a second it takes, and how many holds have expired when they are in.
func acceptBeside(s shape, dir string, expires time.Time) (rate float64, expired int, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 0, 0, err
	}
	fill := func(data string) error { return fillHeld(filepath.Join(data, "gatepost.db"), expires) }
	m, stop, err := startFilled(dir, "", nil, nil, fill)
	if err != nil {
		return 0, 0, err
	}
	defer stop()
	r := run(s, m.SMTP)
	if r.Lost+r.Refused > 0 {
		return 0, 0, fmt.Errorf("lost %d, refused %d: %v", r.Lost, r.Refused, r.FirstError)
	}
	expired, err = countExpired(m)
	return r.Rate(), expired, err
}

func countExpired(m *machine.Machine) (int, error) {
	out, err := m.Run("", "quarantine", "list", "--state", "expired", "--json")
	return strings.Count(out, `"id":`), err
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
	return nil
}
