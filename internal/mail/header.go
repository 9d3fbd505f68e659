package mail

// MaxHeader bounds the header of a message, and of each part, in octets. What
// follows counts as body and the header is marked Cut.
const MaxHeader = 256 << 10

// A Header is the fields of a message or part, in order (RFC 5322 §2.2).
type Header struct {
	Fields []Field
	Size   int64 // octets up to and with the empty line: where the body starts
	Cut    bool  // longer than MaxHeader
}

// A Field is one header field as it came.
type Field struct {
	Name string // as written
	Raw  []byte // the whole field, folded, with its final CRLF
}
