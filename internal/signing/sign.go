package signing

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"gatepost/internal/dkim"
	"gatepost/internal/mail"
)

// Parts are the header and the body of a message, as package dkim wants them.
func Parts(m *mail.Message) dkim.Message {
	h := m.Header()
	fields := make([]dkim.Field, len(h.Fields))
	for i, f := range h.Fields {
		fields[i] = dkim.Field{Name: f.Name, Raw: f.Raw}
	}
	return dkim.Message{Fields: fields, Body: func() io.Reader { return io.NewSectionReader(m, h.Size, m.Size()-h.Size) }}
}

// Sign returns the DKIM-Signature fields, with their line ends, for the top of a message whose author is of a domain, one of
// each key of the domain; none where it has no key, or the message can't be signed, which is logged. The caller knows that
// the author is who he says. It fails where the message can't be read.
func (d *Desk) Sign(ctx context.Context, m *mail.Message, domain string) ([]byte, error) {
	return d.sign(ctx, m, d.Signers(domain), "")
}

// SignOwn is Sign for what the node writes by itself: where the author's domain, which may be the node's own name, has no keys, those
// of the nearest domain above that has some sign, for all that is below it (RFC 6376 §3.5, i=).
func (d *Desk) SignOwn(ctx context.Context, m *mail.Message) ([]byte, error) {
	author, ok := m.Author()
	if !ok {
		return nil, nil
	}
	own, ok := dkim.Domain(author.Domain())
	identity := ""
	for name := own; ok; {
		if signers := d.Signers(name); len(signers) > 0 {
			return d.sign(ctx, m, signers, identity)
		}
		_, name, ok = strings.Cut(name, ".")
		identity = "@" + own
	}
	return nil, nil
}

func (d *Desk) sign(ctx context.Context, m *mail.Message, signers []*dkim.Signer, identity string) (all []byte, err error) {
	if len(signers) == 0 {
		return nil, nil
	}
	if m.Header().Cut {
		return nil, nil // nobody takes such a message, here or elsewhere
	}
	parts := Parts(m)
	body, err := dkim.BodyHash(ctx, parts.Body())
	for i := 0; err == nil && i < len(signers); i++ {
		var field []byte
		field, err = signers[i].Sign(parts.Fields, body, identity, d.c.Now(), time.Time{})
		all = append(all, field...)
	}
	if errors.Is(err, dkim.ErrUnsignable) {
		d.c.Log.Warn("signing: a message leaves without a signature", "domain", signers[0].Domain, "error", err)
		return nil, nil
	}
	return all, err
}
