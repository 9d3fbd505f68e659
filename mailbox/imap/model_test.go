package imap_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gatepost/internal/store"
	"gatepost/mailbox"
	"gatepost/mailbox/imap"
)

// Sessions do as chance will on two servers over one store, which learn of each other's changes from
// nothing but its rows, and a plain model in memory does the same. What each session is
// told must make sense at any time, and what it is asked must be what the model says.
//
// IMAP_MODEL=5m has it go on for so long; each run prints its seed, and IMAP_MODEL_SEED takes one.
func TestModel(t *testing.T) {
	for engine, open := range engines {
		t.Run(engine, func(t *testing.T) {
			db := open(t)
			twoNodes(t, db)
			seeds, end := []uint64{1}, time.Time{}
			if s := os.Getenv("IMAP_MODEL_SEED"); s != "" {
				seed, err := strconv.ParseUint(s, 10, 64)
				check(t, err)
				seeds = []uint64{seed}
			} else if s := os.Getenv("IMAP_MODEL"); s != "" {
				d, err := time.ParseDuration(s)
				check(t, err)
				end = time.Now().Add(d)
			}
			for i := 0; i < len(seeds); i++ {
				playModel(t, db, int64(i+1), seeds[i], 350)
				if time.Now().Before(end) {
					seeds = append(seeds, rand.Uint64())
				}
			}
		})
	}
}

func playModel(t *testing.T, db *store.DB, box int64, seed uint64, steps int) {
	t.Logf("seed %d", seed)
	m := &model{t: t, r: rand.New(rand.NewPCG(seed, 0)), names: map[string]*letterboxes{}, seed: seed}
	shared := &bodies{all: map[blobID][]byte{}}
	for i := range 2 {
		m.servers = append(m.servers, startOn(t, db, shared, func(s *imap.Server) {
			s.Log, s.Auth = quiet(), users{"ann@example.org": box}
			s.Limits.Eager = []int{0, 1}[i] // one of them reads what it selects later
		}))
	}
	for i, p := range []*player{{}, {condstore: true}, {qresync: true}, {qresync: true, deflates: true}, {qresync: true}} {
		p.model, p.server, p.away = m, m.servers[i%2], map[*letterboxes]*memoryOf{}
		m.players = append(m.players, p)
		p.connect()
	}
	m.names["INBOX"] = &letterboxes{all: map[int]*letterbox{}}
	m.players[0].create("A")
	for range steps {
		m.step()
	}
	for _, p := range m.players {
		for _, name := range slices.Sorted(maps.Keys(m.names)) {
			p.choose(name)
			p.compare()
		}
		p.c.Close()
	}
}

// A model is the mailbox as it should be.
type model struct {
	t       *testing.T
	r       *rand.Rand
	seed    uint64
	servers []*server
	names   map[string]*letterboxes
	players []*player
	texts   int
	done    []string
}

// letterboxes are a folder.
type letterboxes struct {
	all      map[int]*letterbox // by UID
	last     int                // the highest UID that was given
	validity string
	gone     bool
}

type letterbox struct {
	text  string
	flags map[string]bool
	rev   int // of its flags
}

func (m *model) fatalf(format string, args ...any) {
	m.t.Helper()
	m.t.Fatalf("seed %d, after\n%s\n%s", m.seed, strings.Join(m.done[max(0, len(m.done)-40):], "\n"), fmt.Sprintf(format, args...))
}

// one chooses.
func one[T any](m *model, list ...T) T { return list[m.r.IntN(len(list))] }

func (m *model) step() {
	p := one(m, m.players...)
	if p.folder == nil || p.folder.gone {
		p.choose(one(m, slices.Sorted(maps.Keys(m.names))...))
		return
	}
	switch n := m.r.IntN(100); {
	case n < 22:
		p.append()
	case n < 44:
		p.store()
	case n < 52:
		p.expunge()
	case n < 60:
		p.read()
	case n < 67:
		p.transfer()
	case n < 70:
		p.ask("NOOP")
	case n < 75:
		p.search()
	case n < 79:
		p.idle()
	case n < 84:
		p.pipeline()
	case n < 87:
		p.rename()
	case n < 89:
		p.create(one(m, "A", "B", "C"))
	case n < 91:
		p.remove()
	case n < 92: // what is older than some expunges is forgotten
		keep := m.r.IntN(6)
		for _, p := range m.players { // a folder that was not read yet could not be made what it was: BYE
			if p.unread && p.folder != nil && !p.folder.gone {
				p.ask("NOOP")
			}
		}
		m.done = append(m.done, fmt.Sprintf("log cut to %d", keep))
		check(m.t, m.servers[0].db.Mailboxes().ThinExpunged(m.t.Context(), keep))
	case n < 97: // away, and back with what it remembers
		p.choose(one(m, slices.Sorted(maps.Keys(m.names))...))
	default:
		p.compare()
	}
}

func (p *player) append() {
	m := p.model
	name := one(m, slices.Sorted(maps.Keys(m.names))...)
	m.texts++
	text := fmt.Sprintf("text %d", m.texts)
	f := m.names[name]
	f.last++
	f.all[f.last] = &letterbox{text: text, flags: map[string]bool{}}
	lines := p.must(fmt.Sprintf("APPEND %s {%d+}\r\n%s", name, len(text), text))
	p.wantCode(lines, fmt.Sprintf("APPENDUID %s %d", f.validity, f.last))
}

// wantCode looks for a response code; what is not known of a folder it tells.
func (p *player) wantCode(lines []string, want string) {
	p.t.Helper()
	if all := strings.Join(lines, "\n"); !strings.Contains(all, want) && !strings.Contains(want, "  ") {
		p.model.fatalf("got %q, want %q", lines, want)
	}
}

// some chooses UIDs that the session knows, old as its knowledge may be.
func (p *player) some(n int) []int {
	var known []int
	for _, e := range p.mirror {
		if e.uid != 0 {
			known = append(known, e.uid)
		}
	}
	p.model.r.Shuffle(len(known), func(i, k int) { known[i], known[k] = known[k], known[i] })
	known = known[:min(n, len(known))]
	slices.Sort(known)
	return known
}

func setOf(uids []int) string {
	words := make([]string, len(uids))
	for i, u := range uids {
		words[i] = strconv.Itoa(u)
	}
	return strings.Join(words, ",")
}

func (p *player) store() {
	uids := p.some(3)
	if len(uids) == 0 {
		p.learn()
		return
	}
	p.ask(p.storing(uids))
}

// storing does in the model what the command that it returns will do.
func (p *player) storing(uids []int) string {
	m := p.model
	flag, how := one(m, `\Deleted`, `\Deleted`, `\Flagged`, "$k"), one(m, "+FLAGS", "-FLAGS", "+FLAGS.SILENT")
	guard, guarded := "", p.condstore && m.r.IntN(3) == 0
	if guarded {
		uids = uids[:1]
		guard = fmt.Sprintf(" (UNCHANGEDSINCE %d)", p.seen(uids[0]).modseq)
	}
	for _, u := range uids {
		if l := p.folder.all[u]; l != nil && l.flags[flag] != (how[0] == '+') && (!guarded || l.rev == p.seen(u).rev) {
			l.flags[flag] = how[0] == '+'
			l.rev++
		}
	}
	return fmt.Sprintf("UID STORE %s%s %s (%s)", setOf(uids), guard, how, flag)
}

func (p *player) expunge() {
	p.learn()
	only := map[int]bool{}
	command := "EXPUNGE"
	if p.model.r.IntN(2) == 0 {
		if uids := p.some(4); len(uids) > 0 {
			command = "UID EXPUNGE " + setOf(uids)
			for _, u := range uids {
				only[u] = true
			}
		}
	}
	maps.DeleteFunc(p.folder.all, func(u int, l *letterbox) bool { return l.flags[`\Deleted`] && (len(only) == 0 || only[u]) })
	p.must(command)
}

func (p *player) transfer() {
	m := p.model
	uids := p.some(3)
	if len(uids) == 0 {
		return
	}
	name, verb := one(m, slices.Sorted(maps.Keys(m.names))...), one(m, "COPY", "MOVE")
	to, from, first := m.names[name], []int{}, 0
	for _, u := range uids {
		l := p.folder.all[u]
		if l == nil {
			continue
		}
		if from = append(from, u); first == 0 {
			first = to.last + 1
		}
		to.last++
		to.all[to.last] = &letterbox{text: l.text, flags: maps.Clone(l.flags)}
		if verb == "MOVE" {
			delete(p.folder.all, u)
		}
	}
	lines := p.must(fmt.Sprintf("UID %s %s %s", verb, setOf(uids), name))
	if len(from) > 0 {
		p.wantCode(lines, fmt.Sprintf("COPYUID %s ", to.validity))
		p.wantCode(lines, fmt.Sprintf(" %s]", ranges(first, to.last)))
	}
}

func ranges(first, last int) string {
	if first == last {
		return strconv.Itoa(first)
	}
	return fmt.Sprintf("%d:%d", first, last)
}

// read compares a text.
func (p *player) read() {
	uids := p.some(1)
	if len(uids) == 0 {
		return
	}
	want, there := p.folder.all[uids[0]]
	command := fmt.Sprintf("UID FETCH %d BODY.PEEK[]", uids[0])
	if p.model.r.IntN(2) == 0 { // by number, under which nothing is expunged
		i := slices.IndexFunc(p.mirror, func(e mirrored) bool { return e.uid == uids[0] })
		command = fmt.Sprintf("FETCH %d BODY.PEEK[]", i+1)
	}
	lines := p.must(command)
	got := slices.ContainsFunc(lines, func(s string) bool { return there && s == want.text+")" })
	if got != there {
		p.model.fatalf("message %d, there: %v, answer %q", uids[0], there, lines)
	}
}

func (p *player) search() {
	p.must("NOOP")
	flag := one(p.model, "DELETED", "FLAGGED", "KEYWORD $k")
	name := map[string]string{"DELETED": `\Deleted`, "FLAGGED": `\Flagged`, "KEYWORD $k": "$k"}[flag]
	want := "* SEARCH"
	for _, u := range slices.Sorted(maps.Keys(p.folder.all)) {
		if p.folder.all[u].flags[name] {
			want += fmt.Sprint(" ", u)
		}
	}
	if got := p.must("UID SEARCH " + flag); !slices.Contains(got, want) {
		p.model.fatalf("got %q, want %q", got, want)
	}
}

// idle waits while another session does something.
func (p *player) idle() {
	other := one(p.model, p.model.players...)
	if other == p || other.folder == nil || other.folder.gone {
		return
	}
	p.send("x1 IDLE")
	if got := p.line(); got != "+ idling" {
		p.model.fatalf("IDLE: %q", got)
	}
	other.append()
	p.send("DONE")
	p.told(p.answers("x1 "))
	p.must("NOOP")
}

// pipeline sends commands at once.
func (p *player) pipeline() {
	m := p.model
	commands := []string{}
	for i := range 2 + m.r.IntN(4) {
		tag := fmt.Sprintf("p%d ", i)
		if uids := p.some(2); len(uids) > 0 && !p.condstore && m.r.IntN(3) > 0 {
			commands = append(commands, tag+p.storing(uids))
			continue
		}
		m.texts++
		text := fmt.Sprintf("text %d", m.texts)
		f := m.names["INBOX"]
		f.last++
		f.all[f.last] = &letterbox{text: text, flags: map[string]bool{}}
		commands = append(commands, fmt.Sprintf("%sAPPEND INBOX {%d+}\r\n%s", tag, len(text), text))
	}
	m.done = append(m.done, p.String()+strings.Join(commands, " | "))
	p.send(strings.Join(commands, "\r\n"))
	p.told(p.answers(fmt.Sprintf("p%d ", len(commands)-1)))
}

func (p *player) create(name string) {
	if p.model.names[name] == nil {
		p.model.names[name] = &letterboxes{all: map[int]*letterbox{}}
		p.must("CREATE " + name)
	}
}

func (p *player) rename() {
	from, to := one(p.model, "A", "B", "C"), one(p.model, "A", "B", "C")
	f := p.model.names[from]
	if f == nil || p.model.names[to] != nil {
		return
	}
	delete(p.model.names, from)
	p.model.names[to] = f
	p.must("RENAME " + from + " " + to)
}

func (p *player) remove() {
	name := one(p.model, "A", "B", "C")
	f := p.model.names[name]
	if f == nil {
		return
	}
	delete(p.model.names, name)
	f.gone = true
	mine := p.folder == f
	if p.must("DELETE " + name); mine {
		p.folder = nil
	}
}

// compare brings the session up to date: it must know all, and what it was told of flags must be so.
func (p *player) compare() {
	p.learn()
	var got, want []string
	for _, e := range p.mirror {
		got = append(got, fmt.Sprintf("%d (%s)", e.uid, e.flags))
	}
	for _, u := range slices.Sorted(maps.Keys(p.folder.all)) {
		want = append(want, fmt.Sprintf("%d (%s)", u, p.folder.all[u].names()))
	}
	if !slices.Equal(got, want) {
		p.model.fatalf("%sfolder:\n got %q\nwant %q", p, got, want)
	}
}

func (l *letterbox) names() string {
	var names []string
	for _, f := range []string{`\Flagged`, `\Deleted`, "$k"} {
		if l.flags[f] {
			names = append(names, f)
		}
	}
	return strings.Join(names, " ")
}

var _ mailbox.Historian = store.Mailboxes{}
