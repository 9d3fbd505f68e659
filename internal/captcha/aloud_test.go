package captcha

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// chanceOf returns the same numbers for the same seed.
func chanceOf(seed byte) *rand.Rand { return rand.New(rand.NewChaCha8([32]byte{seed})) }

func TestRecordings(t *testing.T) {
	const maxOctets = 250_000 // of all
	octets := 0
	seen := map[string]string{}
	err := fs.WalkDir(recordings, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := recordings.ReadFile(name)
		if err != nil {
			return err
		}
		octets += len(b)
		if other := seen[string(b)]; other != "" {
			t.Errorf("%s is the same as %s", name, other)
		}
		seen[string(b)] = name
		if len(b) < rate/5 || len(b) > rate {
			t.Errorf("%s: %d samples", name, len(b))
		}
		if least, most := slices.Min(b), slices.Max(b); least > 20 && most < 235 {
			t.Errorf("%s is faint: %d to %d", name, least, most)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(seen) != 10*voices || octets > maxOctets {
		t.Errorf("%d recordings, %d octets; want %d, %d at most", len(seen), octets, 10*voices, maxOctets)
	}
}

func TestVoicesOf(t *testing.T) {
	for lang, want := range map[string]int{"fr": voices, "en": 0, "": 0, "..": 0, "fr/0": 0, "no such": 0} {
		if got := voicesOf(lang); len(got) != want {
			t.Errorf("%q: %d voices, want %d", lang, len(got), want)
		}
	}
}

// Who reads is known by the tone before it.
func TestWhoReads(t *testing.T) {
	for lang, want := range map[string]bool{"fr": true, "en": false, "ru": false, "no such": false} {
		b, err := sketch{kind: sound, lang: lang}.draw("123450")
		if err != nil {
			t.Fatal(err)
		}
		if got := correlation(samples(b), tone(openingHz)); (got > 0.9) != want {
			t.Errorf("%s: our tone is heard by %.2f", lang, got)
		}
	}
}

// No digit of a voice could be taken for another: laid over each other as well as may be, they have little in common.
func TestDigitsDiffer(t *testing.T) {
	for v, voice := range voicesOf("fr") {
		for a := range voice {
			for b := range a {
				if got := likeness(played(voice[a], 1, 1), played(voice[b], 1, 1)); got > 0.8 {
					t.Errorf("voice %d: %d and %d are alike: %.2f", v, a, b, got)
				}
			}
		}
		if got := likeness(played(voice[3], 1, 1), played(voice[3], 1, 0.5)); got < 0.99 {
			t.Errorf("voice %d: a digit and itself: %.2f", v, got)
		}
	}
}

// likeness is the greatest correlation of two sounds, of which one may begin up to a fortieth of a second later; 1: they
// are the same.
func likeness(a, b track) (best float64) {
	for move := -rate / 40; move < rate/40; move++ {
		best = max(best, correlation(a[max(0, move):], b[max(0, -move):]))
	}
	return best
}

// correlation is that of what both have.
func correlation(a, b track) float64 {
	var product, squaresA, squaresB float64
	for i := range min(len(a), len(b)) {
		x, y := float64(a[i]), float64(b[i])
		product, squaresA, squaresB = product+x*y, squaresA+x*x, squaresB+y*y
	}
	return product / math.Sqrt(squaresA*squaresB+1)
}

// A sound begins with a header of 44 octets that says what follows.
func TestWAV(t *testing.T) {
	for seed := range byte(20) {
		b := aloud("123450", voicesOf("fr"), chanceOf(seed))
		var h struct {
			RIFF           [4]byte
			Size           uint32
			WAVE, Fmt      [4]byte
			FmtSize        uint32
			Form, Channels uint16
			Rate, Octets   uint32
			Block, Bits    uint16
			Data           [4]byte
			DataSize       uint32
		}
		if err := binary.Read(bytes.NewReader(b), binary.LittleEndian, &h); err != nil {
			t.Fatal(err)
		}
		if names := string(h.RIFF[:]) + string(h.WAVE[:]) + string(h.Fmt[:]) + string(h.Data[:]); names != "RIFFWAVEfmt data" {
			t.Errorf("got %q", names)
		}
		if int(h.Size) != len(b)-8 || h.FmtSize != 16 || int(h.DataSize) != len(b)-44 || h.DataSize%2 != 0 {
			t.Errorf("of %d octets: RIFF %d, fmt %d, data %d", len(b), h.Size, h.FmtSize, h.DataSize)
		}
		if h.Form != 1 || h.Channels != 1 || h.Rate != 8000 || h.Octets != 8000 || h.Block != 1 || h.Bits != 8 {
			t.Errorf("got %+v", h)
		}
	}
}

// What is said is the answer, in its order, and stays what is heard most where it is said.
func TestSaid(t *testing.T) {
	all := voicesOf("fr")
	for seed := range byte(8) {
		answer := fmt.Sprintf("%06d", 98765*(int(seed)+1)%1_000_000)
		words, _ := said(answer, all, chanceOf(seed))
		heard := samples(aloud(answer, all, chanceOf(seed)))
		for i, w := range words {
			if got := correlation(heard[w.at:], w.sound); got < 0.8 {
				t.Errorf("%s: word %d is heard by %.2f", answer, i, got)
			}
			best, digit := 0.0, 0
			for _, v := range all {
				for d, recording := range v {
					whole := played(recording, float64(len(recording)-1)/float64(len(w.sound)), 1) // as long as the word is
					if c := correlation(w.sound, whole); c > best {
						best, digit = c, d
					}
				}
			}
			if byte(digit)+'0' != answer[i] {
				t.Errorf("%s: word %d is most like %d", answer, i, digit)
			}
		}
	}
}

// Chance decides: two sounds of the same digits have hardly an octet in common but by chance.
func TestAloudDiffers(t *testing.T) {
	all := voicesOf("fr")
	a, b := aloud("123450", all, chanceOf(1)), aloud("123450", all, chanceOf(2))
	if bytes.Contains(b, a[len(a)/2:len(a)/2+rate/10]) {
		t.Error("a tenth of a second of one is in the other")
	}
	if again := aloud("123450", all, chanceOf(1)); !bytes.Equal(a, again) {
		t.Error("the same chance makes another sound")
	}
	s := sketch{kind: sound, lang: "fr"}
	one, err := s.draw("123450")
	if err != nil {
		t.Fatal(err)
	}
	if other, err := s.draw("123450"); err != nil || bytes.Equal(one, other) {
		t.Errorf("drawn twice, it is the same (%v)", err)
	}
}

// Whoever counts how loud it is finds six words, with as much as a second between them; and the sound has its bounds.
func TestSixWords(t *testing.T) {
	least, most := math.MaxInt, 0
	for seed := range byte(25) {
		b := aloud(fmt.Sprintf("%06d", 12345*(int(seed)+1)%1_000_000), voicesOf("fr"), chanceOf(seed))
		heard := samples(b)
		least, most = min(least, len(heard)), max(most, len(heard))
		between := heard[5*toneLength/2 : len(heard)-toneLength]
		if n := bursts(between); n != 6 {
			t.Errorf("seed %d: %d words", seed, n)
		}
	}
	if least < 9*rate || most > 20*rate {
		t.Errorf("%d to %d samples", least, most)
	}
	t.Logf("%.1f to %.1f s", float64(least)/rate, float64(most)/rate)
}

func samples(wav []byte) track {
	t := make(track, len(wav)-44)
	for i, v := range wav[44:] {
		t[i] = int16(v) - silence
	}
	return t
}

// bursts counts stretches of loud fiftieths of a second, which are apart where it is quiet for half a second.
func bursts(t track) (n int) {
	const window, loud, pause = rate / 50, 16, 25
	quiet := pause
	for at := 0; at+window <= len(t); at += window {
		squares := 0.0
		for _, v := range t[at : at+window] {
			squares += float64(v) * float64(v)
		}
		if math.Sqrt(squares/window) < loud {
			quiet++
			continue
		}
		if quiet >= pause {
			n++
		}
		quiet = 0
	}
	return n
}
