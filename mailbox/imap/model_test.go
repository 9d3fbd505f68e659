package imap_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gatepost/mailbox/imap"
)

// Two sessions do as chance will in one folder, against a plain list in memory.
// What each session was told must always make sense: a sequence number means the
// message that the session was told it means.
func TestModel(t *testing.T) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			s := start(t, func(s *imap.Server) { s.Log = quiet() })
			m := &model{t: t, r: rand.New(rand.NewPCG(seed, 0)), all: map[int]*letterbox{}}
			for range 2 {
				p := &player{client: login(t, s), model: m}
				p.must("SELECT INBOX")
				m.players = append(m.players, p)
			}
			for range 200 {
				m.step()
			}
			for _, p := range m.players {
				p.compare()
			}
		})
	}
}

// A model is the folder as it should be.
type model struct {
	t       *testing.T
	r       *rand.Rand
	all     map[int]*letterbox // by UID
	next    int
	players []*player
}

type letterbox struct {
	text  string
	flags map[string]bool
}

// A player is a session and what it was told.
type player struct {
	*client
	model *model
	uids  []int // by sequence number; 0 where it was not told
}

func (m *model) step() {
	p := m.players[m.r.IntN(len(m.players))]
	switch m.r.IntN(10) {
	case 0, 1, 2:
		p.append()
	case 3, 4:
		p.store()
	case 5:
		p.expunge()
	case 6:
		p.read()
	case 7:
		p.move()
	case 8:
		p.told(p.must("NOOP"))
	case 9:
		p.compare()
	}
}

var (
	existsLine  = regexp.MustCompile(`^\* (\d+) EXISTS$`)
	expungeLine = regexp.MustCompile(`^\* (\d+) EXPUNGE$`)
	fetchLine   = regexp.MustCompile(`^\* (\d+) FETCH \((?:UID (\d+))?`)
)

// told takes answers into what the session knows.
func (p *player) told(lines []string) {
	for _, line := range lines {
		if m := existsLine.FindStringSubmatch(line); m != nil {
			n := number(m[1])
			if n < len(p.uids) {
				p.t.Fatalf("%s, after %d were there", line, len(p.uids))
			}
			p.uids = append(p.uids, make([]int, n-len(p.uids))...)
		}
		if m := expungeLine.FindStringSubmatch(line); m != nil {
			i := number(m[1]) - 1
			if u := p.uids[i]; u != 0 && p.model.all[u] != nil {
				p.t.Fatalf("%s: told that %d is gone, which is there", line, u)
			}
			p.uids = slices.Delete(p.uids, i, i+1)
		}
		if m := fetchLine.FindStringSubmatch(line); m != nil && m[2] != "" {
			i, u := number(m[1])-1, number(m[2])
			if p.uids[i] != 0 && p.uids[i] != u {
				p.t.Fatalf("%s: number %d was UID %d", line, i+1, p.uids[i])
			}
			p.uids[i] = u
		}
	}
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err)
	}
	return n
}

func (p *player) append() {
	p.model.next++
	text := fmt.Sprintf("text %d", p.model.next)
	p.model.all[p.model.next] = &letterbox{text: text, flags: map[string]bool{}}
	p.told(p.must(fmt.Sprintf("APPEND INBOX {%d+}\r\n%s", len(text), text)))
}

// learn brings the session up to date, and tells it every UID.
func (p *player) learn() {
	p.told(p.must("NOOP"))
	p.told(p.must("UID FETCH 1:* UID"))
}

// pick chooses a message by the sequence number that the session knows it by, old
// as its knowledge may be, and returns its UID.
func (p *player) pick() (seq, uid int, ok bool) {
	if len(p.uids) == 0 || slices.Contains(p.uids, 0) {
		p.learn()
	}
	if len(p.uids) == 0 {
		return 0, 0, false
	}
	seq = 1 + p.model.r.IntN(len(p.uids))
	return seq, p.uids[seq-1], true
}

func (p *player) store() {
	seq, uid, ok := p.pick()
	if !ok {
		return
	}
	flag := []string{`\Deleted`, `\Deleted`, `\Flagged`, "$k"}[p.model.r.IntN(4)]
	how := []string{"+FLAGS", "-FLAGS", "+FLAGS.SILENT"}[p.model.r.IntN(3)]
	if m := p.model.all[uid]; m != nil {
		m.flags[flag] = how[0] == '+'
	}
	p.told(p.do(fmt.Sprintf("STORE %d %s (%s)", seq, how, flag)))
}

func (p *player) expunge() {
	p.learn()
	for uid, m := range p.model.all {
		if m.flags[`\Deleted`] {
			delete(p.model.all, uid)
		}
	}
	p.told(p.must("EXPUNGE"))
}

func (p *player) move() {
	seq, uid, ok := p.pick()
	if !ok || p.model.r.IntN(2) == 0 {
		return
	}
	delete(p.model.all, uid) // if it was there
	p.told(p.must(fmt.Sprintf("MOVE %d Trash", seq)))
}

// read reads a message by sequence number and compares its text.
func (p *player) read() {
	seq, uid, ok := p.pick()
	if !ok {
		return
	}
	lines := p.must(fmt.Sprintf("FETCH %d BODY.PEEK[]", seq))
	p.told(lines)
	want, there := p.model.all[uid]
	if there != strings.HasSuffix(lines[0], "}") {
		p.t.Fatalf("message %d, there: %v, answer %q", uid, there, lines)
	}
	if there && lines[1] != want.text+")" {
		p.t.Fatalf("message %d: got %q, want %q", uid, lines[1], want.text)
	}
}

// compare reads the whole folder.
func (p *player) compare() {
	p.told(p.must("NOOP"))
	var got []string
	lines := p.must("UID FETCH 1:* FLAGS")
	p.told(lines)
	for _, line := range lines[:len(lines)-1] {
		if _, rest, ok := strings.Cut(line, "FETCH (UID "); ok {
			got = append(got, strings.TrimSuffix(rest, ")"))
		}
	}
	var want []string
	for uid := 1; uid <= p.model.next; uid++ {
		if m := p.model.all[uid]; m != nil {
			want = append(want, fmt.Sprintf("%d FLAGS (%s)", uid, m.names()))
		}
	}
	if !slices.Equal(got, want) {
		p.t.Fatalf("folder:\n got %q\nwant %q", got, want)
	}
}

func (m *letterbox) names() string {
	var names []string
	for _, f := range []string{`\Flagged`, `\Deleted`, "$k"} {
		if m.flags[f] {
			names = append(names, f)
		}
	}
	return strings.Join(names, " ")
}
