package imap

import (
	"encoding/binary"
	"strings"

	"gatepost/internal/mail"
)

// knownFields are the header fields that pages keep as they stand: what Thunderbird, Apple Mail, Outlook,
// Evolution, mutt, K-9, FairEmail, Delta Chat, Roundcube and mbsync ask for when they list messages. A field's place is
// its number in the store, so the list never changes; another list would be another kind of page.
var knownFields = [...]string{
	"from", "to", "cc", "bcc", "reply-to", "sender", "subject", "date", "message-id", "in-reply-to", "references",
	"content-type", "content-transfer-encoding", "content-description", "content-class", "mime-version", "lines",
	"priority", "x-priority", "x-msmail-priority", "importance", "precedence", "auto-submitted",
	"newsgroups", "list-id", "list-post", "list-unsubscribe", "list-unsubscribe-post", "list-help", "list-subscribe", "list-owner", "list-archive",
	"mailing-list", "x-mailing-list", "x-beenthere", "x-loop", "delivered-to", "x-original-to", "return-path",
	"disposition-notification-to", "mail-followup-to", "mail-reply-to", "x-draft-info", "x-label", "x-tuid", "x-spam-flag",
	"x-uniform-type-identifier", "x-universally-unique-identifier", "x-k9mail-identity", "chat-version", "user-agent", "x-mailer",
	// Of signedPage alone: they are as large as all others together, and Apple Mail asks for them.
	"authentication-results", "dkim-signature", "bimi-indicator", "bimi-location", "x-bimi-indicator-hash",
}

// A fieldSet is some of knownFields, a bit for each.
type fieldSet uint64

// signedFields are those that only signedPage has.
const signedFields = ^fieldSet(0) >> 52 << 52

// fieldNumbers are the places in knownFields.
var fieldNumbers = func() map[string]int {
	all := make(map[string]int, len(knownFields))
	for i, name := range knownFields {
		all[name] = i
	}
	return all
}()

// knownSet is the set of fields of these names; false where one is not known.
func knownSet(names []string) (set fieldSet, ok bool) {
	for _, name := range names {
		i, known := fieldNumbers[strings.ToLower(name)]
		if !known {
			return 0, false
		}
		set |= 1 << i
	}
	return set, true
}

// picked returns the fields of a header that are in set, in the form that pages have and appendPicked reads: for
// each its number in knownFields, its size and the field as it stands, in the header's order.
func picked(h *mail.Header, set fieldSet) (b []byte) {
	for i := range h.Fields {
		f := &h.Fields[i]
		n, known := fieldNumbers[strings.ToLower(f.Name)]
		if known && set>>n&1 == 1 {
			b = append(binary.AppendUvarint(append(b, byte(n)), uint64(len(f.Raw))), f.Raw...)
		}
	}
	return b
}

// arePicked reports whether b is what picked makes.
func arePicked(b []byte) bool {
	for len(b) > 0 {
		if int(b[0]) >= len(knownFields) {
			return false
		}
		b = b[1:]
		if _, ok := cutCounted(&b); !ok {
			return false
		}
	}
	return true
}

// appendPicked adds those of the fields from that are in set to b, and the empty line.
func appendPicked(b, from []byte, set fieldSet) []byte {
	for len(from) > 0 {
		n := from[0]
		from = from[1:]
		raw, ok := cutCounted(&from)
		if !ok {
			break
		}
		if set>>n&1 == 1 {
			b = append(b, raw...)
		}
	}
	return append(b, "\r\n"...)
}
