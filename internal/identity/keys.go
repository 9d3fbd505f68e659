package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	keysFresh = time.Hour        // after which keys are asked for again, so that one that was withdrawn goes
	keysStale = 24 * time.Hour   // for which they are good where the provider is down
	keysAgain = 10 * time.Second // between two questions, whatever tokens name
	maxKeys   = 100              // of one provider
	maxTried  = 8                // of those for one token
)

// keys are a provider's, as they were found last.
type keys struct {
	fetch func(ctx context.Context) ([]jose.JSONWebKey, error)
	now   func() time.Time
	log   *slog.Logger
	turn  chan struct{} // of who fetches

	mu      sync.Mutex
	set     []jose.JSONWebKey
	fetched time.Time // zero: never
	tried   time.Time
	err     error // of the last try
}

func newKeys(fetch func(context.Context) ([]jose.JSONWebKey, error), now func() time.Time, log *slog.Logger) *keys {
	return &keys{fetch: fetch, now: now, log: log, turn: make(chan struct{}, 1)}
}

// find returns keys that fit, at most maxTried, and asks the provider where there are none or what is
// known is old. None without an error means that the provider has none.
func (k *keys) find(ctx context.Context, fits func(jose.JSONWebKey) bool) ([]jose.JSONWebKey, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	found, fresh, wait := k.have(fits)
	if fresh || wait {
		return k.answer(found, wait)
	}
	if len(found) > 0 {
		select { // somebody is asking: what is known serves meanwhile
		case k.turn <- struct{}{}:
		default:
			return found, nil
		}
	} else {
		select {
		case k.turn <- struct{}{}:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
		}
	}
	defer func() { <-k.turn }()
	if found, fresh, wait = k.have(fits); !fresh && !wait { // nobody has asked since
		k.renew(ctx)
		found, _, _ = k.have(fits)
	}
	return k.answer(found, true)
}

// have returns known keys that fit; whether they are fresh; and whether it is too early to ask again.
func (k *keys) have(fits func(jose.JSONWebKey) bool) (found []jose.JSONWebKey, fresh, wait bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	age := now.Sub(k.fetched)
	if age < keysStale {
		for _, key := range k.set {
			if len(found) < maxTried && fits(key) {
				found = append(found, key)
			}
		}
	}
	return found, len(found) > 0 && age < keysFresh, !k.tried.IsZero() && now.Sub(k.tried) < keysAgain
}

// answer is found, or why there is nothing: the provider has no such key, or could not be asked.
func (k *keys) answer(found []jose.JSONWebKey, asked bool) ([]jose.JSONWebKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(found) == 0 && asked && k.err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, k.err)
	}
	return found, nil
}

// renew asks the provider.
func (k *keys) renew(ctx context.Context) {
	set, err := k.fetch(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	if errors.Is(err, context.Canceled) { // the client went: that says nothing of the provider
		k.err = err
		return
	}
	k.tried, k.err = k.now(), err
	if err != nil {
		k.log.Warn("the keys of an identity provider can't be had", "error", err, "known_since", k.fetched)
		return
	}
	k.set, k.fetched = set, k.tried
}

// fetchKeys brings the provider's keys, from where its metadata says unless that is set.
func (s *source) fetchKeys(ctx context.Context) ([]jose.JSONWebKey, error) {
	address := s.Keys
	if address == "" {
		b, err := s.get(ctx, s.Configuration())
		if err != nil {
			return nil, err
		}
		var found struct {
			Issuer string `json:"issuer"`
			Keys   string `json:"jwks_uri"`
		}
		if err := json.Unmarshal(b, &found); err != nil {
			return nil, fmt.Errorf("%s: %w", s.Configuration(), err)
		}
		if found.Issuer != s.Issuer { // OpenID Connect Discovery §4.3
			return nil, fmt.Errorf("%s is about another issuer: %.200q", s.Configuration(), found.Issuer)
		}
		address = found.Keys
	}
	b, err := s.get(ctx, address)
	if err != nil {
		return nil, err
	}
	set, err := parseKeys(b)
	if err != nil {
		return nil, fmt.Errorf("%.200s: %w", address, err)
	}
	return set, nil
}

// parseKeys reads a JWK set (RFC 7517 §5). Keys of kinds that are not known are left out, as it says, and
// whatever is no public key.
func parseKeys(b []byte) ([]jose.JSONWebKey, error) {
	var raw struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return nil, err
	}
	if len(raw.Keys) > maxKeys {
		return nil, fmt.Errorf("more than %d keys", maxKeys)
	}
	var set []jose.JSONWebKey
	for _, one := range raw.Keys {
		var k jose.JSONWebKey
		if err := k.UnmarshalJSON(one); err == nil && k.IsPublic() {
			set = append(set, k)
		}
	}
	if len(set) == 0 {
		return nil, errors.New("no key that can be used")
	}
	return set, nil
}
