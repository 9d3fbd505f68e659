package dmarc

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/xml"
	"errors"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatepost/internal/mail"
)

// Bounds of a report that is read. What lies beyond is left out, and the report is marked
// Cut.
const (
	maxPacked   = 10 << 20      // octets of the attachment
	maxZIP      = 4 << 20       // octets of a ZIP archive, which has to be in memory
	maxUnpacked = 20 << 20      // octets of the XML
	maxElement  = 256 << 10     // octets of one record
	maxRecords  = 100_000       // of one report
	maxSources  = 1_000         // networks; the rest is told together
	maxCount    = 1_000_000_000 // messages of one record
	maxParts    = 5             // of a message that are looked into
)

// Read reads the aggregate report that a message brings: as XML, with gzip or in a ZIP
// archive. It reports false where there is none. All of it is the reporter's word; it is summed
// up by network, and nothing else of it is kept.
func Read(m *mail.Message) (Received, bool) {
	tried := 0
	for p := range m.Root().All() {
		if !isPacked(p) {
			continue
		}
		if tried++; tried > maxParts {
			break
		}
		if r, err := ReadXML(unpack(io.LimitReader(m.Decoded(p), maxPacked))); err == nil {
			return r, true
		}
	}
	return Received{}, false
}

// unpack returns the XML in what was attached, told by its first octets: what senders call
// it is often wrong.
func unpack(packed io.Reader) io.Reader {
	in := bufio.NewReader(packed)
	head, _ := in.Peek(2) // of less than that there is no report
	switch string(head) {
	case "\x1f\x8b":
		r, err := gzip.NewReader(in)
		if err != nil {
			return strings.NewReader("")
		}
		return r
	case "PK":
		return unzip(in)
	}
	return in
}

// unzip returns the first XML file of an archive.
func unzip(in io.Reader) io.Reader {
	none := strings.NewReader("")
	b, err := io.ReadAll(io.LimitReader(in, maxZIP))
	if err != nil {
		return none
	}
	archive, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return none
	}
	for _, f := range archive.File[:min(len(archive.File), maxParts)] {
		if !strings.HasSuffix(strings.ToLower(f.Name), ".xml") {
			continue
		}
		if r, err := f.Open(); err == nil { // in memory: there is nothing to close
			return r
		}
	}
	return none
}

// errNoReport says that XML is no aggregate report.
var errNoReport = errors.New("dmarc: no aggregate report")

// ReadXML reads a report of RFC 9990 or of RFC 7489. Records are summed up one by one; the
// document is never in memory as a whole. One that ends in the middle, or goes on beyond the bounds,
// is Cut.
func ReadXML(r io.Reader) (Received, error) {
	limited := &io.LimitedReader{R: r, N: maxUnpacked}
	text := &plainText{r: limited}
	d := xml.NewDecoder(bufio.NewReader(text))
	d.Strict = false
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil } // it is ASCII by now
	s := summing{byNetwork: map[netip.Prefix]*Sum{}}
	depth := 0
	for {
		text.left = maxElement
		token, err := d.Token()
		if err != nil {
			s.out.Cut = s.out.Cut || err != io.EOF || depth > 0
			break
		}
		switch t := token.(type) {
		case xml.StartElement:
			if depth == 0 {
				if t.Name.Local != "feedback" {
					return Received{}, errNoReport
				}
				s.out.Version = yes(t.Name.Space == namespace, "rfc9990", "rfc7489")
				depth = 1
				continue
			}
			if err := s.element(d, t); err != nil {
				s.out.Cut = true
			}
		case xml.EndElement:
			depth = 0
		}
		if s.records >= maxRecords || limited.N <= 0 {
			s.out.Cut = true
			break
		}
	}
	return s.report()
}

// A plainText reader makes one octet "?" of each that is none of ASCII: whatever encoding a
// report claims, what counts in it is ASCII. It fails where one element has too much.
type plainText struct {
	r    io.Reader
	left int // octets that the element may have yet
}

// Read implements io.Reader.
func (t *plainText) Read(p []byte) (int, error) {
	if t.left <= 0 {
		return 0, errNoReport
	}
	n, err := t.r.Read(p)
	t.left -= n
	for i, c := range p[:n] {
		if c >= 0x80 {
			p[i] = '?'
		}
	}
	return n, err
}

// A summing sums up a report as it is read.
type summing struct {
	out       Received
	byNetwork map[netip.Prefix]*Sum
	records   int
}

// element takes one child of the root.
func (s *summing) element(d *xml.Decoder, t xml.StartElement) error {
	switch t.Name.Local {
	case "report_metadata":
		var m metadata
		err := d.DecodeElement(&m, &t)
		s.out.Org, s.out.ID = clip(m.Org), clip(m.ID)
		s.out.Begin, s.out.End = moment(m.Range.Begin), moment(m.Range.End)
		return err
	case "policy_published":
		var p published
		err := d.DecodeElement(&p, &t)
		s.out.Domain, s.out.Policy = domainName(p.Domain), clipTo(strings.ToLower(p.P), 20)
		return err
	case "record":
		var r record
		err := d.DecodeElement(&r, &t)
		s.records++
		if err == nil {
			s.add(r)
		}
		return err
	}
	return d.Skip()
}

// moment is a time in seconds; one that nobody can mean is zero.
func moment(seconds int64) time.Time {
	if seconds <= 0 || seconds > 1<<33 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

// domainName is a domain in its usual form, "" of what is none.
func domainName(s string) string {
	d, err := mail.ParseDomain(strings.TrimSpace(s))
	if err != nil || !strings.Contains(d, ".") || d[0] == '[' {
		return ""
	}
	return d
}

// add sums up one record. What is beyond the bounds counts with "all others".
func (s *summing) add(r record) {
	n, err := strconv.ParseInt(strings.TrimSpace(r.Row.Count), 10, 64)
	if err != nil || n <= 0 || n > maxCount {
		return
	}
	var at netip.Prefix
	if addr, err := netip.ParseAddr(strings.TrimSpace(r.Row.Source)); err == nil {
		at = network(addr)
	}
	sum := s.byNetwork[at]
	if sum == nil {
		if len(s.byNetwork) >= maxSources {
			at = netip.Prefix{}
		}
		if sum = s.byNetwork[at]; sum == nil {
			sum = &Sum{Network: at}
			s.byNetwork[at] = sum
		}
	}
	passed := func(word string) bool { return strings.EqualFold(strings.TrimSpace(word), "pass") }
	e := r.Row.Evaluated
	done := strings.ToLower(strings.TrimSpace(e.Disposition))
	sum.add(n, passed(e.DKIM), passed(e.SPF), done == string(Quarantine) || done == string(Reject))
}

// report is what was read, if it is a report at all: on a domain, of a time, with an id.
func (s *summing) report() (Received, error) {
	out := s.out
	if out.Domain == "" || out.ID == "" || out.Begin.IsZero() || out.End.Before(out.Begin) || len(s.byNetwork) == 0 {
		return Received{}, errNoReport
	}
	for _, sum := range s.byNetwork {
		sum.Domain, sum.Day = out.Domain, DayOf(out.Begin)
		out.Messages += sum.Messages
		out.Passed += sum.Passed
		out.Sums = append(out.Sums, *sum)
	}
	slices.SortFunc(out.Sums, func(a, b Sum) int { return strings.Compare(a.Network.String(), b.Network.String()) })
	return out, nil
}
