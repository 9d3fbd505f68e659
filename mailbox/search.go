package mailbox

import (
	"context"
	"encoding/binary"
	"iter"
	"math/bits"
	"slices"

	"gatepost/internal/mail"
)

// Searching texts. A message's signature is a set of bits, one or more of which stand for each
// three octets in a row of its folded texts. A message that holds some text has all bits of
// that text; one that has the bits may hold it, and is read to know. So an index of signatures
// only leaves messages out, and what SEARCH finds stays a matter of substrings in all scripts
// (RFC 9051 §6.4.4).

// EnvelopeTexts returns the texts of one element of an ENVELOPE: of a field its one, where it
// is there; of addresses each as "name <local@host>".
func EnvelopeTexts(element []byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		if element[0] != '(' {
			// A field that is not there holds nothing, not even "".
			if string(element) != "NIL" {
				yield(mail.DecodeText(ParseString(element)))
			}
			return
		}
		for _, address := range SplitList(element) {
			if !yield(addressText(address)) {
				return
			}
		}
	}
}

func addressText(address []byte) string {
	parts := SplitList(address)
	if len(parts) != 4 {
		return ""
	}
	name, local, host := ParseString(parts[0]), ParseString(parts[2]), ParseString(parts[3])
	return mail.DecodeText(name) + " <" + local + "@" + host + ">"
}

// A Signature is the bits of a message's texts: a power of two, 512 to 262,144 of them, as many
// as its texts ask for. An empty one may hold anything: the message is read by each search.
type Signature []byte

const (
	// MaxIndexed is how many octets of decoded text a message's signature is made of. The
	// signature of a message with more is empty.
	MaxIndexed = 1 << 20

	maxPlaces = 1 << 18 // bits of the largest signature
	minPlaces = 1 << 9
	fullest   = 3 // at most this of ten bits are set
)

// place is the bit of three octets in a row in the largest signature; in one of n bits it is
// the rest modulo n.
func place(a, b, c byte) uint32 {
	return (uint32(a)<<16 | uint32(b)<<8 | uint32(c)) * 2654435761 >> 14
}

// SignatureOf makes the signature of a message, with the ENVELOPE that is kept of it.
func SignatureOf(m *mail.Message, envelope []byte) Signature {
	// Each octet sets one bit at most, but where decoding and folding make more octets of it.
	places := int64(minPlaces)
	for places < min(4*m.Size(), maxPlaces) {
		places *= 2
	}
	s := newSignature(m, envelope, places)
	if s.crowded() && places < maxPlaces {
		s = newSignature(m, envelope, maxPlaces)
	}
	if s.crowded() {
		return nil
	}
	return s.shrink()
}

// newSignature makes one of a number of bits that is not shrunk yet. It is empty where the message can't have any.
func newSignature(m *mail.Message, envelope []byte, places int64) Signature {
	s := make(Signature, places/8)
	if len(envelope) == 0 {
		envelope = AppendEnvelope(nil, m.Header())
	}
	for _, element := range SplitList(envelope) {
		for text := range EnvelopeTexts(element) {
			s.add(Fold(text))
		}
	}
	s.addFields(m.Header())
	left := int64(MaxIndexed)
	for p := range m.Root().All() {
		if p != m.Root() {
			s.addFields(p.Header)
		}
		if p.Type != "text" {
			continue
		}
		text, whole := m.Text(p, left)
		if left -= p.End - p.Body; !whole || left <= 0 {
			return nil
		}
		s.add(Fold(text))
	}
	if m.Err() != nil {
		return nil
	}
	return s
}

func (s Signature) addFields(h *mail.Header) {
	for i := range h.Fields {
		s.add(FieldText(&h.Fields[i]))
	}
}

// FieldText is what TEXT looks at of a header field, folded. The value is a part of it, so that
// who looks for that alone finds it too.
func FieldText(f *mail.Field) string {
	return Fold(f.Name + ": " + mail.DecodeText(f.Value()))
}

func (s Signature) add(text string) {
	mask := uint32(len(s)*8 - 1)
	for i := range max(len(text)-2, 0) {
		p := place(text[i], text[i+1], text[i+2]) & mask
		s[p/8] |= 1 << (p % 8)
	}
}

// crowded reports whether too many bits are set for it to leave messages out.
func (s Signature) crowded() bool { return s.with(s).full() }

// shrink folds the signature in half as long as it is empty enough.
func (s Signature) shrink() Signature {
	for len(s)*8 > minPlaces {
		f := s[:len(s)/2].with(s[len(s)/2:])
		if f.full() {
			break
		}
		for i := 0; i < len(f.low); i += 8 {
			binary.LittleEndian.PutUint64(f.low[i:], f.word(i))
		}
		s = f.low
	}
	return slices.Clone(s) // the rest is let go
}

// halves are two halves of a signature, one upon the other; it is looked at in words, since each
// message that comes is paid for.
type halves struct{ low, high Signature }

func (s Signature) with(high Signature) halves { return halves{s, high} }

func (f halves) word(i int) uint64 {
	return binary.LittleEndian.Uint64(f.low[i:]) | binary.LittleEndian.Uint64(f.high[i:])
}

func (f halves) full() bool {
	n := 0
	for i := 0; i < len(f.low); i += 8 {
		n += bits.OnesCount64(f.word(i))
	}
	return n*10 > len(f.low)*8*fullest
}

// May reports whether a message with this signature may have all places.
func (s Signature) May(places []uint32) bool {
	if len(s) == 0 {
		return true
	}
	mask := uint32(len(s)*8 - 1)
	for _, p := range places {
		if p &= mask; s[p/8]&(1<<(p%8)) == 0 {
			return false
		}
	}
	return true
}

// maxAsked bounds the places that are asked for of one text: the last ones leave out hardly
// more messages than the first.
const maxAsked = 16

// Places returns bits that the signature of each message has that holds a folded text, from
// all over it; none where it is shorter than three octets.
func Places(text string) (places []uint32) {
	n := max(len(text)-2, 0)
	for k := range min(n, maxAsked) {
		i := k * n / min(n, maxAsked)
		places = append(places, place(text[i], text[i+1], text[i+2]))
	}
	return places
}

// A TextQuery is what the texts of messages are asked for: that they hold Text, which is
// folded; or all of All; or any of Any. One of the three is set.
type TextQuery struct {
	Text     string
	All, Any []TextQuery
}

// A TextFinder finds messages by their signatures.
type TextFinder interface {
	// Likely returns the UIDs of those messages of a folder that may be what q asks for, in
	// no order; all others are not. False: the index does not know, or leaves too few out.
	Likely(ctx context.Context, folder int64, q TextQuery) ([]UID, bool, error)
}

// A TextBatch are e-mails of a box that have no signature yet, and follow one another.
type TextBatch struct {
	Box      int64
	From, To int64 // EmailIDs: From is the last that was done, To the last of these
	Emails   []Message
}

// TextRows keep signatures. E-mails of a box are done in the order of their EmailIDs.
type TextRows interface {
	// Unindexed returns boxes in which some e-mails have no signature yet, limit at most.
	Unindexed(ctx context.Context, limit int) ([]int64, error)
	// TextBatch returns the next n e-mails of a box: of each EmailID, Blob, View and Envelope.
	TextBatch(ctx context.Context, box int64, n int) (TextBatch, error)
	// PutSignatures keeps one for each e-mail of the batch, unless another node did so before.
	PutSignatures(ctx context.Context, b TextBatch, list []Signature) error
	// Pack makes one block of signatures where a box has enough loose ones, and reports
	// whether it did.
	Pack(ctx context.Context, box int64) (bool, error)
	// Forget drops what the index knows of a box; it is made anew from the messages.
	Forget(ctx context.Context, box int64) error
}
