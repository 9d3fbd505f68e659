package journal

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"time"
)

// version is the form that is written. Older ones stay readable: a field that
// comes later is coded under "if c.version() >= n".
const version = 1

// A codec writes or reads one value after another. Each type's fields are named
// once, for both ways, so that the two can't differ.
type codec interface {
	version() int
	str(*string)
	num(uint64) uint64
	count(have int) (n int) // how many elements a list has
	failed() bool
}

func (r *Record) code(c codec) {
	c.str(&r.ID)
	codeTime(c, &r.Time)
	c.str(&r.Client)
	c.str(&r.Helo)
	c.str(&r.TLS)
	c.str((*string)(&r.Login))
	c.str((*string)(&r.ReversePath))
	c.str(&r.Subject)
	c.str(&r.MessageID)
	codeInt(c, &r.Size)
	c.str(&r.Reply)
	c.str(&r.State)
	codeUint(c, &r.Skipped)
	codeList(c, &r.Walks, (*Walk).code)
}

func (w *Walk) code(c codec) {
	c.str((*string)(&w.Recipient))
	c.str(&w.Policy)
	codeBool(c, &w.Shadow)
	codeList(c, &w.Steps, (*Step).code)
	codeFloat(c, &w.Score)
	codeFloat(c, &w.Required)
	w.Decision.code(c)
	c.str(&w.Outcome)
	c.str(&w.State)
}

func (d *Decision) code(c codec) {
	c.str(&d.Action)
	c.str(&d.Entry)
	c.str(&d.Filter)
	c.str(&d.Result)
	c.str(&d.Reason)
}

func (s *Step) code(c codec) {
	c.str(&s.Entry)
	c.str(&s.Filter)
	c.str(&s.Result)
	codeFloat(c, &s.Score)
	codeFloat(c, &s.Points)
	c.str(&s.Reason)
	codeList(c, &s.Evidence, (*KV).code)
	c.str(&s.Effect)
	codeInt(c, &s.Micros)
	codeBool(c, &s.Shadow)
}

func (e *KV) code(c codec) {
	c.str(&e.Key)
	c.str(&e.Value)
}

func codeList[T any](c codec, list *[]T, code func(*T, codec)) {
	n := c.count(len(*list))
	for i := 0; i < n && !c.failed(); i++ {
		if i == len(*list) { // reading
			*list = append(*list, *new(T))
		}
		code(&(*list)[i], c)
	}
}

// codeUint, like all that follow, assigns only what it read: the record that is
// written may be in use elsewhere.
func codeUint(c codec, v *uint64) {
	if u := c.num(*v); u != *v {
		*v = u
	}
}

// codeInt keeps small numbers of either sign short (zigzag).
func codeInt(c codec, v *int64) {
	was := uint64(*v<<1) ^ uint64(*v>>63)
	if u := c.num(was); u != was {
		*v = int64(u>>1) ^ -int64(u&1)
	}
}

// codeFloat keeps round numbers short: their low bits are zero.
func codeFloat(c codec, v *float64) {
	was := bits.ReverseBytes64(math.Float64bits(*v))
	if u := c.num(was); u != was {
		*v = math.Float64frombits(bits.ReverseBytes64(u))
	}
}

func codeBool(c codec, v *bool) {
	was := uint64(0)
	if *v {
		was = 1
	}
	if u := c.num(was); u != was {
		*v = u != 0
	}
}

// codeTime codes microseconds; the zero time stays zero.
func codeTime(c codec, t *time.Time) {
	var was int64
	if !t.IsZero() {
		was = t.UnixMicro()
	}
	us := was
	if codeInt(c, &us); us != was {
		*t = time.UnixMicro(us).UTC()
	}
}

// An encoder writes a table of strings and the values that use it.
type encoder struct {
	index   map[string]uint64
	strings []byte
	body    []byte
	longest int // what is longer is clipped
}

func (e *encoder) version() int { return version }
func (e *encoder) failed() bool { return false }

// str leaves the caller's string alone: what is clipped is the copy written.
func (e *encoder) str(s *string) {
	v := *s
	if len(v) > e.longest {
		v = clip(v, e.longest)
	}
	i, ok := e.index[v]
	if !ok {
		i = uint64(len(e.index))
		e.index[v] = i
		e.strings = binary.AppendUvarint(e.strings, uint64(len(v)))
		e.strings = append(e.strings, v...)
	}
	e.body = binary.AppendUvarint(e.body, i)
}

func (e *encoder) num(v uint64) uint64 {
	e.body = binary.AppendUvarint(e.body, v)
	return v
}

func (e *encoder) count(have int) int {
	e.body = binary.AppendUvarint(e.body, uint64(have))
	return have
}

// A decoder reads what an encoder wrote. The first error stays, and everything
// after it reads as zero.
type decoder struct {
	v       int
	strings []string
	rest    []byte
	err     error
}

func (d *decoder) version() int { return d.v }
func (d *decoder) failed() bool { return d.err != nil }

func (d *decoder) fail(what string) {
	if d.err == nil {
		d.err = fmt.Errorf("%s: %w", what, ErrFormat)
	}
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if d.err != nil || n <= 0 {
		d.fail("number cut short")
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) num(uint64) uint64 { return d.uvarint() }

func (d *decoder) str(s *string) {
	i := d.uvarint()
	if i >= uint64(len(d.strings)) {
		d.fail("no such string")
		return
	}
	*s = d.strings[i]
}

// count takes no more than there can be: each element has an octet at least.
func (d *decoder) count(int) int {
	n := d.uvarint()
	if n > uint64(len(d.rest)) {
		d.fail("list longer than the block")
		return 0
	}
	return int(n)
}

// table reads the strings.
func (d *decoder) table() {
	for n := d.count(0); n > 0 && d.err == nil; n-- {
		size := d.uvarint()
		if size > uint64(len(d.rest)) {
			d.fail("string cut short")
			return
		}
		d.strings = append(d.strings, string(d.rest[:size]))
		d.rest = d.rest[size:]
	}
}
