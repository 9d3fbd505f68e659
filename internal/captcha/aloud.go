package captcha

import (
	"embed"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
)

// recordings are digits as voices say them, LANGUAGE/VOICE/DIGIT.pcm: what make.sh beside them has made, 100 KB a language.
//
//go:embed sounds/*/*/*.pcm
var recordings embed.FS

const (
	rate    = 8000 // samples a second
	silence = 128  // of samples of 8 bits, which have no sign
	peak    = 127  // the loudest, beside silence
	voices  = 3    // of each language
)

// How digits are read. What is slower than it was recorded is lower, too.
const (
	minGap, maxGap     = rate, 2 * rate // around each digit, in samples: time to type it
	minSpeed, maxSpeed = 0.85, 1.15
	minLevel, maxLevel = 0.75, 0.95
)

// What is heard besides: a hiss, and scraps of what the voices say, backwards, as from people next door. It is to hide
// where a digit begins from programs, not digits from people.
const (
	hiss                         = 3        // the loudest sample, of peak
	scrapEach                    = rate / 5 // samples
	minScrapLevel, maxScrapLevel = 0.06, 0.18
	minScrapSpeed, maxScrapSpeed = 0.7, 1.3
)

// Tones say that digits are about to be read, and that there are no more.
const (
	toneLength          = rate / 6
	toneLevel           = 0.4
	openingHz, endingHz = 660, 440
)

// A voice says the digits.
type voice [10][]byte

// voicesOf returns the voices of a language, none where there are no recordings.
func voicesOf(lang string) []voice {
	all := make([]voice, voices)
	for v := range all {
		for d := range all[v] {
			b, err := recordings.ReadFile(fmt.Sprintf("sounds/%s/%d/%d.pcm", lang, v, d))
			if err != nil {
				return nil
			}
			all[v][d] = b
		}
	}
	return all
}

// aloud returns digits read aloud, as a WAV of 8 kHz, 8 bits and one channel. Chance decides about voices, speeds,
// gaps and what is heard besides.
func aloud(answer string, all []voice, chance *rand.Rand) []byte {
	words, length := said(answer, all, chance)
	t := make(track, length)
	t.fill(all, chance)
	t.add(0, tone(openingHz))
	t.add(3*toneLength/2, tone(openingHz))
	for _, w := range words {
		t.add(w.at, w.sound)
	}
	t.add(length-toneLength, tone(endingHz))
	return t.wav()
}

// A word is a digit as it is said once.
type word struct {
	at    int // the sample with which it begins
	sound track
}

// said returns the words between the tones, with a gap before and after each, and the length of all, which is even.
func said(answer string, all []voice, chance *rand.Rand) (words []word, length int) {
	at := 5 * toneLength / 2
	for _, digit := range answer {
		at += between(minGap, maxGap, chance)
		recording := all[chance.IntN(len(all))][digit-'0']
		w := word{at, played(recording, within(minSpeed, maxSpeed, chance), within(minLevel, maxLevel, chance))}
		words = append(words, w)
		at += len(w.sound)
	}
	at += between(minGap, maxGap, chance) + toneLength
	return words, at + at%2
}

func within(least, most float64, chance *rand.Rand) float64 {
	return least + (most-least)*chance.Float64()
}

func between(least, most int, chance *rand.Rand) int { return least + chance.IntN(most-least+1) }

// A track is a sound that others are added to: samples around nought, which are up to peak where it is heard alone.
type track []int16

// played returns a recording at a speed and a level, 1 being as it is; between samples it draws a line.
func played(recording []byte, speed, level float64) track {
	t := make(track, int(float64(len(recording)-1)/speed))
	for i := range t {
		whole, part := math.Modf(float64(i) * speed)
		a, b := float64(recording[int(whole)])-silence, float64(recording[int(whole)+1])-silence
		t[i] = int16(math.Round(level * (a + part*(b-a))))
	}
	return t
}

// backwards turns a sound round.
func (t track) backwards() track {
	for i, j := 0, len(t)-1; i < j; i, j = i+1, j-1 {
		t[i], t[j] = t[j], t[i]
	}
	return t
}

// tone returns a sine that comes and goes softly.
func tone(hz float64) track {
	t := make(track, toneLength)
	for i := range t {
		at := float64(i)
		t[i] = int16(peak * toneLevel * math.Sin(math.Pi*at/toneLength) * math.Sin(2*math.Pi*hz*at/rate))
	}
	return t
}

// add has a sound heard besides what is there, from a sample on; what goes beyond the end is left out.
func (t track) add(at int, sound track) {
	for i, v := range sound[:min(len(sound), len(t)-at)] {
		t[at+i] += v
	}
}

// fill adds hiss and scraps all over a track.
func (t track) fill(all []voice, chance *rand.Rand) {
	for i := range t {
		t[i] += int16(chance.IntN(2*hiss+1) - hiss)
	}
	for range len(t) / scrapEach {
		recording := all[chance.IntN(len(all))][chance.IntN(10)]
		scrap := played(recording, within(minScrapSpeed, maxScrapSpeed, chance), within(minScrapLevel, maxScrapLevel, chance))
		t.add(chance.IntN(len(t)), scrap.backwards())
	}
}

// wav returns the track as a file of the form RIFF, whose parts are of even length.
func (t track) wav() []byte {
	const head, pcm, channels, sampleOctets = 36, 1, 1, 1 // head: what comes between the first length and the samples
	order := binary.LittleEndian
	b := make([]byte, 0, 8+head+len(t))
	b = order.AppendUint32(append(b, "RIFF"...), uint32(head+len(t)))
	b = order.AppendUint32(append(b, "WAVEfmt "...), 16)
	b = order.AppendUint16(order.AppendUint16(b, pcm), channels)
	b = order.AppendUint32(order.AppendUint32(b, rate), rate*channels*sampleOctets)
	b = order.AppendUint16(order.AppendUint16(b, channels*sampleOctets), 8*sampleOctets)
	b = order.AppendUint32(append(b, "data"...), uint32(len(t)))
	for _, v := range t {
		b = append(b, byte(silence+min(max(v, -peak), peak)))
	}
	return b
}
