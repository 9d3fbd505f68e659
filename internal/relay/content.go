package relay

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// writeContent sends a message and the line that ends it (RFC 5321 §4.5.2). A CR
// or LF that stands alone becomes a line end: a server that reads one as such must
// see what we mean, or it could be made to see a second message. For the same reason NULs in front
// of a dot that begins a line are left out: servers that throw NULs away would take it for the end.
func writeContent(w *bufio.Writer, content io.Reader) error {
	lines := bufio.NewReaderSize(content, 64<<10)
	begin, cr := true, false // at the start of a line; the last octet was a CR that is not written yet
	nuls := 0                // that begin a line, and are not written yet
	for {
		chunk, err := lines.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) && !errors.Is(err, io.EOF) {
			return err
		}
		for len(chunk) > 0 {
			if begin && !cr {
				rest := bytes.TrimLeft(chunk, "\x00")
				if nuls += len(chunk) - len(rest); len(rest) == 0 {
					break
				}
				if chunk = rest; chunk[0] == '.' {
					w.WriteByte('.')
					nuls = 0
				}
				begin = !writeNULs(w, &nuls)
			}
			n := bytes.IndexAny(chunk, "\r\n")
			switch {
			case cr && n != 0: // it stood alone
				w.WriteString("\r\n")
				cr, begin = false, true
				continue
			case n < 0:
				w.Write(chunk)
				begin, chunk = false, nil
				continue
			}
			w.Write(chunk[:n])
			if chunk[n] == '\n' {
				w.WriteString("\r\n")
				cr, begin = false, true
			} else {
				if cr {
					w.WriteString("\r\n")
				}
				cr, begin = true, begin && n == 0
			}
			chunk = chunk[n+1:]
		}
		if errors.Is(err, io.EOF) {
			break
		}
	}
	if writeNULs(w, &nuls) || cr || !begin {
		w.WriteString("\r\n")
	}
	w.WriteString(".\r\n")
	return w.Flush() // which has any error of the writes before
}

// writeNULs writes those that waited, and reports whether there were any.
func writeNULs(w *bufio.Writer, n *int) bool {
	any := *n > 0
	for ; *n > 0; *n-- {
		w.WriteByte(0)
	}
	return any
}
