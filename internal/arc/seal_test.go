package arc

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"gatepost/internal/dkim"
)

// sealed adds set i by our own code.
func (s *sealers) sealed(t testing.TB, message string, i int, selector string) (string, error) {
	t.Helper()
	signer, err := dkim.NewSigner(fmt.Sprintf("s%d.example", i), selector, s.key[selector])
	if err != nil {
		t.Fatal(err)
	}
	m := split(message)
	chain, err := Verify(t.Context(), m, dkim.NewKeys(s), time.Unix(20000, 0))
	if err != nil {
		t.Fatal(err)
	}
	body, err := dkim.BodyHash(t.Context(), m.Body())
	if err != nil {
		t.Fatal(err)
	}
	set, err := Seal(signer, m.Fields, body, chain, fmt.Sprintf("mx.s%d.example;\r\n dmarc=pass header.from=example.org", i), time.Unix(12345, 0))
	return string(set) + message, err
}

// Chains of ours are whole, whoever sealed before, and say what was found.
func TestSeal(t *testing.T) {
	s := newSealers(t)
	message := letter
	for i, selector := range []string{"rsa", "ed", "rsa"} {
		var err error
		if message, err = s.sealed(t, message, i+1, selector); err != nil {
			t.Fatal(err)
		}
		chain := verify(t, s, message)
		if chain.Result != Pass || len(chain.Sets) != i+1 || chain.Oldest != 1 || chain.Sets[i].Sealer != fmt.Sprintf("s%d.example", i+1) || len(chain.Sets[i].Claims) != 1 {
			t.Fatalf("%d sets: %s (%s)\n%s", i+1, chain.Result, chain.Reason, message)
		}
	}
	got := s.set(message, 4, recipe{})
	if chain := verify(t, s, got); chain.Result != Pass || len(chain.Sets) != 4 {
		t.Errorf("another goes on: %s (%s)", chain.Result, chain.Reason)
	}
	mixed, err := s.sealed(t, s.chain(recipe{}, recipe{selector: "rsa"}), 3, "ed")
	if chain := verify(t, s, mixed); err != nil || chain.Result != Pass || len(chain.Sets) != 3 {
		t.Errorf("after others: %v, %s (%s)", err, chain.Result, chain.Reason)
	}
}

// A chain that broke is sealed once as broken, over the new set alone, and then nobody adds to it.
func TestSealBroken(t *testing.T) {
	s := newSealers(t)
	broken := strings.Replace(s.chain(recipe{}, recipe{}), "noon", "five", 1)
	told, err := s.sealed(t, broken, 3, "rsa")
	if err != nil || !strings.Contains(told, "cv=fail") || !strings.HasPrefix(told, "ARC-Seal: i=3;") {
		t.Fatalf("%v\n%s", err, told)
	}
	m := split(told)
	own := &Set{seal: m.Fields[0].Raw, message: m.Fields[1].Raw, results: m.Fields[2].Raw}
	tags, err := dkim.ParseTags(valueOf(own.seal))
	if err != nil {
		t.Fatal(err)
	}
	own.sealing, own.Sealer, own.Selector = tags, "s3.example", "rsa"
	alone := Chain{Sets: []*Set{own}}
	if err := own.verify(t.Context(), dkim.NewKeys(s), alone.hashes()[0]); err != nil {
		t.Errorf("the seal is not over its own set: %v", err)
	}
	if again, err := s.sealed(t, told, 4, "rsa"); !errors.Is(err, ErrNoSeal) || again != told {
		t.Errorf("sealed again: %v", err)
	}
}

func TestNotSealed(t *testing.T) {
	s := newSealers(t)
	whole := s.chain(make([]recipe, maxSets)...)
	if _, err := s.sealed(t, whole, maxSets+1, "ed"); !errors.Is(err, ErrNoSeal) {
		t.Errorf("set 51: %v", err)
	}
	if _, err := s.sealed(t, "From: a@example.org\r\n"+letter, 1, "ed"); !errors.Is(err, dkim.ErrUnsignable) {
		t.Errorf("two From: %v", err)
	}
	one := s.chain(recipe{})
	s.err = errors.New("no answer")
	if _, err := s.sealed(t, one, 2, "ed"); !errors.Is(err, ErrNoSeal) {
		t.Errorf("the DNS is away: %v", err)
	}
}

// Mail::DKIM verifies what we seal, and goes on with it.
func TestMailDKIMVerifiesSeals(t *testing.T) {
	p := newPeer(t)
	results := "Authentication-Results: mx.s2.example; dmarc=pass header.from=example.org\r\n"
	one, err := p.sealers.sealed(t, letter, 1, "rsa")
	if err != nil {
		t.Fatal(err)
	}
	_, theirs := p.run("sign", 2, results+one)
	three, err := p.sealers.sealed(t, theirs[0], 3, "rsa")
	if err != nil {
		t.Fatal(err)
	}
	got, _ := p.run("verify", 0, one, theirs[0], three, strings.Replace(three, "noon", "five", 1))
	if fmt.Sprint(got) != "[pass pass pass fail]" {
		t.Errorf("got %v\n%s", got, three)
	}
}

// Seals fit whatever the header is.
func FuzzSeal(f *testing.F) {
	s := newSealers(f)
	f.Add(letter)
	f.Add(s.chain(recipe{}))
	f.Add(strings.Replace(s.chain(recipe{}), "cv=none", "cv=fail", 1))
	f.Fuzz(func(t *testing.T, message string) {
		if len(message) > 0 && strings.ContainsRune(" \t\r", rune(message[0])) || !strings.Contains(message, "\r\n\r\n") {
			return
		}
		m := split(message)
		body, err := dkim.BodyHash(t.Context(), m.Body())
		if err != nil {
			return
		}
		signer, _ := dkim.NewSigner("s1.example", "ed", s.key["ed"])
		chain, err := Verify(t.Context(), m, dkim.NewKeys(s), time.Unix(20000, 0))
		if err != nil {
			t.Fatal(err)
		}
		set, err := Seal(signer, m.Fields, body, chain, "mx; none", time.Unix(12345, 0))
		if err != nil {
			if !errors.Is(err, ErrNoSeal) && !errors.Is(err, dkim.ErrUnsignable) {
				t.Error(err)
			}
			return
		}
		if after := verify(t, s, string(set)+message); chain.Result != Fail && after.Result != Pass {
			t.Errorf("%s (%s) of\n%q", after.Result, after.Reason, string(set)+message)
		}
	})
}
