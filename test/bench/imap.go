package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"gatepost/test/load"
	"gatepost/test/machine"
	"gatepost/test/peer"
)

// A keeper is a server of mailboxes that is measured.
type keeper struct {
	name     string
	imap     string
	pop3     string
	user     func(i int) string // 0 has the mail; the others are for idle connections
	password string
	pid      func() int // of which all its processes are descendants
	renew    func() error
	many     bool // it takes many messages by one APPEND
}

func (k *keeper) login(user int, from string) (*reader, error) {
	return login(k.imap, from, k.user(user), k.password)
}

// Sizes of the folders that are measured.
const (
	someMail  = 10_000
	muchMail  = 100_000   // what is searched of ours alone
	hugeMail  = 1_000_000 // what is selected of ours alone
	idleUsers = 25
)

// benchIMAP measures mailboxes beside Dovecot's, one that keeps them as Maildir and one as
// sdbox, on the same disk. Each measurement goes round all three before the next round. Only
// has parts of the names of the measurements to make, with commas between; "": all of them.
// A profile is of all that ours does, filling included.
func benchIMAP(rounds int, corpus, only, profile string) error {
	messages, err := imapMessages(corpus)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "gatepost-imap-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // Dovecot's users walk down from here
		return err
	}
	b := &imapBench{rounds: rounds, messages: messages, profile: profile}
	var tasks []imapTask
	for _, t := range imapTasks() {
		if named(t.name, only) {
			tasks = append(tasks, t)
			b.much, b.huge = b.much || t.folder == muchFolder, b.huge || t.folder == hugeFolder
		}
	}
	stop, err := b.start(dir)
	defer stop()
	if err != nil {
		return err
	}
	if err := b.fill(); err != nil {
		return err
	}
	fmt.Println("| what | | Maildir | sdbox | gatepost | to Maildir | to sdbox | wanted | CPU ms each: Maildir | sdbox | gatepost |")
	fmt.Println("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
	for _, t := range tasks {
		if err := b.measure(t); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	return nil
}

func named(name, parts string) bool {
	for part := range strings.SplitSeq(parts, ",") {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// An imapBench is one run.
type imapBench struct {
	rounds     int
	messages   [][]byte
	keepers    []*keeper // gatepost is the last one
	much, huge bool      // these folders are there
	again      float64   // ms of selecting the folder of 10,000
	profile    string    // file for a CPU profile of ours; "": none
}

// start starts all three servers. What it returns stops those that run.
func (b *imapBench) start(dir string) (stop func(), err error) {
	theirs, stopTheirs, err := startDovecots(filepath.Join(dir, "dovecot"))
	if err != nil {
		return func() {}, err
	}
	ours, stopOurs, err := b.startOurs(filepath.Join(dir, "gatepost"))
	if err != nil {
		return stopTheirs, err
	}
	b.keepers = append(theirs, ours)
	return func() { stopOurs(); stopTheirs() }, nil
}

// startDovecots is one Dovecot, seen as two keepers.
func startDovecots(dir string) ([]*keeper, func(), error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, nil, err
	}
	formats := []string{"maildir", "sdbox"}
	var users []string
	for _, f := range formats {
		for i := range idleUsers + 1 {
			users = append(users, fmt.Sprintf("%s-%d", f, i))
		}
	}
	d, err := peer.StartDovecotMail(dir, users...)
	if err != nil {
		return nil, nil, err
	}
	var list []*keeper
	for _, f := range formats {
		list = append(list, &keeper{
			name: f, imap: d.IMAP, pop3: d.POP3, password: peer.DovecotPassword, many: true, pid: d.Pid, renew: func() error { return nil },
			user: func(i int) string { return fmt.Sprintf("%s-%d", f, i) },
		})
	}
	return list, d.Stop, nil
}

// startOurs starts gatepost with the folders that it alone has.
func (b *imapBench) startOurs(dir string) (*keeper, func(), error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, nil, err
	}
	prepare := func(m *machine.Machine) error {
		if b.profile != "" {
			if err := profiling(b.profile, true)(m); err != nil {
				return err
			}
		}
		return b.fillStore(dir + "/data")
	}
	m, stop, err := startPrepared(dir, "", []string{"limits.connections=4000"}, nil, prepare)
	if err != nil {
		return nil, nil, err
	}
	for i := 1; i <= idleUsers; i++ {
		if _, err := m.Run(benchPassword, "mailbox", "add", fmt.Sprintf("user%d@bench.example", i), "--password-stdin"); err != nil {
			stop()
			return nil, nil, err
		}
	}
	k := &keeper{
		name: "gatepost", imap: m.IMAP, pop3: m.POP3, password: benchPassword, many: true, pid: m.Pid,
		user: func(i int) string { return fmt.Sprintf("user%d@bench.example", i) },
		renew: func() error {
			if err := m.Stop(); err != nil {
				return err
			}
			return m.Start()
		},
	}
	return k, stop, nil
}

// imapMessages are those of the corpus, or made ones.
func imapMessages(corpus string) ([][]byte, error) {
	if corpus != "" {
		return load.Corpus(corpus)
	}
	one := made(2 << 10)
	var messages [][]byte
	for i := range someMail {
		messages = append(messages, one(i))
	}
	return messages, nil
}

// measure prints the medians of one task and how they relate.
func (b *imapBench) measure(t imapTask) error {
	keepers := b.keepers
	if t.folder == muchFolder || t.folder == hugeFolder {
		keepers = keepers[len(keepers)-1:]
	}
	values, cpus := map[string][]float64{}, map[string][]float64{}
	for round := range b.rounds {
		for _, k := range keepers {
			before, err := machine.TreeCPU(k.pid())
			if err != nil {
				return err
			}
			v, err := t.run(b, k, round)
			if err != nil {
				return fmt.Errorf("%s: %w", k.name, err)
			}
			if t.renews {
				before = 0
			}
			after, err := machine.TreeCPU(k.pid())
			if err != nil {
				return err
			}
			values[k.name] = append(values[k.name], v)
			cpus[k.name] = append(cpus[k.name], (after-before).Seconds()*1000)
		}
	}
	fmt.Println(b.line(t, values, cpus))
	return nil
}

// line is a row of the table.
func (b *imapBench) line(t imapTask, values, cpus map[string][]float64) string {
	ours := median(values["gatepost"])
	cell := func(name string) string {
		if len(values[name]) == 0 {
			return ""
		}
		return number(median(values[name]))
	}
	ratio := func(name string) string {
		if len(values[name]) == 0 {
			return ""
		}
		r := ours / median(values[name])
		if t.unit != "a second" {
			r = 1 / r
		}
		return fmt.Sprintf("**%s**", number(r))
	}
	toMaildir, toSdbox := ratio("maildir"), ratio("sdbox")
	switch {
	case t.again:
		b.again = ours
	case t.folder == hugeFolder && b.again > 0:
		toMaildir = fmt.Sprintf("**%s** of that of 10,000", number(ours/b.again))
	}
	cpu := func(name string) string {
		if len(cpus[name]) == 0 {
			return ""
		}
		return fmt.Sprintf("%.0f", median(cpus[name]))
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |", t.name, t.unit,
		cell("maildir"), cell("sdbox"), cell("gatepost"), toMaildir, toSdbox, t.wanted, cpu("maildir"), cpu("sdbox"), cpu("gatepost"))
}

// number has three digits, or all before the point.
func number(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}
