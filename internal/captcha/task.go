package captcha

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"math/big"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/text/unicode/norm"
)

// Lifetime is how long a task can be done.
const Lifetime = 10 * time.Minute

const (
	digits    = 6
	maxTasks  = 10_000
	maxAnswer = 64 // octets of what somebody typed
)

// Errors that callers decide by.
var (
	// ErrOver: the task was answered already, is too old, belongs to another subject, or
	// there never was one.
	ErrOver = errors.New("the task is over")
	// ErrWrong: the answer is wrong, and the task over.
	ErrWrong = errors.New("the answer is wrong")
)

// A Task is what is to be done.
type Task struct {
	ID   string // letters and digits; 128 bits that nobody guesses
	Work Work   // for the machine that asks
}

// An Answer is what somebody says to a task.
type Answer struct {
	Task    string // its ID
	Subject string
	Text    string // as it was typed
	Proof   string // of the work; "": none was done
	Client  netip.Addr
}

// Tasks makes tasks and judges answers. It is safe for use by many goroutines.
type Tasks struct {
	now  func() time.Time
	draw func() string
	bits int

	mu       sync.Mutex
	open     shelf[string, *task]
	sketches album
	made     tally[struct{}]
	asked    parties       // tasks made
	about    tally[string] // tasks made
	missed   tally[string] // wrong answers
	wrong    parties       // wrong answers
	bare     parties       // answers without work
}

type task struct {
	subject string
	client  party
	answer  string
	nonce   string
	drawn   map[kind]int
}

// A Config is what Tasks needs.
type Config struct {
	Now  func() time.Time // nil: time.Now
	Draw func() string    // draws an answer, digits; nil: six by crypto/rand
	Bits int              // of the work, up to 32; 0: Bits
}

// New returns Tasks without any.
func New(c Config) *Tasks {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Draw == nil {
		c.Draw = randomDigits
	}
	if c.Bits == 0 {
		c.Bits = Bits
	}
	return &Tasks{
		now: c.Now, draw: c.Draw, bits: c.Bits,
		open:   newShelf[string, *task](Lifetime, maxTasks),
		made:   newTally[struct{}](MadePerNode, minute),
		asked:  newParties(MadePerClient, minute),
		about:  newTally[string](MadePerThing, minute),
		missed: newTally[string](WrongPerThing, hour),
		wrong:  newParties(WrongPerClient, hour),
		bare:   newParties(BarePerClient, hour),
	}
}

func randomDigits() string {
	var b strings.Builder
	for range digits {
		n, _ := rand.Int(rand.Reader, big.NewInt(10)) // never fails with this reader
		b.WriteByte('0' + byte(n.Int64()))
	}
	return b.String()
}

// Make makes a task about a subject for a client. It fails with a LimitError where too
// many were made, or where an answer would not be taken now.
func (t *Tasks) Make(subject string, client netip.Addr) (Task, error) {
	from := partyOf(client)
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	for _, err := range []error{
		t.missed.check(subject, now), t.wrong.check(from, now), t.asked.check(from, now), t.about.check(subject, now), t.made.check(struct{}{}, now),
	} {
		if err != nil {
			return Task{}, err
		}
	}
	t.asked.add(from, now)
	t.about.add(subject, now)
	t.made.add(struct{}{}, now)
	id := rand.Text()
	k := &task{subject: subject, client: from, answer: t.draw(), nonce: rand.Text(), drawn: map[kind]int{}}
	t.open.put(id, k, now)
	reveal(id, subject, k.answer)
	return Task{ID: id, Work: Work{Nonce: k.nonce, Bits: t.bits}}, nil
}

// Solve returns nil where the answer is right. It fails with ErrOver, ErrWrong or a
// LimitError; after the last the task is as it was, else it is over. A proof that is
// not right counts as none.
func (t *Tasks) Solve(a Answer) error {
	from := partyOf(a.Client)
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	k, ok := t.open.get(a.Task, now)
	if !ok || k.subject != a.Subject {
		return ErrOver
	}
	proven := Work{Nonce: k.nonce, Bits: t.bits}.Done(a.Proof)
	errs := []error{t.missed.check(a.Subject, now), t.wrong.check(from, now)}
	if !proven {
		errs = append(errs, t.bare.check(from, now))
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	t.open.take(a.Task, now)
	if !proven {
		t.bare.add(from, now)
	}
	if subtle.ConstantTimeCompare([]byte(k.answer), []byte(plain(a.Text))) == 1 {
		return nil
	}
	t.missed.add(a.Subject, now)
	t.wrong.add(from, now)
	return ErrWrong
}

// plain is what was meant by what was typed: digits of any width, whatever stands
// between them, and a letter where one was taken for a digit.
func plain(text string) string {
	if len(text) > maxAnswer {
		return ""
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9':
			return r
		case r == 'o' || r == 'O':
			return '0'
		case r == 'l' || r == 'I' || r == 'i':
			return '1'
		case r == ' ' || r == '-' || r == '.' || r == ',' || r == '\t':
			return -1
		}
		return 'x'
	}, norm.NFKC.String(text))
}
