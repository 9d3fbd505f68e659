package bayes

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"gatepost/internal/mail"
)

// A Pupil is what a stream teaches and asks: a model, or what keeps one.
type Pupil interface {
	Judge(ctx context.Context, f *Features) (Verdict, error)
	Teach(ctx context.Context, f *Features, spam bool) error
}

// An Opener opens the message at a path; done is called when it is no longer needed.
type Opener func(path string) (m *mail.Message, done func(), err error)

// maxLine bounds a line of a stream, in octets.
const maxLine = 64 << 10

// Stream reads lines from in until it ends and answers each with one line on out:
//
//	train spam PATH    ok
//	train ham PATH     ok
//	classify PATH      PATH SCORE
//
// A path is all to the end of the line, spaces included. Each line is answered, an empty one too. What can't be done is answered "PATH error: …", and the
// stream goes on. Scores have all their digits. Answers are out before the stream waits for more lines.
// It ends with an error where in or out fails, or the context is done.
func Stream(ctx context.Context, in io.Reader, out io.Writer, open Opener, pupil Pupil) error {
	r, w := bufio.NewReaderSize(in, maxLine), bufio.NewWriter(out)
	s := stream{open, pupil}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if b, _ := r.Peek(r.Buffered()); bytes.IndexByte(b, '\n') < 0 {
			if err := w.Flush(); err != nil {
				return fmt.Errorf("bayes: answer a stream: %w", err)
			}
		}
		line, err := cutLine(r)
		if line != "" || err == nil {
			w.WriteString(s.answer(ctx, line))
			w.WriteByte('\n')
		}
		if errors.Is(err, io.EOF) {
			err = w.Flush()
			if err == nil {
				return nil
			}
		}
		if err != nil {
			return fmt.Errorf("bayes: read a stream: %w", err)
		}
	}
}

// cutLine reads a line, or the first maxLine octets of a longer one.
func cutLine(r *bufio.Reader) (string, error) {
	b, err := r.ReadSlice('\n')
	line := strings.TrimRight(string(b), "\r\n")
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = r.ReadSlice('\n')
	}
	return line, err
}

type stream struct {
	open  Opener
	pupil Pupil
}

// answer does what a line asks.
func (s stream) answer(ctx context.Context, line string) string {
	verb, path, _ := strings.Cut(line, " ")
	class := ""
	if verb == "train" {
		class, path, _ = strings.Cut(path, " ")
	}
	var answer string
	err := errUnknown
	switch {
	case path == "":
	case verb == "classify":
		answer, err = s.classify(ctx, path)
	case verb == "train" && (class == "spam" || class == "ham"):
		answer, err = "ok", s.train(ctx, path, class == "spam")
	}
	if errors.Is(err, errUnknown) {
		path = line
	}
	if err != nil {
		return path + " error: " + strings.ReplaceAll(err.Error(), "\n", " ")
	}
	return answer
}

// errUnknown says that a line asks for nothing that is known.
var errUnknown = errors.New(`not "train spam PATH", "train ham PATH" or "classify PATH"`)

func (s stream) classify(ctx context.Context, path string) (string, error) {
	f, err := s.features(path)
	if err != nil {
		return "", err
	}
	v, err := s.pupil.Judge(ctx, f)
	return path + " " + strconv.FormatFloat(v.Score, 'g', -1, 64), err
}

func (s stream) train(ctx context.Context, path string, spam bool) error {
	f, err := s.features(path)
	if err != nil {
		return err
	}
	return s.pupil.Teach(ctx, f, spam)
}

func (s stream) features(path string) (*Features, error) {
	m, done, err := s.open(path)
	if err != nil {
		return nil, err
	}
	defer done()
	return Of(m)
}
