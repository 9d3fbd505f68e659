package mail

import (
	"io"
	"runtime"
	"strings"
	"testing"
)

// repeated is a large content that is nowhere: a head, and then one piece again and again.
type repeated struct {
	head, piece string
	size        int64
}

func (r repeated) ReadAt(p []byte, off int64) (int, error) {
	for i := range p {
		at := off + int64(i)
		switch {
		case at >= r.size:
			return i, io.EOF
		case at < int64(len(r.head)):
			p[i] = r.head[at]
		default:
			p[i] = r.piece[(at-int64(len(r.head)))%int64(len(r.piece))]
		}
	}
	return len(p), nil
}

// TestExtractMemory: a message of 25 MB takes no more than 20 MB in all when it was read, what
// is garbage not counted; the log says how much was allocated.
func TestExtractMemory(t *testing.T) {
	const html = "Content-Type: text/html; charset=windows-1252\r\n\r\n"
	for name, r := range map[string]repeated{
		"text":      {head: "A: b\r\n\r\n", piece: "some words of plain text, http://a.example/ and \xe9\r\n"},
		"html":      {head: html, piece: "<p class=x style=\"color:red\">some <b>words</b> \xe9 <a href=http://a.example/>here</a>\r\n"},
		"styles":    {head: html + "<style>.x{color:red}.x{font-size:0}</style>", piece: "<i class=x>a\r\n"},
		"rules":     {head: html + "<style>", piece: ".x,.y{color:red}\r\n"},
		"nesting":   {head: html, piece: "<b><i><div>x\r\n"},
		"invisible": {head: html, piece: "&#8203;&shy;a\r\n"},
		"outlook":   {head: html, piece: "<!--[if mso]><p>x<![endif]-->\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			r.size = 25 << 20
			m := NewSpooled(r, r.size)
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			e := m.Extract()
			n := len(e.Links())
			m.Octets()
			runtime.GC()
			runtime.ReadMemStats(&after)
			kept := int64(after.HeapAlloc) - int64(before.HeapAlloc)
			t.Logf("%d MB allocated, %d MB kept, %d links", (after.TotalAlloc-before.TotalAlloc)>>20, kept>>20, n)
			if kept > 20<<20 || !e.Cut && !e.Overstyled || strings.Contains(e.Visible, "\u200b") {
				t.Errorf("%d octets kept", kept)
			}
			runtime.KeepAlive(m)
		})
	}
}
