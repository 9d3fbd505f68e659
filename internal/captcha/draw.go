package captcha

import (
	"bytes"
	cryptorand "crypto/rand"
	"fmt"
	"image/color"
	"io"
	"math/rand/v2"

	drawing "github.com/dchest/captcha"
)

// An image is Width by Height pixels.
const (
	Width  = 240
	Height = 80
)

// A kind is a way to tell the digits.
type kind string

const (
	image kind = "image"
	sound kind = "sound"
)

// A sketch is a drawing of a task.
type sketch struct {
	task string
	kind kind
	lang string
}

// Image returns a task's digits as a PNG, or ErrOver. To look changes nothing; but
// only so many drawings of a task are made.
func (t *Tasks) Image(id string) ([]byte, error) {
	return t.drawing(sketch{task: id, kind: image})
}

// Audio returns a task's digits read aloud, nine to twenty-three seconds, as a WAV: 8 kHz, 8 bits, one
// channel. The languages are French, by recordings of our own (aloud.go), and those of dchest/captcha, whose
// recordings are of people: English, Japanese, Portuguese, Russian and Chinese; and English for any other. Else it is as Image.
func (t *Tasks) Audio(id, lang string) ([]byte, error) {
	return t.drawing(sketch{task: id, kind: sound, lang: lang})
}

func (t *Tasks) drawing(s sketch) ([]byte, error) {
	answer, old, err := t.sit(s)
	if err != nil || old != nil {
		return old, err
	}
	b, err := s.draw(answer)
	if err != nil {
		return nil, fmt.Errorf("captcha: draw %s: %w", s.kind, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if kept := t.sketches.get(s, t.now()); kept != nil { // somebody was faster
		return kept, nil
	}
	if k, ok := t.open.get(s.task, t.now()); ok {
		t.sketches.put(drawn{s, b, k.subject, k.client.site, t.now().Add(Lifetime)})
	}
	return b, nil
}

// sit returns the drawing that is there, or what is to be drawn.
func (t *Tasks) sit(s sketch) (answer string, old []byte, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k, ok := t.open.get(s.task, t.now())
	if !ok {
		return "", nil, ErrOver
	}
	if old := t.sketches.get(s, t.now()); old != nil {
		return "", old, nil
	}
	if k.drawn[s.kind] >= drawings {
		return "", nil, ErrOver
	}
	k.drawn[s.kind]++
	return k.answer, nil, nil
}

// draw tells the digits. An image has one colour, digits that lean and wave, a line through them
// and dots, which is what people read best of what machines don't. No two drawings are alike,
// even of one answer.
func (s sketch) draw(answer string) ([]byte, error) {
	if s.kind == sound {
		if ours := voicesOf(s.lang); ours != nil {
			return aloud(answer, ours, unforeseen()), nil
		}
	}
	digits := []byte(answer)
	for i := range digits {
		digits[i] -= '0'
	}
	var b bytes.Buffer
	var item io.WriterTo
	if s.kind == sound {
		item = drawing.NewAudio(cryptorand.Text(), digits, s.lang)
	} else {
		m := drawing.NewImage(cryptorand.Text(), digits, Width, Height)
		m.Palette[0] = color.White // in place of nothing, on which dark digits would vanish at night
		item = m
	}
	_, err := item.WriteTo(&b)
	return b.Bytes(), err
}

// unforeseen returns numbers that nobody foresees.
func unforeseen() *rand.Rand {
	var seed [32]byte
	cryptorand.Read(seed[:]) // never fails
	return rand.New(rand.NewChaCha8(seed))
}
