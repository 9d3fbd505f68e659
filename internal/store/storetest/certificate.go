package storetest

import (
	"errors"
	"reflect"
	"sync"
	"testing"
	"time"

	"gatepost/internal/certificate"
)

// Certificates tests that what open returns keeps what authorities issued. Each call of open is a new, empty store.
func Certificates(t *testing.T, open func(*testing.T) certificate.Rows) {
	for name, test := range map[string]func(*testing.T, certificate.Rows){
		"certificates come back as they were": certificateRoundTrip,
		"nothing is changed on failure":       certificateRefused,
		"changes are one by one":              certificateRace,
		"accounts are kept":                   certificateAccounts,
		"proofs end":                          certificateProofs,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func setIssued(t *testing.T, rows certificate.Rows, want certificate.Issued) {
	t.Helper()
	if err := rows.ChangeIssued(t.Context(), want.Name, func(i *certificate.Issued) error { *i = want; return nil }); err != nil {
		t.Fatal(err)
	}
}

func certificateRoundTrip(t *testing.T, rows certificate.Rows) {
	at := time.UnixMicro(1795694400123456).UTC()
	full := certificate.Issued{
		Name: "a.example", Private: []byte{0, 1, 255}, Chain: []byte("PEM"), Next: []byte{2}, NextAt: at, Due: at.Add(time.Hour), Tries: 3, Problem: "Ärger", Tried: at.Add(-time.Hour),
	}
	bare := certificate.Issued{Name: "b.example"}
	_, _, first, err := rows.Issued(t.Context(), -1)
	if err != nil {
		t.Fatal(err)
	}
	setIssued(t, rows, full)
	got, all, second, err := rows.Issued(t.Context(), first)
	if err != nil || all != 1 || len(got) != 1 || second <= first {
		t.Fatalf("got %+v of %d, revision %d after %d, %v", got, all, second, first, err)
	}
	for _, p := range []*time.Time{&got[0].NextAt, &got[0].Due, &got[0].Tried} {
		*p = p.UTC()
	}
	if !reflect.DeepEqual(got[0], full) {
		t.Errorf("got %+v, want %+v", got[0], full)
	}
	setIssued(t, rows, bare)
	if got, all, _, err = rows.Issued(t.Context(), second); err != nil || all != 2 || len(got) != 1 || !reflect.DeepEqual(got[0], bare) {
		t.Errorf("got %+v of %d, %v; want the one that changed", got, all, err)
	}
	if err := rows.DropIssued(t.Context(), "a.example"); err != nil {
		t.Fatal(err)
	}
	if err := rows.DropIssued(t.Context(), "a.example"); !errors.Is(err, certificate.ErrUnknown) {
		t.Errorf("dropped again: %v", err)
	}
	if got, all, third, err := rows.Issued(t.Context(), 0); err != nil || all != 1 || len(got) != 1 || third <= second {
		t.Errorf("after the drop: %+v of %d, %v", got, all, err)
	}
}

func certificateRefused(t *testing.T, rows certificate.Rows) {
	setIssued(t, rows, certificate.Issued{Name: "a.example", Tries: 1})
	refused := errors.New("no")
	err := rows.ChangeIssued(t.Context(), "a.example", func(i *certificate.Issued) error { i.Tries = 9; return refused })
	if err != refused {
		t.Errorf("got %v, want the change's own error", err)
	}
	if got, _, _, err := rows.Issued(t.Context(), 0); err != nil || len(got) != 1 || got[0].Tries != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func certificateRace(t *testing.T, rows certificate.Rows) {
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := rows.ChangeIssued(t.Context(), "a.example", func(i *certificate.Issued) error { i.Tries++; return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got, _, _, err := rows.Issued(t.Context(), 0); err != nil || len(got) != 1 || got[0].Tries != 8 {
		t.Errorf("got %+v, %v; want 8 tries", got, err)
	}
}

func certificateAccounts(t *testing.T, rows certificate.Rows) {
	none, err := rows.Account(t.Context(), "https://one.example")
	if want := (certificate.Account{Directory: "https://one.example"}); err != nil || !reflect.DeepEqual(none, want) {
		t.Errorf("got %+v, %v", none, err)
	}
	want := certificate.Account{Directory: "https://one.example", Private: []byte{1}, URI: "https://one.example/1", Contact: "mailto:a@b.example"}
	for _, a := range []certificate.Account{{Directory: want.Directory, Private: []byte{1}}, want, {Directory: "https://two.example", Private: []byte{2}}} {
		if err := rows.PutAccount(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := rows.Account(t.Context(), want.Directory); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

func certificateProofs(t *testing.T, rows certificate.Rows) {
	now := time.UnixMicro(1795694400123456)
	put := func(kind, key, answer string, lasts time.Duration) {
		t.Helper()
		if err := rows.PutProof(t.Context(), certificate.Proof{Kind: kind, Key: key, Answer: []byte(answer), Expires: now.Add(lasts)}, now); err != nil {
			t.Fatal(err)
		}
	}
	wants := func(kind, key, want string) {
		t.Helper()
		if got, err := rows.Proof(t.Context(), kind, key, now); err != nil || string(got) != want {
			t.Errorf("%s %s: got %q, %v; want %q", kind, key, got, err, want)
		}
	}
	put(certificate.HTTP01, "token", "first", time.Minute)
	put(certificate.HTTP01, "token", "answer", time.Minute)
	put(certificate.TLSALPN01, "a.example", "pem", time.Hour)
	wants(certificate.HTTP01, "token", "answer")
	wants(certificate.TLSALPN01, "a.example", "pem")
	wants(certificate.TLSALPN01, "token", "")
	now = now.Add(2 * time.Minute)
	wants(certificate.HTTP01, "token", "")
	if err := rows.DropProof(t.Context(), certificate.TLSALPN01, "a.example"); err != nil {
		t.Fatal(err)
	}
	wants(certificate.TLSALPN01, "a.example", "")
}
