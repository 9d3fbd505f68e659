package safe

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
)

// Policy returns the Content-Security-Policy under which the document is to be served:
// nothing is loaded and nothing run, and it has no origin of its own, even where it is
// opened outside of its frame. Our style is allowed by its hash.
func Policy() string { return documentPolicy + "; frame-ancestors 'self'; sandbox" }

// documentPolicy is also in the document, for one that was stored. What Policy has more
// counts only as a header field.
var documentPolicy = "default-src 'none'; img-src data:; style-src 'sha256-" + styleHash() + "'; base-uri 'none'; form-action 'none'"

func styleHash() string {
	sum := sha256.Sum256([]byte(style))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// style is that of the document. Foreign text is black on white, or as the reader's
// system has it, whatever colours its author wished for.
const style = `
:root{color-scheme:light dark;background:Canvas;color:CanvasText}
body{margin:0;padding:.75rem;font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
img{max-width:100%;height:auto}
table{border-collapse:collapse;max-width:100%}
td,th{vertical-align:top;text-align:start;padding:.15rem .3rem}
pre,.text{white-space:pre-wrap;overflow-wrap:anywhere}
.text{font-family:ui-monospace,monospace;font-size:.9rem}
pre{font-size:.9rem}
blockquote{margin:.5rem 0 .5rem .25rem;padding-inline-start:.75rem;border-inline-start:3px solid GrayText}
.q1,.q2,.q3,.q4{opacity:.8;font-style:italic}
.link{text-decoration:underline dotted}
.to{font-size:.85rem;font-family:ui-monospace,monospace;border:1px solid GrayText;border-radius:3px;padding:0 .25rem}
.false{border:2px solid #c00;outline:1px solid #fff}
.box{display:inline-block;border:1px dashed GrayText;border-radius:3px;padding:0 .35rem;font-size:.85rem}
.box .to{border:0}
.note{font-style:italic}
.message{border:1px solid GrayText;border-radius:4px;padding:.5rem;margin:.75rem 0}
`

// document puts what is shown into a page of its own.
func document(o Options, body string) []byte {
	var b bytes.Buffer
	b.Grow(len(body) + 4<<10)
	b.WriteString(`<!DOCTYPE html><html lang="` + escape(o.Lang) + `"><head><meta charset="utf-8">`)
	b.WriteString(`<meta http-equiv="Content-Security-Policy" content="` + documentPolicy + `">`)
	b.WriteString(`<meta name="referrer" content="no-referrer"><meta name="viewport" content="width=device-width, initial-scale=1">`)
	b.WriteString(`<title>` + escape(o.Words.Title) + `</title><style>` + style + `</style></head><body><div dir="auto">`)
	b.WriteString(body)
	b.WriteString("</div></body></html>\n")
	return b.Bytes()
}
