package filters

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/png"
	"strings"
	"testing"

	"gatepost/internal/mail"
	"gatepost/internal/picture"
	"gatepost/pipeline"
)

// fakeOCR says what was asked of it.
type fakeOCR struct {
	asked []string
	text  string
	err   error
}

func (f *fakeOCR) Text(_ context.Context, command, languages string, g *image.Gray) (string, error) {
	f.asked = append(f.asked, command+" "+languages)
	return f.text, f.err
}

func TestOCR(t *testing.T) {
	var large, small bytes.Buffer
	if err := png.Encode(&large, patches(1)); err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(&small, image.NewGray(image.Rect(0, 0, 60, 60))); err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"large.png": large.Bytes(), "small.png": small.Bytes(), "broken.png": large.Bytes()[:200]}
	wordy := mail.NewMessage([]byte("Subject: x\r\n\r\n" + strings.Repeat("many words ", 60)))
	for _, c := range []struct {
		name    string
		m       *mail.Message
		command string
		reader  fakeOCR
		result  string
		reason  string
		asked   int
	}{
		{"words in an image", withPictures(files, "large.png"), "tesseract", fakeOCR{text: "Buy VIAGRA\n now"}, "match", `found "viagra": sum 3`, 1},
		{"the sum is enough", withPictures(files, "large.png"), "tesseract", fakeOCR{text: "viagra, cheap watches"}, "spam", `found "viagra", "cheap watches": sum 6 reaches 5`, 1},
		{"nothing bad", withPictures(files, "large.png"), "tesseract", fakeOCR{text: "holidays"}, "none", "", 1},
		{"two at most", withPictures(files, "large.png", "small.png", "broken.png", "large.png", "large.png"), "tesseract", fakeOCR{}, "none", "", 2},
		{"too small, broken", withPictures(files, "small.png", "broken.png"), "tesseract", fakeOCR{}, "none", "", 0},
		{"text of its own", wordy, "tesseract", fakeOCR{text: "viagra"}, "none", "the message has text of its own", 0},
		{"off", withPictures(files, "large.png"), "", fakeOCR{text: "viagra"}, "none", "", 0},
		{"fails", withPictures(files, "large.png"), "tesseract", fakeOCR{err: errors.New("killed after 5s")}, "temperror", "killed after 5s", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			kind := ocrKind(Deps{Pictures: picture.NewReader(1), OCR: &c.reader})
			o := kind.Options().(*ocrOptions)
			o.Command, o.Languages, o.MaxImages, o.SpamFrom = c.command, []string{"eng", "fra"}, 2, 5
			o.Patterns = []keyword{{Word: "viagra", Weight: 3}, {Word: "cheap watches", Weight: 3, In: []string{"subject"}}, {Word: "holidays", In: []string{"html"}}}
			f, err := kind.New(o)
			if err != nil {
				t.Fatal(err)
			}
			found, err := checkContent(t, f, c.m)
			if err != nil {
				found.Result, found.Reason = pipeline.TempError, err.Error()
			}
			if found.Result != c.result || found.Reason != c.reason {
				t.Errorf("got %s %q, want %s %q", found.Result, found.Reason, c.result, c.reason)
			}
			if len(c.reader.asked) != c.asked || c.asked > 0 && c.reader.asked[0] != "tesseract eng+fra" {
				t.Errorf("asked %q, want %d", c.reader.asked, c.asked)
			}
		})
	}
}

func TestOCROptions(t *testing.T) {
	kind := ocrKind(Deps{})
	for name, change := range map[string]func(*ocrOptions){
		"no language":      func(o *ocrOptions) { o.Languages = nil },
		"an option as one": func(o *ocrOptions) { o.Languages = []string{"eng --psm"} },
		"no image":         func(o *ocrOptions) { o.MaxImages = 0 },
		"a bad pattern":    func(o *ocrOptions) { o.Patterns = []keyword{{}} },
	} {
		o := kind.Options().(*ocrOptions)
		if change(o); func() error { _, err := kind.New(o); return err }() == nil {
			t.Errorf("%s: was taken", name)
		}
	}
}
