package smtpd

import (
	"encoding/hex"
	"strings"
	"unicode/utf8"

	smtp "github.com/emersion/go-smtp"

	"gatepost/internal/mail"
)

// mailParams are the parameters of MAIL as they go on. Behind the edge RET and ENVID
// may reach another server's command line; the library has checked that they are
// printable ASCII.
func mailParams(o *smtp.MailOptions) mail.Params {
	return mail.Params{Size: o.Size, Body: string(o.Body), Return: string(o.Return), EnvelopeID: o.EnvelopeID}
}

// boundedSize makes a SIZE of up to 20 digits (RFC 1870 §4) one that the library reads, which has 32 bits for
// it: whoever has more to send than that is to hear that it is too large, and not that he said it wrongly.
func boundedSize(params string) string {
	const most = "4294967295"
	words := strings.Fields(params)
	for i, w := range words {
		key, value, _ := strings.Cut(w, "=")
		if !strings.EqualFold(key, "SIZE") || len(value) > 20 || strings.Trim(value, "0123456789") != "" {
			continue
		}
		digits := strings.TrimLeft(value, "0")
		if len(digits) > len(most) || len(digits) == len(most) && digits > most {
			words[i] = key + "=" + most
		}
	}
	return strings.Join(words, " ")
}

// maxOriginal is the longest ORCPT, decoded (RFC 3461 §4.2 has 500 characters for
// the parameter).
const maxOriginal = 500

// typedOriginal gives an original recipient the type that it is of: Postfix says
// ORCPT=rfc822;jos+C3+A9@example.org of an address that is not ASCII, where RFC 6533 §3 has utf-8.
func typedOriginal(params string) string {
	const kind = "ORCPT=RFC822;"
	words := strings.Fields(params)
	for i, w := range words {
		if len(w) < len(kind) || !strings.EqualFold(w[:len(kind)], kind) {
			continue
		}
		if address, ok := decodeXtext(w[len(kind):]); ok && hasHighBit(address) && utf8.ValidString(address) {
			words[i] = "ORCPT=utf-8;" + mail.AddrXtext(address)
		}
	}
	return strings.Join(words, " ")
}

// decodeXtext undoes xtext (RFC 3461 §4) of any octets.
func decodeXtext(s string) (text string, ok bool) {
	var b strings.Builder
	for {
		plain, rest, found := strings.Cut(s, "+")
		b.WriteString(plain)
		if !found {
			return b.String(), true
		}
		octet, err := hex.DecodeString(rest[:min(2, len(rest))])
		if err != nil || len(octet) != 1 {
			return "", false
		}
		b.Write(octet)
		s = rest[2:]
	}
}

// rcptParams are the parameters of RCPT (RFC 3461 §4.1, §4.2); ok is false where one
// of them can't be passed on.
func rcptParams(o *smtp.RcptOptions) (p mail.RcptParams, ok bool) {
	for _, n := range o.Notify {
		switch n {
		case smtp.DSNNotifyNever:
			p.Notify |= mail.NotifyNever
		case smtp.DSNNotifySuccess:
			p.Notify |= mail.NotifySuccess
		case smtp.DSNNotifyFailure:
			p.Notify |= mail.NotifyFailure
		case smtp.DSNNotifyDelayed:
			p.Notify |= mail.NotifyDelay
		}
	}
	if o.OriginalRecipient == "" {
		return p, true
	}
	p.Original = strings.ToLower(string(o.OriginalRecipientType)) + ";" + o.OriginalRecipient
	if o.OriginalRecipientType == smtp.DSNAddressTypeUTF8 { // RFC 6533 §3: a Mailbox
		if _, err := mail.ParsePath(o.OriginalRecipient); err != nil {
			return p, false
		}
	}
	return p, len(p.Original) <= maxOriginal && !hasControl(p.Original)
}
