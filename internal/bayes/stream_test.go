package bayes

import (
	"context"
	"errors"
	"strings"
	"testing"

	"gatepost/internal/mail"
)

type pupil struct{ *Model }

func (p pupil) Judge(_ context.Context, f *Features) (Verdict, error) {
	return p.Model.Judge(f, ""), nil
}

func (p pupil) Teach(_ context.Context, f *Features, spam bool) error {
	p.Learn(f, "", spam)
	return nil
}

// lines counts lines, the last one also where nothing ends it.
func lines(text string) (n int) {
	for range strings.Lines(text) {
		n++
	}
	return n
}

func TestStream(t *testing.T) {
	open := func(path string) (*mail.Message, func(), error) {
		if path == "no such file" {
			return nil, nil, errors.New("gone")
		}
		return mail.NewMessage([]byte("Subject: " + path + "\r\n\r\n" + path + "\r\n")), func() {}, nil
	}
	for _, c := range []struct{ name, in, want string }{
		{"train", "train spam a b\ntrain ham c\n", "ok\nok\n"},
		{"path with spaces", "classify a b  c\r\n", "a b  c "},
		{"error", "classify no such file\ntrain ham x", "no such file error: gone\nok\n"},
		{"unknown", "learn spam x\ntrain x\nclassify\n", "learn spam x error: not"},
		{"long", "classify " + strings.Repeat("x", 3*maxLine) + "\ntrain ham x\n", "xxx"},
		{"empty", "\ntrain ham x\n\r\n", " error: not \"train spam PATH\", \"train ham PATH\" or \"classify PATH\"\nok\n error: not"},
		{"nothing", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			if err := Stream(t.Context(), strings.NewReader(c.in), &out, open, pupil{New()}); err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(out.String(), c.want) || strings.Count(out.String(), "\n") != lines(c.in) {
				t.Errorf("got %.200q, want %q", out.String(), c.want)
			}
		})
	}
}
