package token

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// sealer has keys that are their names, and a clock.
func sealer(now *time.Time) *Sealer {
	return New(func(_ context.Context, name string) ([]byte, error) { return []byte(name), nil }, func() time.Time { return *now })
}

func statement() Statement {
	return Statement{Made: noon, Expires: noon.Add(30 * 24 * time.Hour), Fields: []string{"release", "0ab1c2d3e4f5g6h7i8j9"}}
}

func TestSealAndOpen(t *testing.T) {
	now := noon
	s := sealer(&now)
	text, err := s.Seal(t.Context(), "digest", statement())
	if err != nil || strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		t.Fatalf("got %q, %v", text, err)
	}
	if again, _ := s.Seal(t.Context(), "digest", statement()); again != text {
		t.Errorf("got %q the second time, want %q", again, text)
	}
	if got, err := s.Open(t.Context(), "digest", text); err != nil || !reflect.DeepEqual(got, statement()) {
		t.Errorf("got %+v, %v", got, err)
	}
	now = noon.Add(100 * 24 * time.Hour) // another key is in use
	if got, err := s.Open(t.Context(), "digest", text); !errors.Is(err, ErrExpired) || !reflect.DeepEqual(got, statement()) {
		t.Errorf("later: got %+v, %v; want it expired", got, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	now := noon
	s := sealer(&now)
	text, err := s.Seal(t.Context(), "digest", statement())
	if err != nil {
		t.Fatal(err)
	}
	early := statement()
	early.Made, early.Expires = noon.Add(time.Hour), noon.Add(2*time.Hour)
	future, _ := s.Seal(t.Context(), "digest", early)
	for name, tt := range map[string]struct{ purpose, text string }{
		"another purpose":     {"challenge", text},
		"nothing":             {"digest", ""},
		"no base64":           {"digest", "!" + text[1:]},
		"trailing bits":       {"digest", text + "A"},
		"cut":                 {"digest", text[:len(text)-4]},
		"made in the future":  {"digest", future},
		"a purpose with less": {"diges", text},
		"very long":           {"digest", strings.Repeat("A", 4000)},
	} {
		if _, err := s.Open(t.Context(), tt.purpose, tt.text); !errors.Is(err, ErrToken) {
			t.Errorf("%s: got %v, want ErrToken", name, err)
		}
	}
	for i := range text { // no character can be another
		c := byte('A')
		if text[i] == c {
			c = 'B'
		}
		if _, err := s.Open(t.Context(), "digest", text[:i]+string(c)+text[i+1:]); !errors.Is(err, ErrToken) {
			t.Errorf("character %d changed: got %v, want ErrToken", i, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	now := noon
	s := sealer(&now)
	text, _ := s.Seal(context.Background(), "digest", statement())
	f.Add(text)
	f.Add("")
	f.Fuzz(func(t *testing.T, got string) {
		if st, err := s.Open(t.Context(), "digest", got); err == nil && got != text {
			t.Errorf("%q opened: %+v", got, st)
		}
	})
}
