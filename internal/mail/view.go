package mail

import "io"

// A View is how one recipient's copy is served: Prefix, then the content from
// octet Skip on. The content itself stays as it was received, once, for all;
// fields added for a recipient stand in Prefix, and where fields were removed
// (forged trace fields, an old Subject) Prefix also repeats what else stood before
// Skip. The zero View serves the content as it came.
type View struct {
	Prefix []byte
	Skip   int64
}

// Size returns the octets served for a content of size octets.
func (v View) Size(size int64) int64 { return int64(len(v.Prefix)) + size - v.Skip }

// Message returns the message as it is served: its content reads from Prefix and
// from content, and copies neither.
func (v View) Message(content *Message) *Message {
	if len(v.Prefix) == 0 && v.Skip == 0 {
		return content
	}
	return NewSpooled(served{v, content}, v.Size(content.Size()))
}

// BuildView returns the view of m with the fields in added (whole fields, each
// with its CRLF) in front, without the fields that remove asks for, and, unless it is
// "", with that subject, which stands where the old one stood. A line that would continue
// a field but has none to continue goes too, or it would change the last added one.
func BuildView(m *Message, added []byte, remove func(Field) bool, subject string) View {
	e := edit{remove: remove, subject: subject, out: append([]byte(nil), added...)}
	h := m.Header()
	if subject != "" && h.Count("Subject") == 0 {
		e.setSubject()
	}
	var off int64
	var v View
	kept := len(e.out)
	for i := range h.Fields {
		f := &h.Fields[i]
		off += int64(len(f.Raw))
		if e.field(f) {
			kept, v.Skip = len(e.out), off
		}
	}
	v.Prefix = e.out[:kept:kept]
	if h.Size == 0 && len(v.Prefix) > 0 {
		v.Prefix = append(v.Prefix, '\r', '\n') // no header came: all of it is body
	}
	return v
}

// An edit is the header as it is written anew.
type edit struct {
	remove  func(Field) bool
	subject string
	out     []byte
	done    bool // the subject is written
}

// field writes a field, or what replaces it, and reports whether it changed.
func (e *edit) field(f *Field) (changed bool) {
	switch {
	case e.subject != "" && f.is("Subject"):
		if !e.done {
			e.setSubject()
		}
		return true
	case f.Name == "" && (f.Raw[0] == ' ' || f.Raw[0] == '\t'):
		return true
	case f.Name != "" && e.remove != nil && e.remove(*f):
		return true
	}
	e.out = append(e.out, f.Raw...)
	return false
}

func (e *edit) setSubject() {
	e.out = AppendField(e.out, "Subject", e.subject)
	e.done = true
}

// served reads a content through a view.
type served struct {
	view    View
	content io.ReaderAt
}

// ReadAt implements io.ReaderAt.
func (s served) ReadAt(p []byte, off int64) (int, error) {
	prefix := int64(len(s.view.Prefix))
	if off < 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n := 0
	if off < prefix {
		n = copy(p, s.view.Prefix[off:])
		if n == len(p) {
			return n, nil
		}
	}
	m, err := s.content.ReadAt(p[n:], off+int64(n)-prefix+s.view.Skip)
	return n + m, err
}
