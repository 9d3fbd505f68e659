package captcha

import (
	"crypto/sha256"
	"strconv"
	"strings"
	"testing"
)

func TestWork(t *testing.T) {
	w := Work{Nonce: "GATEPOST", Bits: 12}
	good := worked(w)
	if sum := sha256.Sum256([]byte("GATEPOST:" + good)); sum[0] != 0 || sum[1] >= 16 {
		t.Fatalf("%s gives %x, want 12 bits of zero", good, sum)
	}
	for _, bad := range []string{"", "+" + good, " " + good, good + " ", "-1", "0x10", "1_0", "99999999999999999999", strings.Repeat("0", 17), "١"} {
		if w.Done(bad) {
			t.Errorf("%q is taken", bad)
		}
	}
	if n, _ := strconv.Atoi(good); w.Done(strconv.Itoa(n - 1)) {
		t.Error("the counter before is taken")
	}
	if (Work{Nonce: "gatepost", Bits: 12}).Done(good) {
		t.Error("another's proof is taken")
	}
}

func FuzzWorkDone(f *testing.F) {
	for _, s := range []string{"", "0", "123", "00000000000000001", "+1", "9007199254740991", "99999999999999999999"} {
		f.Add("n", s)
	}
	f.Fuzz(func(t *testing.T, nonce, proof string) {
		if !(Work{Nonce: nonce}).Done(proof) {
			return
		}
		if len(proof) > maxProof || proof == "" || strings.Trim(proof, "0123456789") != "" {
			t.Errorf("%q is no counter", proof)
		}
	})
}

func FuzzPlain(f *testing.F) {
	for _, s := range []string{"123456", " 12 34 56", "１２３", "O0l1", "½", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got := plain(s); strings.Trim(got, "0123456789x") != "" {
			t.Errorf("%q gives %q", s, got)
		}
	})
}

func BenchmarkWork(b *testing.B) {
	w := Work{Nonce: "GATEPOST", Bits: 64}
	for n := range b.N {
		w.Done(strconv.Itoa(n))
	}
}
