package captcha

import (
	"bytes"
	"fmt"
	"image/color"

	"github.com/mojocn/base64Captcha"
)

// An image is Width by Height pixels.
const (
	Width  = 240
	Height = 80
)

// How an image is drawn: one colour, letters that lean and wave, a line through them and
// dots, which is what people read best of what machines don't.
const (
	lean = 0.6
	dots = 80
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

// Audio returns a task's digits read aloud, some twelve seconds, as a WAV: 8 kHz, 8 bits, one
// channel. The languages are those of base64Captcha, English for any other. Else it is
// as Image.
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

func (s sketch) draw(answer string) ([]byte, error) {
	var d base64Captcha.Driver = base64Captcha.NewDriverDigit(Height, Width, len(answer), lean, dots)
	if s.kind == sound {
		d = base64Captcha.NewDriverAudio(len(answer), s.lang)
	}
	item, err := d.DrawCaptcha(answer)
	if err != nil {
		return nil, err
	}
	if m, ok := item.(*base64Captcha.ItemDigit); ok {
		m.Palette[0] = color.White // in place of nothing, on which dark digits would vanish at night
	}
	var b bytes.Buffer
	_, err = item.WriteTo(&b)
	return b.Bytes(), err
}
