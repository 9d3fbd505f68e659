package engine

import (
	"fmt"
	"strings"
	"time"

	"gatepost/internal/mail"
)

// Trace returns the fields that this host puts on top of a message (RFC 5321 §4.4), as far as
// a filter needs them that knows the envelope from there alone: Return-Path and Received.
func (r Request) Trace() []byte {
	b := mail.AppendStructured(nil, "Return-Path", "<"+string(r.Envelope.ReversePath)+">")
	with := "SMTP"
	if r.Client.ESMTP {
		with = "ESMTP"
		if r.Client.TLS != "" {
			with += "S"
		}
		if !r.Client.Login.IsNull() {
			with += "A"
		}
	}
	name := r.ClientName
	if name == "" {
		name = "unknown"
	}
	addr := r.Client.Addr.String()
	if r.Client.Addr.Is6() {
		addr = "IPv6:" + addr
	}
	return mail.AppendStructured(b, "Received", fmt.Sprintf("from %s (%s [%s]) by %s (gatepost) with %s id %s; %s",
		word(r.Client.Helo), word(name), addr, word(r.Host), with, word(r.ID), r.Time.UTC().Format(time.RFC1123Z)))
}

// word keeps what a client says of itself one word, without what has a meaning in the field.
func word(s string) string {
	const most = 255
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' || strings.ContainsRune(`()<>@,;\"`, r) {
			return '_'
		}
		return r
	}, s[:min(len(s), most)])
	if s == "" {
		return "unknown"
	}
	return s
}
