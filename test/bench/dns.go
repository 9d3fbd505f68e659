package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatepost/test/machine"
	"gatepost/test/peer"
	"gatepost/test/vacant"
)

// The published blacklist of the bench: so many addresses, and the zone that has them.
const (
	listedAddresses = 100_000
	listZone        = "bl.example.org"
	dnsSeconds      = 5
)

// benchDNS measures questions about a published blacklist of 100,000 addresses beside nsd
// with the same zone: dnsperf asks over UDP about addresses of which half are listed. The
// two take turns.
func benchDNS(rounds int) error {
	if _, err := exec.LookPath("dnsperf"); err != nil {
		return fmt.Errorf("%w: Debian's package dnsperf", err)
	}
	dir, err := os.MkdirTemp("", "gatepost-bench-dns-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	made := makeList()
	questions := filepath.Join(dir, "questions")
	if err := os.WriteFile(questions, []byte(made.questions), 0o600); err != nil {
		return err
	}
	nsd, stop, err := peer.StartNSD(dir, peer.Zone{Name: listZone, Text: made.zone, Unsigned: true}, runtime.NumCPU())
	if err != nil {
		return err
	}
	defer stop()
	m, err := startZone(dir, made.csv)
	if err != nil {
		return err
	}
	defer m.Stop()

	fmt.Println("| questions about 100,000 listed addresses | nsd a second | gatepost a second | ratio | nsd CPU µs/question | gatepost CPU µs/question |")
	fmt.Println("| --- | --- | --- | --- | --- | --- |")
	for _, clients := range []int{1, 20} {
		if err := m.row(clients, rounds, nsdServer{nsd, filepath.Join(dir, "nsd.pid")}, questions); err != nil {
			return err
		}
	}
	return nil
}

// A dnsMachine is a gatepost that publishes its blacklist.
type dnsMachine struct {
	*machine.Machine
	dns string
}

// An nsdServer is where nsd answers, and the file with its process's id.
type nsdServer struct{ addr, pidFile string }

// CPU returns the processor time that nsd's processes used so far.
func (n nsdServer) CPU() (sum time.Duration, err error) {
	text, err := os.ReadFile(n.pidFile)
	if err != nil {
		return 0, err
	}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	family := map[string]bool{strings.TrimSpace(string(text)): true}
	for range 3 { // nsd forks, and what it forked forks
		sum = 0
		for _, file := range stats {
			b, _ := os.ReadFile(file) // it may have ended
			at := strings.LastIndexByte(string(b), ')')
			if at < 0 {
				continue
			}
			pid, fields := filepath.Base(filepath.Dir(file)), strings.Fields(string(b[at+1:]))
			if family[pid] = family[pid] || family[fields[1]]; !family[pid] {
				continue
			}
			user, _ := strconv.ParseInt(fields[11], 10, 64) // proc(5): utime and stime, in ticks of 10 ms
			system, _ := strconv.ParseInt(fields[12], 10, 64)
			sum += time.Duration(user+system) * 10 * time.Millisecond
		}
	}
	return sum, nil
}

func (m dnsMachine) row(clients, rounds int, nsd nsdServer, questions string) error {
	var theirs, ours, ratios, theirCPU, ourCPU []float64
	for range rounds {
		a, err := perform(nsd.addr, questions, clients, nsd.CPU)
		if err != nil {
			return fmt.Errorf("nsd: %w", err)
		}
		b, err := perform(m.dns, questions, clients, m.CPU)
		if err != nil {
			return fmt.Errorf("gatepost: %w", err)
		}
		theirs, ours = append(theirs, a.rate), append(ours, b.rate)
		ratios = append(ratios, b.rate/a.rate)
		theirCPU, ourCPU = append(theirCPU, a.cpu), append(ourCPU, b.cpu)
	}
	fmt.Printf("| sockets: %d | %.0f | %.0f | %.2f | %.1f | %.1f |\n",
		clients, median(theirs), median(ours), median(ratios), median(theirCPU), median(ourCPU))
	return nil
}

// perform measures one server.
func perform(addr, questions string, clients int, used func() (time.Duration, error)) (perfRun, error) {
	before, err := used()
	if err != nil {
		return perfRun{}, err
	}
	run, err := dnsperf(addr, questions, clients)
	if err != nil {
		return run, err
	}
	after, err := used()
	run.cpu = (after - before).Seconds() * 1e6 / run.answered
	return run, err
}

// A list is the blacklist in the forms of those who have it, and questions about it.
type list struct{ zone, csv, questions string }

func makeList() list {
	var zone, csv, questions strings.Builder
	random := rand.New(rand.NewPCG(1, 2))
	for i := range listedAddresses {
		n := uint32(i) * 2654435761 // spread over all networks, none twice
		b := [4]byte{11 + byte(n>>24)%200, byte(n >> 16), byte(n >> 8), byte(n)}
		reversed := fmt.Sprintf("%d.%d.%d.%d", b[3], b[2], b[1], b[0])
		fmt.Fprintf(&zone, "%s A 127.0.0.2\n%s TXT \"blocked by the operator of bench.example\"\n", reversed, reversed)
		fmt.Fprintf(&csv, "block,%d.%d.%d.%d\n", b[0], b[1], b[2], b[3])
		fmt.Fprintf(&questions, "%s.%s A\n", reversed, listZone)
		free := random.Uint32()
		fmt.Fprintf(&questions, "%d.%d.%d.%d.%s A\n", byte(free), byte(free>>8), byte(free>>16), 212+byte(free>>24)%40, listZone)
	}
	return list{zone.String(), csv.String(), questions.String()}
}

// startZone builds and starts a gatepost that publishes the entries of lines of a CSV file.
func startZone(dir, csv string) (dnsMachine, error) {
	bin, err := machine.Build(context.Background(), dir)
	if err != nil {
		return dnsMachine{}, err
	}
	addr, err := vacant.Addr()
	if err != nil {
		return dnsMachine{}, err
	}
	m, err := machine.New(bin, filepath.Join(dir, "data"))
	if err != nil {
		return dnsMachine{}, err
	}
	m.Sets = []string{
		"log.level=warn", "hostname=bench.example", "listen.dns=" + addr, "dnsbl_zone.origin=" + listZone, "dnsbl_zone.per_second=10000000", // counted, and never too many
	}
	for part := range slices.Chunk(strings.SplitAfter(csv, "\n"), 10_000) { // a command has a minute
		if _, err := m.Run("list,value\n"+strings.Join(part, ""), "list", "import", "-"); err != nil {
			return dnsMachine{}, err
		}
	}
	return dnsMachine{m, addr}, m.Start()
}

// A perfRun is what dnsperf saw, and the processor time in µs that an answer cost.
type perfRun struct{ rate, answered, cpu float64 }

// dnsperf puts the questions for some seconds, as fast as they are answered.
func dnsperf(addr, questions string, clients int) (perfRun, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return perfRun{}, err
	}
	out, err := exec.Command("dnsperf", "-s", host, "-p", port, "-d", questions, "-l", strconv.Itoa(dnsSeconds),
		"-c", strconv.Itoa(clients), "-q", strconv.Itoa(100*clients)).CombinedOutput()
	if err != nil {
		return perfRun{}, fmt.Errorf("dnsperf: %w\n%s", err, out)
	}
	number := func(line string) float64 {
		found := regexp.MustCompile(line + `:\s+([0-9.]+)`).FindSubmatch(out)
		if found == nil {
			return 0
		}
		n, _ := strconv.ParseFloat(string(found[1]), 64) // it is made of digits
		return n
	}
	m := perfRun{rate: number("Queries per second"), answered: number("Queries completed")}
	hits := regexp.MustCompile(`NOERROR \d+ \((4[5-9]|5[0-5])\.`).Match(out)
	if !hits || !strings.Contains(string(out), "NXDOMAIN") || number("Queries lost") > m.answered/1000 {
		return m, fmt.Errorf("half of the answers should be hits, and hardly any lost:\n%s", out)
	}
	return m, nil
}
