package imap_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gatepost/internal/blob"
	"gatepost/internal/store"
	"gatepost/mailbox"
	"gatepost/mailbox/imap"
	"gatepost/test/peer"
)

type blobID = blob.ID

// engines open an empty store.
var engines = map[string]func(t *testing.T) *store.DB{
	"sqlite": func(t *testing.T) *store.DB {
		db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "gatepost.db"))
		check(t, err)
		t.Cleanup(func() { db.Close() })
		return db
	},
	"postgres": func(t *testing.T) *store.DB {
		p, err := peer.NewPostgres(false)
		if errors.Is(err, peer.ErrMissing) && os.Getenv("TEST_POSTGRES") == "" {
			t.Skip(err)
		}
		check(t, err)
		t.Cleanup(p.Stop)
		dsn, err := p.Database()
		check(t, err)
		db, err := store.OpenServer(t.Context(), dsn, store.Node{Host: "test.example", PID: os.Getpid(), Data: t.Name()}, nil)
		check(t, err)
		t.Cleanup(func() { db.Close() })
		return db
	},
}

// startOn serves a store that others may serve, too: with hints of its own.
func startOn(t testing.TB, db *store.DB, shared *bodies, change func(*imap.Server)) *server {
	t.Helper()
	s := &server{db: db, bodies: shared}
	s.Server = &imap.Server{
		Store: db.Mailboxes(), Bodies: shared, Changes: &mailbox.Changes{}, Now: func() time.Time { return now }, Limits: imap.Limits{Poll: time.Hour},
	}
	change(s.Server)
	s.addr = s.listen(t, nil)
	return s
}

// A player is a session and what it was told.
type player struct {
	*client
	unread                       bool // it has asked for nothing since it selected the folder, which the server may not have read
	model                        *model
	server                       *server
	condstore, qresync, deflates bool

	folder   *letterboxes
	mirror   []mirrored // by sequence number
	high     int        // the HIGHESTMODSEQ that the client would keep (RFC 7162 §6)
	validity string
	away     map[*letterboxes]*memoryOf
}

// A mirrored is a message as the session was told of it; UID 0 where it was not.
type mirrored struct {
	uid, modseq, rev int
	flags            string
}

// A memoryOf is what a client keeps of a folder that it does not look at.
type memoryOf struct {
	validity string
	high     int
	mirror   []mirrored
}

func (p *player) String() string {
	return fmt.Sprintf("session %d: ", slices.Index(p.model.players, p))
}

func (p *player) connect() {
	p.client = p.server.dial(p.model.t)
	p.folder, p.mirror, p.high = nil, nil, 0
	p.condstore = p.condstore || p.qresync
	p.must("LOGIN ann@example.org secret")
	if p.deflates {
		p.deflate()
	}
	if p.qresync {
		p.must("ENABLE QRESYNC")
	}
}

// must is ask for what has to succeed.
func (p *player) must(command string) []string {
	p.t.Helper()
	lines := p.ask(command)
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, "x1 OK") {
		p.model.fatalf("%s%.80s: %s", p, command, lines)
	}
	return lines
}

// ask gives a command and takes in what comes.
func (p *player) ask(command string) []string {
	p.t.Helper()
	p.model.done = append(p.model.done, p.String()+command)
	verb, _, _ := strings.Cut(command, " ")
	p.unread = p.unread && !slices.Contains([]string{"FETCH", "STORE", "SEARCH", "UID"}, verb)
	p.send("x1 " + command)
	lines := p.answers("x1 ")
	p.told(lines)
	return lines
}

func (p *player) answers(end string) (lines []string) {
	for {
		line := p.line()
		if lines = append(lines, line); strings.HasPrefix(line, end) {
			return lines
		}
		if line == "<closed>" || strings.HasPrefix(line, "* BYE") {
			p.model.fatalf("%s%q", p, lines)
		}
	}
}

// choose leaves the folder, in one of the ways that there are, and selects one with what the session
// remembers of it. What it was told while it was away must be all (RFC 7162 §3.2.5.1).
func (p *player) choose(name string) {
	m := p.model
	f := m.names[name]
	if p.folder != nil && !p.folder.gone {
		p.away[p.folder] = &memoryOf{p.validity, p.high, slices.Clone(p.mirror)}
	}
	switch n := m.r.IntN(3); {
	case p.folder != nil && p.folder.gone, n == 0:
		p.c.Close()
		p.connect()
	case n == 1 && p.folder != nil:
		p.folder = nil
		p.must("UNSELECT")
	}
	known := p.away[f]
	parameter := ""
	if p.folder, p.mirror, p.high = nil, nil, 0; known != nil && p.qresync {
		known.mirror = slices.DeleteFunc(known.mirror, func(e mirrored) bool { return e.uid == 0 || e.flags == "?" })
		parameter = fmt.Sprintf(" (QRESYNC (%s %d", known.validity, known.high)
		if n := len(known.mirror); n > 0 && m.r.IntN(2) == 0 {
			uids := make([]int, n)
			for i, e := range known.mirror {
				uids[i] = e.uid
			}
			parameter += " " + setOf(uids)
		}
		parameter += "))"
	} else {
		known = nil
		if p.condstore {
			parameter = " (CONDSTORE)"
		}
	}
	p.folder, p.unread = f, true
	m.done = append(m.done, p.String()+"SELECT "+name+parameter)
	p.send("x1 SELECT " + name + parameter)
	p.selected(p.answers("x1 "), known)
}

var (
	existsLine   = regexp.MustCompile(`^\* (\d+) EXISTS$`)
	expungeLine  = regexp.MustCompile(`^\* (\d+) EXPUNGE$`)
	vanishedLine = regexp.MustCompile(`^\* VANISHED (\(EARLIER\) )?([\d,:]+)$`)
	fetchLine    = regexp.MustCompile(`^\* (\d+) FETCH \((?:UID (\d+))?`)
	flagsItem    = regexp.MustCompile(`FLAGS \(([^)]*)\)`)
	modseqItem   = regexp.MustCompile(`MODSEQ \((\d+)\)`)
	modseqCode   = regexp.MustCompile(`\[HIGHESTMODSEQ (\d+)\]`)
	validityCode = regexp.MustCompile(`\[UIDVALIDITY (\d+)\]`)
)

// selected takes in the answers of SELECT. What the client remembers is apart from its mirror: where
// it did not know all, it does not know the numbers.
func (p *player) selected(lines []string, known *memoryOf) {
	if !strings.HasPrefix(last(lines), "x1 OK") {
		p.model.fatalf("%s%q", p, lines)
	}
	exists := 0
	for _, line := range lines {
		if m := existsLine.FindStringSubmatch(line); m != nil {
			exists = number(m[1])
		}
		if m := validityCode.FindStringSubmatch(line); m != nil {
			p.validity = m[1]
		}
		if m := vanishedLine.FindStringSubmatch(line); m != nil && m[1] != "" {
			gone := uidsOf(m[2])
			known.mirror = slices.DeleteFunc(known.mirror, func(e mirrored) bool { return slices.Contains(gone, e.uid) })
		}
	}
	if f := p.folder; f.validity == "" {
		f.validity = p.validity
	} else if f.validity != p.validity {
		p.model.fatalf("%sUIDVALIDITY %s was %s", p, p.validity, f.validity)
	}
	if exists != len(p.folder.all) {
		p.model.fatalf("%s%d messages, want %d", p, exists, len(p.folder.all))
	}
	p.mirror = make([]mirrored, exists)
	p.told(slices.DeleteFunc(slices.Clone(lines), func(s string) bool {
		return strings.Contains(s, "VANISHED") || existsLine.MatchString(s)
	}))
	if known == nil {
		return
	}
	for _, e := range known.mirror {
		for _, news := range p.mirror {
			if news.uid == e.uid {
				e = news
			}
		}
		if l := p.folder.all[e.uid]; l == nil || l.names() != e.flags {
			p.model.fatalf("%safter resynchronisation: %+v, want %+v", p, e, l)
		}
	}
}

func uidsOf(set string) (uids []int) {
	for part := range strings.SplitSeq(set, ",") {
		first, last, isRange := strings.Cut(part, ":")
		if !isRange {
			last = first
		}
		for u := number(first); u <= number(last); u++ {
			uids = append(uids, u)
		}
	}
	return uids
}

// told takes answers into what the session knows.
func (p *player) told(lines []string) {
	highest, code := 0, 0
	p.model.done = append(p.model.done, p.String()+strings.Join(lines, " | "))
	for _, line := range lines {
		if m := existsLine.FindStringSubmatch(line); m != nil {
			n := number(m[1])
			if n < len(p.mirror) {
				p.model.fatalf("%s%s, after %d were there", p, line, len(p.mirror))
			}
			p.mirror = append(p.mirror, make([]mirrored, n-len(p.mirror))...)
		}
		if m := expungeLine.FindStringSubmatch(line); m != nil {
			p.lost(line, number(m[1])-1)
		}
		if m := vanishedLine.FindStringSubmatch(line); m != nil && m[1] == "" {
			p.vanished(line, uidsOf(m[2]))
		}
		if m := fetchLine.FindStringSubmatch(line); m != nil {
			highest = max(highest, p.fetched(line, number(m[1])-1, m[2]))
		}
		if m := modseqCode.FindStringSubmatch(line); m != nil {
			code = number(m[1])
		}
	}
	switch {
	case code > 0:
		p.high = code
	case highest > p.high:
		p.high = highest
	}
}

func (p *player) lost(line string, i int) {
	if p.qresync {
		p.model.fatalf("%s%s, where VANISHED is agreed on", p, line)
	}
	if u := p.mirror[i].uid; u != 0 && p.folder.all[u] != nil {
		p.model.fatalf("%s%s: told that %d is gone, which is there", p, line, u)
	}
	p.mirror = slices.Delete(p.mirror, i, i+1)
}

// vanished: of UIDs that were not told the place is not known, but that it is one of those.
func (p *player) vanished(line string, uids []int) {
	for _, u := range uids {
		if p.folder.all[u] != nil {
			p.model.fatalf("%s%s: told that %d is gone, which is there", p, line, u)
		}
		i := p.place(u)
		if i < 0 {
			p.model.fatalf("%s%s: %d is not in the session", p, line, u)
		}
		p.mirror = slices.Delete(p.mirror, i, i+1)
	}
}

// place finds a UID, or one that was not told and may be it: between a lower and a higher one. -1: it
// can't be there.
func (p *player) place(u int) int {
	last := -1
	for i, e := range p.mirror {
		switch {
		case e.uid == u:
			return i
		case e.uid > u:
			return last
		case e.uid == 0:
			last = i
		default:
			last = -1
		}
	}
	return last
}

func (p *player) fetched(line string, i int, uid string) (modseq int) {
	if i >= len(p.mirror) {
		p.model.fatalf("%s%s: of %d", p, line, len(p.mirror))
	}
	e := &p.mirror[i]
	if uid != "" {
		u := number(uid)
		if e.uid != 0 && e.uid != u {
			p.model.fatalf("%s%s: number %d was UID %d", p, line, i+1, e.uid)
		}
		if e.uid == 0 {
			e.flags = "?"
		}
		e.uid = u
	}
	if m := flagsItem.FindStringSubmatch(line); m != nil {
		e.flags = m[1]
	}
	if m := modseqItem.FindStringSubmatch(line); m != nil {
		if modseq = number(m[1]); modseq < e.modseq {
			p.model.fatalf("%s%s: MODSEQ was %d", p, line, e.modseq)
		}
		e.modseq = modseq
		if l := p.folder.all[e.uid]; l != nil {
			e.rev = l.rev
		}
		// A silent STORE tells the MODSEQ alone: the client knows what it asked for.
		if l := p.folder.all[e.uid]; l != nil && !strings.Contains(line, "FLAGS") {
			e.flags = l.names()
		}
	}
	return modseq
}

func (p *player) seen(uid int) mirrored {
	return p.mirror[slices.IndexFunc(p.mirror, func(e mirrored) bool { return e.uid == uid })]
}

// learn brings the session up to date, and tells it every UID.
func (p *player) learn() {
	p.must("NOOP")
	items := "(FLAGS)"
	if p.condstore {
		items = "(FLAGS MODSEQ)"
	}
	p.must("UID FETCH 1:* " + items)
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err)
	}
	return n
}
