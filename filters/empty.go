package filters

import (
	"context"
	"fmt"
	"strings"
	"unicode"

	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// empty looks for messages that say nothing: no subject, no text that a reader sees, no picture
// and no attachment. Such mail tries out which addresses there are. HTML in which all text is
// hidden is empty; a picture that HTML loads is something, but for those of a pixel, which
// watch who reads. A signature alone is nothing. Mail of clients that have logged in is
// not judged.
type empty struct{}

func emptyKind() pipeline.Kind {
	return pipeline.Kind{
		Name: "empty", Stage: pipeline.Data, Scope: pipeline.PerMessage,
		Results: []pipeline.Result{
			{Word: "empty", Effect: "spam", Doc: "there is nothing in the message"},
			{Word: "none", Effect: "none", Doc: "there is something, or the client has logged in"},
		},
		New: func(any) (pipeline.Filter, error) { return empty{}, nil },
	}
}

// Check implements pipeline.Filter.
func (empty) Check(_ context.Context, q pipeline.Query) (pipeline.Finding, error) {
	m := q.Tx.Message
	x := m.Extract()
	something := !q.Tx.Client.Login.IsNull() || x.Cut || x.Images > 0 || isSomething(x.Subject) ||
		isSomething(x.Text) || isSomething(x.Visible) || hasAttachment(m)
	if err := m.Err(); err != nil {
		return pipeline.Finding{}, fmt.Errorf("empty: read message: %w", err)
	}
	if something {
		return pipeline.Finding{Result: "none"}, nil
	}
	f := pipeline.Finding{Result: "empty", Reason: "there is no subject, no text to be seen and no attachment"}
	if x.Hidden != "" {
		f.Evidence = []pipeline.Evidence{{Key: "hidden", Value: shorten(x.Hidden)}}
	}
	return f, nil
}

// isSomething reports whether there is a character in s that a reader sees.
func isSomething(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool {
		return unicode.IsGraphic(r) && !unicode.IsSpace(r) && r != unicode.ReplacementChar && !unicode.Is(unicode.M, r) &&
			r != '\u2800' && r != '\u3164' && r != '\u00ad'
	}) >= 0
}

// hasAttachment reports whether a part that is not read as text holds anything.
func hasAttachment(m *mail.Message) bool {
	for p := range m.Root().All() {
		isText := p.Type == "text" && (p.Subtype == "plain" || p.Subtype == "html")
		if !isText && !p.IsMultipart() && !p.IsMessage() && !isSignature(p) && p.End > p.Body {
			return true
		}
	}
	return m.Root().Flags.Has(mail.TooDeep | mail.TooMany)
}

func isSignature(p *mail.Part) bool {
	return p.Type == "application" && (p.Subtype == "pgp-signature" || strings.HasSuffix(p.Subtype, "pkcs7-signature"))
}
