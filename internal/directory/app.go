package directory

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"gatepost/internal/mail"
)

// An AppPassword is a password that one program of a mailbox's owner uses, made here and shown
// once. It can be taken away without the others.
//
// It has a hundred random bits, so what is kept of it need not be dear to compute: SCRAM keys,
// salted like those of all passwords of the mailbox, by which a proof tells which one it is.
type AppPassword struct {
	ID      int64 // never used again
	Name    string
	Created time.Time
	SCRAM   string // in the form of RFC 5803; see ParseSCRAM
}

// String hides the keys.
func (a AppPassword) String() string { return a.Name }

// GoString hides the keys.
func (a AppPassword) GoString() string { return a.Name }

// Bounds of a mailbox's passwords of programs.
const (
	MaxApps    = 32
	MaxAppName = 60 // letters
)

// ErrNoApp: the mailbox has no such password of a program.
var ErrNoApp = errors.New("no such application password")

// The letters of a password of a program: 32, none that is taken for another.
const (
	appLetters = "abcdefghijkmnpqrstuvwxyz23456789"
	appSize    = 20
	appGroup   = 5
)

// newAppPassword makes one: four groups of five letters.
func newAppPassword() string {
	b := make([]byte, appSize)
	rand.Read(b)
	for i := range b {
		b[i] = appLetters[int(b[i])%len(appLetters)] // 256 is a multiple of 32
	}
	return grouped(string(b))
}

func grouped(letters string) string {
	var groups []string
	for g := range slices.Chunk([]byte(letters), appGroup) {
		groups = append(groups, string(g))
	}
	return strings.Join(groups, "-")
}

// appForm returns the password of a program that a text may be, however it was typed; "" for none.
func appForm(password string) string {
	letters := strings.ToLower(strings.NewReplacer("-", "", " ", "").Replace(password))
	if len(letters) != appSize || strings.Trim(letters, appLetters) != "" {
		return ""
	}
	return grouped(letters)
}

// AddApp gives a mailbox a password for one program, which is known by its name, and returns it:
// nobody can read it later. It fails with ErrExists, ErrFull or ErrInvalid.
func (d *Directory) AddApp(ctx context.Context, address mail.Path, name string) (password string, err error) {
	address, name = address.Fold(), strings.TrimSpace(name)
	password = newAppPassword()
	app := AppPassword{Name: name, Created: d.now()}
	_, err = d.updateMailbox(ctx, address, func(s *Snapshot, m Mailbox) ([]Change, error) {
		if err := m.freeApp(name); err != nil {
			return nil, err
		}
		keys, err := makeSCRAM(password, d.salt(m), scramIterations)
		if err != nil {
			return nil, err
		}
		var id [8]byte
		rand.Read(id[:])
		app.ID, app.SCRAM = int64(binary.BigEndian.Uint64(id[:])>>1), keys.String()
		m.Apps = append(slices.Clone(m.Apps), app)
		return s.checkedMailbox(m)
	})
	if err != nil {
		return "", fmt.Errorf("directory: add application password of %s: %w", address, err)
	}
	return password, nil
}

// freeApp says why a new password of a program can't have the name.
func (m Mailbox) freeApp(name string) error {
	switch {
	case name == "" || utf8.RuneCountInString(name) > MaxAppName || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		return fmt.Errorf("%w: a name has one line of %d letters at most", ErrInvalid, MaxAppName)
	case m.app(name) >= 0:
		return fmt.Errorf("%w: %q", ErrExists, name)
	case len(m.Apps) >= MaxApps:
		return fmt.Errorf("%w: a mailbox has %d application passwords at most", ErrFull, MaxApps)
	}
	return nil
}

func (m Mailbox) app(name string) int {
	return slices.IndexFunc(m.Apps, func(a AppPassword) bool { return strings.EqualFold(a.Name, name) })
}

// RemoveApp takes a password of a program away: on this node at once, on others within a second
// nobody logs in with it any more. It fails with ErrNoApp.
func (d *Directory) RemoveApp(ctx context.Context, address mail.Path, name string) error {
	address = address.Fold()
	_, err := d.updateMailbox(ctx, address, func(s *Snapshot, m Mailbox) ([]Change, error) {
		at := m.app(strings.TrimSpace(name))
		if at < 0 {
			return nil, ErrNoApp
		}
		m.Apps = slices.Delete(slices.Clone(m.Apps), at, at+1)
		return s.checkedMailbox(m)
	})
	if err != nil {
		return fmt.Errorf("directory: remove application password of %s: %w", address, err)
	}
	return nil
}

// AuthenticateProgram is Authenticate for mail programs, which may use a password of their own.
func (d *Directory) AuthenticateProgram(ctx context.Context, user, password string) (Mailbox, error) {
	return d.authenticateProgram(ctx, d.user(user), user, password)
}

// authenticateProgram is AuthenticateProgram for who box is, the zero one for nobody.
func (d *Directory) authenticateProgram(ctx context.Context, box Mailbox, user, password string) (Mailbox, error) {
	if form := appForm(password); form != "" {
		app, err := d.findApp(ctx, box, form)
		if err != nil {
			return Mailbox{}, fmt.Errorf("directory: log-in: %w", err)
		}
		if app != 0 {
			if err := box.State.err(); err != nil {
				return Mailbox{}, fmt.Errorf("directory: log-in: %w", err)
			}
			d.uses.note(box.ID, app, d.now())
			return box, nil
		}
	}
	return d.Authenticate(ctx, user, password)
}

// user finds a mailbox by what somebody logs in as; the zero one is nobody's.
func (d *Directory) user(name string) (box Mailbox) {
	if address, err := mail.ParsePath(name); err == nil {
		box, _ = d.Snapshot().Mailbox(address)
	}
	return box
}

// findApp returns the ID of the password of a program that this is, 0 for none. All have one salt,
// so it costs one computation, as it does for who has none.
func (d *Directory) findApp(ctx context.Context, box Mailbox, form string) (int64, error) {
	for _, a := range box.Apps {
		if d.passwords.knows(d.passwords.tag(box.ID, a.SCRAM, form)) {
			return a.ID, nil
		}
	}
	if err := d.passwords.wait(ctx); err != nil {
		return 0, err
	}
	defer d.passwords.done()
	keys, err := makeSCRAM(form, d.salt(box), scramIterations)
	if err != nil {
		return 0, err
	}
	for _, a := range box.Apps {
		if kept, err := ParseSCRAM(a.SCRAM); err == nil && subtle.ConstantTimeCompare(kept.StoredKey, keys.StoredKey) == 1 {
			d.passwords.remember(d.passwords.tag(box.ID, a.SCRAM, form))
			return a.ID, nil
		}
	}
	return 0, nil
}

// salt is that of all SCRAM keys of a mailbox: of those it has, or what is told of its address.
func (d *Directory) salt(m Mailbox) []byte {
	kept := []string{m.Password.SCRAM}
	if len(m.Apps) > 0 {
		kept = append(kept, m.Apps[0].SCRAM)
	}
	for _, text := range kept {
		if keys, err := ParseSCRAM(text); err == nil {
			return keys.Salt
		}
	}
	return d.saltOf(string(m.Address))
}

// saltOf is a salt of a name that has no keys: always the same, and like any other.
func (d *Directory) saltOf(name string) []byte {
	m := hmac.New(sha256.New, d.saltKey)
	m.Write([]byte("SCRAM salt of " + name))
	return m.Sum(nil)[:saltSize]
}

// SaltOf returns what a user's SCRAM keys are salted with, and how often they are hashed. Nobody
// can tell by it whether there is such a user.
func (d *Directory) SaltOf(user string) (salt []byte, iterations int) {
	box := d.submitter(user)
	if keys, err := ParseSCRAM(box.Password.SCRAM); err == nil {
		return keys.Salt, keys.Iterations
	}
	if box.ID != 0 {
		return d.salt(box), scramIterations
	}
	if address, err := mail.ParsePath(user); err == nil {
		user = string(address.Fold())
	}
	return d.saltOf(user), scramIterations
}

// Prove returns the mailbox of a user one of whose keys fit; fits is asked for each of them, and at
// least once. It fails as Authenticate does.
func (d *Directory) Prove(user string, fits func(SCRAM) bool) (Mailbox, error) {
	return d.prove(d.user(user), fits)
}

func (d *Directory) prove(box Mailbox, fits func(SCRAM) bool) (Mailbox, error) {
	own := box.Password.SCRAM
	if d.Snapshot().LoginSource(box) != "" { // what was kept here before opens nothing any more
		own = ""
	}
	right, app := fits(orNone(own)), int64(0)
	for _, a := range box.Apps {
		if fits(orNone(a.SCRAM)) {
			right, app = true, a.ID
		}
	}
	err := error(nil)
	if !right || box.ID == 0 {
		err = ErrLogin
	} else {
		err = box.State.err()
	}
	if err != nil {
		return Mailbox{}, fmt.Errorf("directory: log-in: %w", err)
	}
	if app != 0 {
		d.uses.note(box.ID, app, d.now())
	}
	return box, nil
}

// orNone returns keys that no password has where there are none.
func orNone(text string) SCRAM {
	keys, err := ParseSCRAM(text)
	if err != nil {
		keys.StoredKey, keys.ServerKey = make([]byte, sha256.Size), make([]byte, sha256.Size)
		rand.Read(keys.StoredKey)
	}
	return keys
}

// A Use is when a password of a program was used last.
type Use struct {
	Box, App int64
	Last     time.Time
}

// Uses keeps them.
type Uses interface {
	// PutUses notes some. What is older than what is kept changes nothing, and what is kept of
	// passwords that are gone goes with them.
	PutUses(ctx context.Context, list []Use) error
	// Uses returns those of a mailbox, by the ID of the password.
	Uses(ctx context.Context, box int64) (map[int64]time.Time, error)
}

// maxUses bounds what is noted between two flushes: of more passwords the rest is not.
const maxUses = 20_000

// uses notes them in memory, between two flushes.
type uses struct {
	rows    Uses
	mu      sync.Mutex
	pending map[int64]Use
}

func (u *uses) note(box, app int64, now time.Time) {
	if u.rows == nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	old, ok := u.pending[app]
	if !ok && len(u.pending) >= maxUses || old.Last.After(now) {
		return
	}
	if u.pending == nil {
		u.pending = map[int64]Use{}
	}
	u.pending[app] = Use{box, app, now}
}

// FlushUses writes when passwords were used to the store. Run does so every few seconds.
func (d *Directory) FlushUses(ctx context.Context) error {
	d.uses.mu.Lock()
	taken := slices.Collect(maps.Values(d.uses.pending))
	d.uses.pending = nil
	d.uses.mu.Unlock()
	if len(taken) == 0 {
		return nil
	}
	if err := d.uses.rows.PutUses(ctx, taken); err != nil {
		for _, n := range taken {
			d.uses.note(n.Box, n.App, n.Last)
		}
		return fmt.Errorf("directory: flush uses of passwords: %w", err)
	}
	return nil
}

// Used returns when the passwords of programs of a mailbox were used last, by their IDs, to some
// seconds.
func (d *Directory) Used(ctx context.Context, m Mailbox) (map[int64]time.Time, error) {
	if d.uses.rows == nil {
		return map[int64]time.Time{}, nil
	}
	return d.uses.rows.Uses(ctx, m.ID)
}
