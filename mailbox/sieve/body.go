package sieve

import (
	"io"
	"strings"

	"gatepost/internal/mail"
)

// The body test (RFC 5173).

func bodyTests() map[string]testSpec {
	return map[string]testSpec{
		"body": {signature{needs: []string{"body"}, args: "S", tags: matchTags(
			tagSpec{name: ":raw", group: "transform"}, tagSpec{name: ":content", takes: 'S', group: "transform"}, tagSpec{name: ":text", group: "transform"})}, makeBody},
	}
}

// maxBody bounds what the body test looks at of a message, in octets of decoded text.
const maxBody = 1 << 20

// bodies are the texts of a message, read once.
type bodies struct {
	raw, text []string
	upper     []string // text, with its letters of ASCII as i;ascii-casemap compares them
	parts     []bodyPart
	whole     bool // parts are read
}

type bodyPart struct{ kind, text string }

func makeBody(c *compiler, a *call) test {
	m := c.matcher(a, a.args[0])
	return func(r *run) (bool, error) {
		if r.body == nil {
			r.body = &bodies{}
		}
		var values []string
		switch v, content := a.tags[":content"]; {
		case a.has(":raw"):
			values = r.body.rawOf(r.env.Message)
		case content:
			kinds, err := expandAll(r, v.strings)
			if err == nil {
				err = r.spend(32 * len(kinds) * mail.MaxParts / 10)
			}
			if err != nil {
				return false, err
			}
			values = r.body.of(r.env.Message, kinds)
		case m.kind == ":contains" && m.compare.folds: // once for all words that a script looks for
			values = r.body.upperOf(r.env.Message)
		default:
			values = r.body.textOf(r.env.Message)
		}
		matched := r.matched
		ok, err := m.any(r, values)
		r.matched = matched // RFC 5173 §6: the body sets no match variables
		return ok, err
	}
}

// rawOf is the body as it came, with nothing decoded.
func (b *bodies) rawOf(m *mail.Message) []string {
	if b.raw == nil {
		size := m.Header().Size
		s, _ := io.ReadAll(io.NewSectionReader(m, size, min(m.Size()-size, maxBody))) // what can't be read fits nothing
		b.raw = []string{string(s)}
	}
	return b.raw
}

// textOf is what a reader sees of all parts.
func (b *bodies) textOf(m *mail.Message) []string {
	if b.text == nil {
		b.text = []string{m.Extract().Body()}
	}
	return b.text
}

func (b *bodies) upperOf(m *mail.Message) []string {
	if b.upper == nil {
		b.upper = []string{upper(b.textOf(m)[0])}
	}
	return b.upper
}

// of are the parts of some types (RFC 5173 §5.2): "text", "text/html", "" for all.
func (b *bodies) of(m *mail.Message, kinds []string) (list []string) {
	if !b.whole {
		b.whole = true
		room := int64(maxBody)
		for p := range m.Root().All() {
			kind := p.Type + "/" + p.Subtype
			if p.IsMultipart() || room <= 0 {
				continue
			}
			text := ""
			if p.IsMessage() && len(p.Parts) > 0 { // the header of what it holds
				text = string((&edited{Fields: p.Parts[0].Header.Fields, changed: true}).octets())
			} else {
				text, _ = m.Text(p, room)
			}
			room -= int64(len(text))
			b.parts = append(b.parts, bodyPart{kind, text})
		}
	}
	for _, p := range b.parts {
		for _, k := range kinds {
			k = strings.ToLower(k)
			major, _, _ := strings.Cut(p.kind, "/")
			if k == "" || k == p.kind || k == major {
				list = append(list, p.text)
				break
			}
		}
	}
	return list
}
