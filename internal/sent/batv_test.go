package sent

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"gatepost/internal/mail"
)

// signer has keys that are their names, and a clock.
func signer(now *time.Time) *Signer {
	return NewSigner(func(_ context.Context, name string) ([]byte, error) { return []byte(name), nil }, func() time.Time { return *now })
}

func TestSignAndVerify(t *testing.T) {
	for _, p := range []mail.Path{"ann@ours.example", "Ann.Smith+tag@ours.example", "a=b@ours.example", "jürgen@ours.example"} {
		now := noon
		s := signer(&now)
		signed, err := s.Sign(t.Context(), p)
		if err != nil || !strings.HasPrefix(string(signed), "prvs=") || signed.Domain() != p.Domain() {
			t.Fatalf("%s: signed %q, %v", p, signed, err)
		}
		for day := range 8 {
			now = noon.Add(time.Duration(day) * 24 * time.Hour)
			if got, err := s.Verify(t.Context(), signed); err != nil || got != p {
				t.Errorf("%s after %d days: got %q, %v", signed, day, got, err)
			}
			if got, err := s.Verify(t.Context(), mail.Path(strings.ToUpper(signed.Local())+"@"+signed.Domain())); err != nil || got.Fold() != p.Fold() {
				t.Errorf("%s in capitals: got %q, %v", signed, got, err)
			}
		}
		for _, days := range []int{8, 9, 29, 59} {
			now = noon.Add(time.Duration(days) * 24 * time.Hour)
			if got, err := s.Verify(t.Context(), signed); !errors.Is(err, ErrExpired) && !errors.Is(err, ErrForged) || got != p {
				t.Errorf("%s after %d days: got %q, %v; want it refused", signed, days, got, err)
			}
		}
		now = noon.Add(-24 * time.Hour) // this node's clock is behind
		if _, err := s.Verify(t.Context(), signed); err != nil {
			t.Errorf("%s a day before: %v", signed, err)
		}
	}
}

// What waits for weeks, while keys are replaced, leaves under a path that is good for as long as any other.
func TestSignFrom(t *testing.T) {
	now := noon
	s := signer(&now)
	for _, wait := range []int{1, 8, 30} {
		now = noon
		leaves := noon.Add(time.Duration(wait) * 24 * time.Hour)
		signed, err := s.SignFrom(t.Context(), "ann@ours.example", leaves)
		if err != nil {
			t.Fatal(err)
		}
		for day, good := range map[int]bool{0: true, 7: true, 8: false} {
			now = leaves.Add(time.Duration(day) * 24 * time.Hour)
			if _, err := s.Verify(t.Context(), signed); (err == nil) != good {
				t.Errorf("waits %d days, %d days after: %v", wait, day, err)
			}
		}
	}
}

// The day is a number of three digits, and keys are numbered by one: both go round.
func TestSignEveryDay(t *testing.T) {
	now := noon
	s := signer(&now)
	for range 1100 {
		now = now.Add(24 * time.Hour)
		signed, err := s.Sign(t.Context(), "ann@ours.example")
		if err != nil {
			t.Fatal(err)
		}
		made := now
		now = made.Add(Lifetime)
		if _, err := s.Verify(t.Context(), signed); err != nil {
			t.Fatalf("%s of %s: %v", signed, made, err)
		}
		now = made.Add(Lifetime + 24*time.Hour)
		if _, err := s.Verify(t.Context(), signed); !errors.Is(err, ErrExpired) {
			t.Fatalf("%s of %s, a week and a day later: %v", signed, made, err)
		}
		now = made
	}
	if len(s.known) > 5 {
		t.Errorf("%d keys are kept", len(s.known))
	}
}

func TestVerifyRefuses(t *testing.T) {
	now := noon
	s := signer(&now)
	good, err := s.Sign(t.Context(), "ann@ours.example")
	if err != nil {
		t.Fatal(err)
	}
	tag := good.Local()[len(prefix):][:tagSize]
	for name, tt := range map[string]struct {
		p    mail.Path
		want error
	}{
		"plain":           {"ann@ours.example", ErrUnsigned},
		"null":            {"", ErrUnsigned},
		"another address": {mail.Path("prvs=" + tag + "=bob@ours.example"), ErrForged},
		"another domain":  {mail.Path("prvs=" + tag + "=ann@far.example"), ErrForged},
		"another hash":    {"prvs=" + mail.Path(tag[:4]) + "000000=ann@ours.example", ErrForged},
		"another day":     {mail.Path("prvs=" + tag[:1] + "999" + tag[4:] + "=ann@ours.example"), ErrForged},
		"another key":     {mail.Path("prvs=" + string('0'+(tag[0]-'0'+5)%10) + tag[1:] + "=ann@ours.example"), ErrForged},
		"no hexadecimal":  {"prvs=" + mail.Path(tag[:4]) + "00000g=ann@ours.example", ErrUnsigned},
		"cut":             {mail.Path("prvs=" + tag + "@ours.example"), ErrUnsigned},
		"nobody":          {mail.Path("prvs=" + tag + "=@ours.example"), ErrUnsigned},
	} {
		if _, err := s.Verify(t.Context(), tt.p); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", name, err, tt.want)
		}
	}
	away := errors.New("away")
	broken := NewSigner(func(context.Context, string) ([]byte, error) { return nil, away }, func() time.Time { return noon })
	if _, err := broken.Verify(t.Context(), good); !errors.Is(err, away) {
		t.Errorf("no keys: got %v", err)
	}
}

func TestSignLeaves(t *testing.T) {
	now := noon
	s := signer(&now)
	signed, _ := s.Sign(t.Context(), "ann@ours.example")
	for _, p := range []mail.Path{"", signed, "SRS0=abcdef=XY=far.example=jane@ours.example"} {
		if got, err := s.Sign(t.Context(), p); err != nil || got != p {
			t.Errorf("%q: got %q, %v", p, got, err)
		}
	}
	for _, p := range []mail.Path{`"a b"@ours.example`, "\u0338a@ours.example", mail.Path(strings.Repeat("a", mail.MaxPath-len("@ours.example")) + "@ours.example")} {
		if _, err := s.Sign(t.Context(), p); !errors.Is(err, ErrUnsignable) {
			t.Errorf("%q: got %v, want ErrUnsignable", p, err)
		}
	}
}

func FuzzVerify(f *testing.F) {
	now := noon
	s := signer(&now)
	signed, _ := s.Sign(context.Background(), "ann@ours.example")
	f.Add(string(signed))
	f.Add("prvs=0000000000=a@b")
	f.Add("prvs=0000000000=\"a b\"@b")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := mail.ParsePath(text)
		if err != nil {
			return
		}
		plain, err := s.Verify(t.Context(), p)
		if err != nil {
			return
		}
		again, err := s.Sign(t.Context(), plain)
		if err != nil || again.Fold() != p.Fold() {
			t.Errorf("%q verified as %q, which is signed %q, %v", p, plain, again, err)
		}
	})
}
