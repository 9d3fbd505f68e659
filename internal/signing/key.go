package signing

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"gatepost/internal/dkim"
)

// Errors that callers decide by.
var (
	ErrNoKey     = errors.New("there is no such key")
	ErrHasKeys   = errors.New("the domain has keys already")
	ErrMakesNone = errors.New("the domain has no keys yet")
	ErrWaits     = errors.New("new keys wait for their records already")
	// ErrSame is what a change returns that has nothing to change.
	ErrSame = errors.New("nothing changes")
)

// A State is what a key is used for.
type State string

// The states of a key, in their order.
const (
	Waiting State = "waiting" // its record was not found yet
	Active  State = "active"  // it signs
	Old     State = "old"     // a newer one signs; its record stays
	Spent   State = "spent"   // its record is to be taken away
)

// A Key is one private key of a domain.
type Key struct {
	Domain   string // lower-case A-labels, and a name of a domain here or of this node
	Selector string
	Kind     string // dkim.KindRSA, dkim.KindEd25519
	Private  []byte // PKCS #8
	State    State
	Made     time.Time
	Since    time.Time // when State began
	Problem  string    // what is wrong with its record, in a sentence; "": nothing, or it was not looked at yet
}

// Name is the name of its record in the DNS (RFC 6376 §3.6.2.1).
func (k Key) Name() string { return k.Selector + "._domainkey." + k.Domain }

// private reads the private key.
func (k Key) private() (crypto.Signer, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(k.Private)
	if err != nil {
		return nil, fmt.Errorf("signing: key %s: %w", k.Name(), err)
	}
	signer, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("signing: key %s does not sign", k.Name())
	}
	return signer, nil
}

// Record is the text of its record (RFC 6376 §3.6.1).
func (k Key) Record() (string, error) {
	signer, err := k.private()
	if err != nil {
		return "", err
	}
	return dkim.Record(signer.Public())
}

// Rows keeps keys.
type Rows interface {
	// Revision returns the number of changes so far.
	Revision(ctx context.Context) (int64, error)
	// List returns all keys, by domain and then selector, and the revision that they are of.
	List(ctx context.Context) ([]Key, int64, error)
	// Change has the keys of a domain, by selector, replaced by what change makes of them, in one commit that
	// no other change of them can be between. Where change fails nothing is changed, and its error is returned. It may
	// run more than once.
	Change(ctx context.Context, domain string, change func([]Key) ([]Key, error)) error
}

// create makes a key of a kind.
func create(domain, kind string, taken []Key, now time.Time) (Key, error) {
	private, err := dkim.NewKey(kind)
	if err != nil {
		return Key{}, fmt.Errorf("signing: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return Key{}, fmt.Errorf("signing: key of %s: %w", domain, err)
	}
	return Key{Domain: domain, Selector: selector(kind, taken, now), Kind: kind, Private: der, State: Waiting, Made: now, Since: now}, nil
}

// selector is a name that no key of the domain has: "rsa-20261126", then "rsa-20261126b" and so on.
func selector(kind string, taken []Key, now time.Time) string {
	name := kind + now.UTC().Format("-20060102")
	for try, end := name, 'b'; ; try, end = name+string(end), end+1 {
		if !slices.ContainsFunc(taken, func(k Key) bool { return k.Selector == try }) {
			return try
		}
	}
}

// kinds are those of which each domain has a key.
func kinds() []string { return []string{dkim.KindRSA, dkim.KindEd25519} }

// add returns the keys with a new one of each kind; replaces says that there are some, and that these are to be replaced. A
// kind of which one waits gets no other.
func add(domain string, keys []Key, replaces bool, now time.Time) ([]Key, error) {
	use := func(kind string, states ...State) bool {
		return slices.ContainsFunc(keys, func(k Key) bool { return k.Kind == kind && slices.Contains(states, k.State) })
	}
	all, active, waits := slices.Clone(keys), false, false
	for _, kind := range kinds() {
		active, waits = active || use(kind, Active), waits || use(kind, Waiting)
		if use(kind, Waiting) || !replaces && use(kind, Active) {
			continue
		}
		k, err := create(domain, kind, all, now)
		if err != nil {
			return nil, err
		}
		all = append(all, k)
	}
	switch {
	case replaces && !active && !waits:
		return nil, ErrMakesNone
	case len(all) == len(keys) && replaces:
		return nil, ErrWaits
	case len(all) == len(keys):
		return nil, ErrHasKeys
	}
	return all, nil
}

// found makes a key sign whose record is as it should be, and what signed before it old. A record without a fault takes
// its problem away.
func found(keys []Key, selector string, now time.Time) ([]Key, error) {
	all := slices.Clone(keys)
	i := slices.IndexFunc(all, func(k Key) bool { return k.Selector == selector })
	if i < 0 || all[i].State != Waiting && all[i].Problem == "" {
		return nil, ErrSame
	}
	all[i].Problem = ""
	if all[i].State != Waiting {
		return all, nil
	}
	all[i].State, all[i].Since = Active, now
	for n := range all {
		if n != i && all[n].Kind == all[i].Kind && all[n].State == Active {
			all[n].State, all[n].Since = Old, now
		}
	}
	return all, nil
}

// faulty notes what is wrong with a key's record. One that nobody needs any more is no more when its record is gone.
func faulty(keys []Key, selector, problem string, gone bool) ([]Key, error) {
	all := slices.Clone(keys)
	i := slices.IndexFunc(all, func(k Key) bool { return k.Selector == selector })
	switch {
	case i >= 0 && all[i].State == Spent && gone:
		return slices.Delete(all, i, i+1), nil
	case i < 0 || all[i].State == Spent || all[i].Problem == problem:
		return nil, ErrSame
	}
	all[i].Problem = problem
	return all, nil
}

// aged makes keys spent that were old for keep, and new ones where those that sign are rotate old; 0: never.
func aged(domain string, keys []Key, keep, rotate time.Duration, now time.Time) ([]Key, error) {
	all, changed, due := slices.Clone(keys), false, false
	for i := range all {
		k := &all[i]
		if k.State == Old && now.Sub(k.Since) >= keep {
			k.State, k.Since, k.Problem, changed = Spent, now, "", true
		}
		due = due || rotate > 0 && k.State == Active && now.Sub(k.Since) >= rotate
	}
	if due {
		next, err := add(domain, all, true, now)
		switch {
		case err == nil:
			return next, nil
		case !errors.Is(err, ErrWaits):
			return nil, err
		}
	}
	if !changed {
		return nil, ErrSame
	}
	return all, nil
}
