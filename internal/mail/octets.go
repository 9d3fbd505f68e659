package mail

import (
	"bytes"
	"io"
)

// MaxOctets bounds what Octets looks at of a message.
const MaxOctets = 4 << 20

// Octets says what of a message's octets RFC 5322 does not allow.
type Octets struct {
	BareCR  int // CR without LF behind it (§2.2)
	BareLF  int // LF without CR before it
	Nul     int // NUL (§4)
	Longest int // octets of the longest line, without its end; 998 are allowed (§2.1.1)
	High    int // fields of the header that hold octets which are not ASCII
	Cut     bool
}

// Octets counts them in the first MaxOctets of the content. It reads it each time that it is
// asked.
func (m *Message) Octets() Octets {
	c := octetCounter{}
	size := min(m.size, MaxOctets)
	if m.memory != nil {
		c.add(m.memory[:size])
	} else {
		c.read(m, size)
	}
	c.end()
	c.o.Cut = size < m.size
	for i := range m.Header().Fields {
		if !isASCII(m.Header().Fields[i].Raw) {
			c.o.High++
		}
	}
	return c.o
}

// An octetCounter goes through content piece by piece.
type octetCounter struct {
	o    Octets
	line int  // octets of the line so far
	cr   bool // the last octet was CR
}

// read takes what is in a file.
func (c *octetCounter) read(m *Message, size int64) {
	r := io.NewSectionReader(m.content, 0, size)
	buf := make([]byte, min(window, size))
	for {
		n, err := r.Read(buf)
		c.add(buf[:n])
		if err != nil {
			m.failed(err)
			return
		}
	}
}

func (c *octetCounter) add(b []byte) {
	c.o.Nul += bytes.Count(b, []byte{0})
	c.o.BareCR += bytes.Count(b, []byte{'\r'}) // those before LF are taken off
	for len(b) > 0 {
		n := bytes.IndexByte(b, '\n')
		if n < 0 {
			c.line += len(b)
			c.cr = b[len(b)-1] == '\r'
			return
		}
		if n > 0 {
			c.line += n
			c.cr = b[n-1] == '\r'
		}
		if c.cr {
			c.o.BareCR--
			c.line--
		} else {
			c.o.BareLF++
		}
		c.o.Longest = max(c.o.Longest, c.line)
		c.line, c.cr = 0, false
		b = b[n+1:]
	}
}

// end takes what comes behind the last line end.
func (c *octetCounter) end() { c.o.Longest = max(c.o.Longest, c.line) }
