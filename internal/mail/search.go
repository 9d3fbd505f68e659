package mail

import (
	"bytes"
	"errors"
	"io"
)

// RawContains reports whether the part's body holds s, one octet at least, within its first limit
// octets as they stand in the content, not decoded. It copies nothing of a message in memory.
func (m *Message) RawContains(p *Part, s string, limit int64) bool {
	end := min(p.End, p.Body+limit)
	if end <= p.Body {
		return false
	}
	if m.memory != nil {
		return bytes.Contains(m.memory[p.Body:end], []byte(s))
	}
	r := io.NewSectionReader(m.content, p.Body, end-p.Body)
	buf := make([]byte, min(end-p.Body, window)+int64(len(s)))
	for kept := 0; ; {
		n, err := r.Read(buf[kept:])
		n += kept
		if bytes.Contains(buf[:n], []byte(s)) {
			return true
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				m.failed(err)
			}
			return false
		}
		kept = copy(buf, buf[max(n-len(s)+1, 0):n])
	}
}
