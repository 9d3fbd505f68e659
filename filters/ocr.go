package filters

import (
	"context"
	"errors"
	"fmt"
	"image"
	"strings"
	"time"
	"unicode"

	"gatepost/internal/mail"
	"gatepost/internal/picture"
	"gatepost/pipeline"
	"gatepost/rules"
)

// ocr reads the text in a message's images with Tesseract, and looks in it for patterns as
// keywords does; those for subject and body apply, and with a YAML anchor an entry can have
// the same as a keywords entry. It is off until `command` names the program. An image is read where the
// message has little text of its own, as spam that shows its text as a picture does, and where it is as
// large as text has to be. Reading takes some seconds of a processor: so few programs run at
// once, each is killed after five seconds, what was read is remembered, and an image is tried
// only while the entry's timeout lasts. The program gets shades of gray, never the sender's file.
type ocr struct {
	words     keywords
	reader    OCR
	pictures  *picture.Reader
	command   string
	languages string
	maxText   int
	minPixels int
	maxImages int
}

// An OCR reads the text in a picture. *ocr.Pool is one.
type OCR interface {
	Text(ctx context.Context, command, languages string, g *image.Gray) (string, error)
}

type ocrOptions struct {
	Command   string    `setting:"command" doc:"the program, as a rule tesseract; empty: off"`
	Languages []string  `setting:"languages" doc:"what the text may be in, by Tesseract's names"`
	MaxText   int       `setting:"max_text" doc:"letters of visible text up to which the images of a message are read"`
	MinPixels int       `setting:"min_pixels" doc:"pixels, width times height, from which an image is read"`
	MaxImages int       `setting:"max_images" doc:"images of a message that are read"`
	Patterns  []keyword `setting:"patterns" doc:"as those of keywords"`
	Files     []string  `setting:"files" doc:"files with more patterns"`
	Packs     []string  `setting:"packs" doc:"names of packs with more patterns"`
	SpamFrom  float64   `setting:"spam_from" doc:"sum of weights from which the message is spam; 0 is never"`
}

// ocrSide is the longer side of a picture as it is read, in pixels.
const ocrSide = 1600

func ocrKind(d Deps) pipeline.Kind {
	return pipeline.Kind{
		Name: "ocr", Stage: pipeline.Data, Scope: pipeline.PerMessage, Waits: true, Timeout: 20 * time.Second,
		Results: []pipeline.Result{
			{Word: "match", Effect: "score", Doc: "patterns were found; the score is the sum of their weights"},
			{Word: "spam", Effect: "spam", Doc: "the sum reaches spam_from"},
			{Word: "none", Effect: "none", Doc: "nothing was found, or no program is named"},
			{Word: pipeline.TempError, Effect: "none", Doc: "the program failed, or there was no time"},
		},
		Options: func() any {
			return &ocrOptions{
				Languages: []string{"eng"}, MaxText: 400, MinPixels: 20_000, MaxImages: 3,
				Patterns: []keyword{}, Files: []string{}, Packs: []string{},
			}
		},
		New: func(options any) (pipeline.Filter, error) { return newOCR(d, *options.(*ocrOptions)) },
	}
}

func newOCR(d Deps, o ocrOptions) (pipeline.Filter, error) {
	switch {
	case o.MaxText < 0 || o.MinPixels < 0 || o.MaxImages < 1 || o.MaxImages > picture.MaxPictures:
		return nil, fmt.Errorf("max_text and min_pixels must not be below 0, max_images is from 1 to %d", picture.MaxPictures)
	case len(o.Languages) == 0:
		return nil, errors.New("languages: name one at least")
	}
	for _, l := range o.Languages {
		if l == "" || strings.ContainsFunc(l, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) }) {
			return nil, fmt.Errorf("languages: %q is not the name of one", l)
		}
	}
	words, err := newKeywords(d, keywordsOptions{Patterns: o.Patterns, Files: o.Files, Packs: o.Packs, SpamFrom: o.SpamFrom})
	if err != nil {
		return nil, err
	}
	return ocr{
		words: words.(keywords), reader: d.OCR, pictures: d.Pictures, command: o.Command, languages: strings.Join(o.Languages, "+"),
		maxText: o.MaxText, minPixels: o.MinPixels, maxImages: o.MaxImages,
	}, nil
}

// Check implements pipeline.Filter.
func (f ocr) Check(ctx context.Context, q pipeline.Query) (pipeline.Finding, error) {
	m := q.Tx.Message
	switch {
	case f.command == "":
		return pipeline.Finding{Result: "none"}, nil
	case f.reader == nil:
		return pipeline.Finding{}, errors.New("ocr: no program can be run here")
	case hasLetters(m.Extract().Body(), f.maxText+1):
		return pipeline.Finding{Result: "none", Reason: "the message has text of its own"}, nil
	}
	p, err := picturesFact(ctx, q.Tx, f.pictures)
	if err != nil {
		return pipeline.Finding{}, fmt.Errorf("ocr: %w", err)
	}
	texts, n, err := f.read(ctx, m, p.list)
	if err != nil {
		return pipeline.Finding{}, err
	}
	found := f.words.judge(rules.New(func(w rules.Where) []string {
		if w == rules.Body || w == rules.Subject {
			return texts
		}
		return nil
	}))
	found.Evidence = append(found.Evidence, pipeline.Evidence{Key: "images", Value: fmt.Sprint(n, " read")})
	for _, t := range texts {
		found.Evidence = append(found.Evidence, pipeline.Evidence{Key: "text", Value: shorten(strings.Join(strings.Fields(t), " "))})
	}
	found.Evidence = append(found.Evidence, p.seen()...)
	return found, nil
}

// read returns the texts of the images that are worth it, and how many those are.
func (f ocr) read(ctx context.Context, m *mail.Message, list []picture.Picture) (texts []string, n int, err error) {
	for _, p := range list {
		if p.Problem != "" || p.Width*p.Height < f.minPixels || n == f.maxImages {
			continue
		}
		g, err := f.pictures.Gray(ctx, m, p, ocrSide)
		if err != nil {
			return nil, n, fmt.Errorf("ocr: %w", err)
		}
		if g == nil {
			continue
		}
		n++
		text, err := f.reader.Text(ctx, f.command, f.languages, g)
		if err != nil {
			return nil, n, err
		}
		if strings.TrimSpace(text) != "" {
			texts = append(texts, text)
		}
	}
	return texts, n, nil
}

// hasLetters reports whether a text has so many.
func hasLetters(text string, many int) bool {
	n := 0
	for _, r := range text {
		if unicode.IsLetter(r) {
			if n++; n >= many {
				return true
			}
		}
	}
	return many <= 0
}
