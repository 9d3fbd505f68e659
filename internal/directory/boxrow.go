package directory

import (
	"encoding/binary"
	"time"

	"gatepost/internal/mail"
)

// A boxRow is a mailbox but for its ID, written one field after the other: there may be a million, and as a struct each is 350 octets
// and a dozen pointers for the garbage collector to follow. Texts are read from it without a copy.
type boxRow string

// Flags of a boxRow.
const (
	rowNoDigest = 1 << iota
	rowLocked
	rowUnlisted
	rowMore // what few have comes, too: see appendMore
)

func newBoxRow(m *Mailbox) boxRow {
	flags := uint64(0)
	if m.NoDigest {
		flags |= rowNoDigest
	}
	if m.Locked {
		flags |= rowLocked
	}
	if m.Unlisted {
		flags |= rowUnlisted
	}
	more := appendMore(nil, m)
	if more != nil {
		flags |= rowMore
	}
	b := make([]byte, 0, 64+len(m.Address)+len(m.Password.Hash)+len(m.Password.SCRAM)+len(m.Name)+len(more))
	b = appendTexts(b, string(m.Address))
	b = binary.AppendUvarint(b, flags)
	b = appendTexts(b, m.Password.Hash, m.Password.SCRAM, m.Name, m.Language, string(m.State), string(m.Disposition))
	b = appendTime(b, m.Created)
	return boxRow(append(b, more...))
}

// appendMore writes what few mailboxes have; nothing where it has none of it.
func appendMore(b []byte, m *Mailbox) []byte {
	l := m.Limits
	if len(m.Apps)+len(m.Copies)+len(m.Shut)+len(m.ShutPages) == 0 && m.Level == 0 && l == (Limits{}) && m.ClosedAt.IsZero() {
		return nil
	}
	for _, n := range []int64{int64(m.Level), l.Bytes, l.Messages, l.Inbound, l.InboundBytes} {
		b = binary.AppendVarint(b, n)
	}
	b = appendTime(b, m.ClosedAt)
	b = appendList(b, m.Copies)
	b = appendList(b, m.Shut)
	b = appendList(b, m.ShutPages)
	b = binary.AppendUvarint(b, uint64(len(m.Apps)))
	for _, a := range m.Apps {
		b = appendTime(binary.AppendVarint(b, a.ID), a.Created)
		b = appendTexts(b, a.Name, a.SCRAM)
	}
	return b
}

func appendTexts(b []byte, texts ...string) []byte {
	for _, t := range texts {
		b = append(binary.AppendUvarint(b, uint64(len(t))), t...)
	}
	return b
}

func appendList[S ~string](b []byte, list []S) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, t := range list {
		b = appendTexts(b, string(t))
	}
	return b
}

// appendTime writes a time; the zero one is year 1.
func appendTime(b []byte, t time.Time) []byte {
	return binary.AppendUvarint(binary.AppendVarint(b, t.Unix()), uint64(t.Nanosecond()))
}

// address returns the mailbox's, without a look at the rest.
func (r boxRow) address() mail.Path {
	in := rowReader{string(r)}
	return mail.Path(in.text())
}

// mailbox reads the row of the mailbox with that ID.
func (r boxRow) mailbox(id int64) Mailbox {
	in := rowReader{string(r)}
	m := Mailbox{ID: id, Address: mail.Path(in.text())}
	flags := in.unsigned()
	m.NoDigest, m.Locked, m.Unlisted = flags&rowNoDigest != 0, flags&rowLocked != 0, flags&rowUnlisted != 0
	m.Password = Verifier{Hash: in.text(), SCRAM: in.text()}
	m.Name, m.Language, m.State, m.Disposition = in.text(), in.text(), State(in.text()), Disposition(in.text())
	if m.Created = in.time(); flags&rowMore == 0 {
		return m
	}
	m.Level = int(in.signed())
	m.Limits = Limits{Bytes: in.signed(), Messages: in.signed(), Inbound: in.signed(), InboundBytes: in.signed()}
	m.ClosedAt = in.time()
	m.Copies, m.Shut, m.ShutPages = readList[mail.Path](&in), readList[Service](&in), readList[Page](&in)
	for range in.unsigned() {
		a := AppPassword{ID: in.signed(), Created: in.time()}
		a.Name, a.SCRAM = in.text(), in.text()
		m.Apps = append(m.Apps, a)
	}
	return m
}

// A rowReader reads what newBoxRow wrote, and nothing else.
type rowReader struct{ left string }

func (r *rowReader) unsigned() (n uint64) {
	for shift := 0; ; shift += 7 {
		b := r.left[0]
		r.left = r.left[1:]
		if n |= uint64(b&0x7f) << shift; b < 0x80 {
			return n
		}
	}
}

// signed reads as binary.Varint does.
func (r *rowReader) signed() int64 {
	n := r.unsigned()
	return int64(n>>1) ^ -int64(n&1)
}

func (r *rowReader) text() string {
	n := r.unsigned()
	t := r.left[:n]
	r.left = r.left[n:]
	return t
}

func (r *rowReader) time() time.Time {
	seconds := r.signed()
	return time.Unix(seconds, int64(r.unsigned())).UTC()
}

func readList[S ~string](r *rowReader) (list []S) {
	for range r.unsigned() {
		list = append(list, S(r.text()))
	}
	return list
}
