package certificate

import (
	"cmp"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"
)

// A State is what is known of one certificate, or of a name that has none yet.
type State struct {
	Names   []string
	From    string // the file that it is in, FromACME or FromSelf
	Own     bool   // who asks for no name that there is gets it
	Issuer  string
	Since   time.Time // zero with Until: there is none yet
	Until   time.Time
	Due     time.Time // when the authority is asked next; zero: nobody is
	TLSA    []string  // of its key, and of the one that will take its place: "3 1 1 …" (RFC 7671 §5.1)
	Problem string    // what is wrong, and what to do; "": nothing
}

// For reports whether it is for a name, exactly or by a star.
func (s State) For(name string) bool {
	_, above, _ := strings.Cut(name, ".")
	return slices.ContainsFunc(s.Names, func(n string) bool { n = canonical(n); return n == name || n == "*."+above })
}

// List tells of all certificates, the node's own first, then by name.
func (k *Keeper) List() []State {
	k.mu.Lock()
	defer k.mu.Unlock()
	c, now := k.chosen.Load(), k.c.Now()
	var list []State
	for _, s := range c.all {
		if s.from == FromACME {
			continue // by the rows, which know more
		}
		st := k.stateOf(s, now)
		if i := slices.IndexFunc(k.files, func(f *file) bool { return f.cert == s.cert }); i >= 0 && k.files[i].problem != "" {
			st.Problem = joined("the file holds another one now, which can't be used: "+k.files[i].problem, st.Problem)
		}
		list = append(list, st)
	}
	for _, f := range k.files {
		if f.cert == nil {
			list = append(list, State{From: f.pair.Cert, Problem: f.problem})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(k.issued)) {
		list = append(list, k.issuedState(k.issued[name], now))
	}
	slices.SortStableFunc(list, func(a, b State) int {
		switch {
		case a.Own == b.Own:
			return strings.Compare(strings.Join(a.Names, " "), strings.Join(b.Names, " "))
		case a.Own:
			return -1
		}
		return 1
	})
	return list
}

func (k *Keeper) issuedState(i Issued, now time.Time) State {
	st := State{Names: []string{i.Name}, From: FromACME}
	if pair := k.pairs[i.Name]; pair != nil {
		st = k.stateOf(shown{cert: pair, from: FromACME}, now)
	}
	st.Due = i.Due
	if i.Next != nil {
		if key, err := ParseKey(i.Next); err == nil {
			st.TLSA = append(st.TLSA, tlsa(key.Public()))
		}
	}
	if i.Problem != "" {
		st.Problem = joined(fmt.Sprintf("%s (order %d in a row that failed, next %s)", i.Problem, i.Tries, i.Due.UTC().Format("2006-01-02 15:04 MST")), st.Problem)
	}
	return st
}

func (k *Keeper) stateOf(s shown, now time.Time) State {
	leaf := s.cert.Leaf
	st := State{
		Names: leaf.DNSNames, From: s.from, Own: k.chosen.Load().own.cert == s.cert, Issuer: issuer(leaf), Since: leaf.NotBefore, Until: leaf.NotAfter,
		TLSA: []string{tlsa(leaf.PublicKey)}, Problem: ending(leaf, now),
	}
	if st.Own && leaf.VerifyHostname(k.c.Hostname) != nil {
		st.Problem = joined(st.Problem, fmt.Sprintf("it is not for this node's name, %s: programs will not trust it", k.c.Hostname))
	}
	return st
}

func joined(a, b string) string {
	if a != "" && b != "" {
		return a + "; " + b
	}
	return a + b
}

// issuer is who signed, as people call them.
func issuer(leaf *x509.Certificate) string {
	return cmp.Or(leaf.Issuer.CommonName, strings.Join(leaf.Issuer.Organization, " "), leaf.Issuer.String())
}

// tlsa is the record's data that names a key: DANE-EE, by SHA-256 of the public key, which stays when the
// certificate is renewed with the same key.
func tlsa(public crypto.PublicKey) string {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(der)
	return "3 1 1 " + hex.EncodeToString(sum[:])
}

// marks are how long before its end a certificate is warned of: 21 days, 7 and 1, or less of one that lives so
// shortly that it is renewed later than that.
func marks(leaf *x509.Certificate) [3]time.Duration {
	const day = 24 * time.Hour
	life := leaf.NotAfter.Sub(leaf.NotBefore)
	return [3]time.Duration{min(21*day, life/4), min(7*day, life/8), min(day, life/16)}
}

// ending says that a certificate has ended or will soon; "" where it won't.
func ending(leaf *x509.Certificate, now time.Time) string {
	left := leaf.NotAfter.Sub(now)
	switch {
	case now.Before(leaf.NotBefore):
		return "it does not count before " + leaf.NotBefore.UTC().Format(time.RFC1123)
	case left < 0:
		return "it ended on " + leaf.NotAfter.UTC().Format(time.RFC1123)
	case left < marks(leaf)[0]:
		return "it ends on " + leaf.NotAfter.UTC().Format(time.RFC1123)
	}
	return ""
}

// Troubles says what is wrong with certificates, a sentence each.
func (k *Keeper) Troubles() (list []string) {
	for _, st := range k.List() {
		if st.Problem != "" {
			list = append(list, fmt.Sprintf("certificate %s (%s): %s", cmp.Or(strings.Join(st.Names, " "), "without a name"), st.From, st.Problem))
		}
	}
	return list
}

// Left is for how long the certificate that ends first is still good; less than nothing where one ended.
func (k *Keeper) Left() time.Duration {
	now, left := k.c.Now(), time.Duration(1<<63-1)
	for _, s := range k.chosen.Load().all {
		left = min(left, s.cert.Leaf.NotAfter.Sub(now))
	}
	return left
}

// warn logs once at each mark before a certificate's end, and at its end.
func (k *Keeper) warn() {
	k.mu.Lock()
	defer k.mu.Unlock()
	now, known := k.c.Now(), map[string]time.Duration{}
	for _, s := range k.chosen.Load().all {
		leaf := s.cert.Leaf
		id, left := string(s.cert.Certificate[0]), leaf.NotAfter.Sub(now)
		mark, passed := lastMark(leaf, left)
		if !passed {
			continue
		}
		known[id] = mark
		if before, told := k.warned[id]; told && before <= mark {
			continue
		}
		level := slog.LevelWarn
		if left < 0 {
			level = slog.LevelError
		}
		k.c.Log.Log(context.Background(), level, "a certificate ends: renew it", "names", strings.Join(leaf.DNSNames, " "), "from", s.from, "until", leaf.NotAfter, "left", left.Round(time.Minute))
	}
	k.warned = known
}

// lastMark is the last mark before a certificate's end that has passed; 0: the end itself.
func lastMark(leaf *x509.Certificate, left time.Duration) (mark time.Duration, passed bool) {
	for _, m := range marks(leaf) {
		if left < m {
			mark, passed = m, true
		}
	}
	if left < 0 {
		mark = 0
	}
	return mark, passed
}
