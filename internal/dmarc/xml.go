package dmarc

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"time"

	"gatepost/internal/mail"
)

// namespace is that of RFC 9990.
const namespace = "urn:ietf:params:xml:ns:dmarc-2.0"

// feedback is the root of a report (RFC 9990 §3.1.1.1). Those of RFC 7489 have no namespace, and are
// read by the same names.
type feedback struct {
	XMLName  xml.Name  `xml:"feedback"`
	Space    string    `xml:"xmlns,attr,omitempty"`
	Version  string    `xml:"version,omitempty"`
	Metadata metadata  `xml:"report_metadata"`
	Policy   published `xml:"policy_published"`
	Records  []record  `xml:"record"`
}

type metadata struct {
	Org       string    `xml:"org_name"`
	Email     string    `xml:"email"`
	ID        string    `xml:"report_id"`
	Range     dateRange `xml:"date_range"`
	Generator string    `xml:"generator,omitempty"`
}

type dateRange struct {
	Begin int64 `xml:"begin"`
	End   int64 `xml:"end"`
}

type published struct {
	Domain    string `xml:"domain"`
	Discovery string `xml:"discovery_method,omitempty"`
	P         string `xml:"p"`
	SP        string `xml:"sp,omitempty"`
	NP        string `xml:"np,omitempty"`
	FO        string `xml:"fo,omitempty"`
	ADKIM     string `xml:"adkim,omitempty"`
	ASPF      string `xml:"aspf,omitempty"`
	Testing   string `xml:"testing,omitempty"`
}

type record struct {
	Row         row         `xml:"row"`
	Identifiers identifiers `xml:"identifiers"`
	Auth        authResults `xml:"auth_results"`
}

type row struct {
	Source    string    `xml:"source_ip"`
	Count     string    `xml:"count"` // some write what is no number
	Evaluated evaluated `xml:"policy_evaluated"`
}

type evaluated struct {
	Disposition string   `xml:"disposition"`
	DKIM        string   `xml:"dkim"`
	SPF         string   `xml:"spf"`
	Reasons     []reason `xml:"reason"`
}

type reason struct {
	Type    string `xml:"type"`
	Comment string `xml:"comment,omitempty"`
}

type identifiers struct {
	HeaderFrom   string `xml:"header_from"`
	EnvelopeFrom string `xml:"envelope_from"`
}

type authResults struct {
	DKIM []dkimResult `xml:"dkim"`
	SPF  []spfResult  `xml:"spf"`
}

type dkimResult struct {
	Domain   string `xml:"domain"`
	Selector string `xml:"selector"`
	Result   string `xml:"result"`
	Human    string `xml:"human_result,omitempty"`
}

type spfResult struct {
	Domain string `xml:"domain"`
	Scope  string `xml:"scope,omitempty"`
	Result string `xml:"result"`
}

// makeReport makes the report of a period under the record that holds now. Its id is always
// the same, so that a report that came twice is known for it.
func makeReport(p Period, r Record, rows []RowCount, c Config) feedback {
	sum := sha256.Sum256([]byte("dmarc " + string(p.Day) + " " + p.Domain + " " + c.Hostname))
	f := feedback{
		Space: namespace, Version: "1.0",
		Metadata: metadata{
			Org: c.Organization, Email: string(c.From), ID: hex.EncodeToString(sum[:12]) + "@" + c.Hostname,
			Range: dateRange{p.Day.Begin().Unix(), p.Day.End().Unix() - 1}, Generator: "gatepost",
		},
		Policy: published{
			Domain: p.Domain, Discovery: "treewalk", P: string(r.Policy), SP: string(r.Subdomain), NP: string(r.Nonexistent), FO: r.Failure,
			ADKIM: mode(r.StrictDKIM), ASPF: mode(r.StrictSPF), Testing: yes(r.Testing, "y", "n"),
		},
	}
	for _, one := range rows {
		f.Records = append(f.Records, recordOf(one))
	}
	return f
}

func mode(strict bool) string { return yes(strict, "s", "r") }

func yes(is bool, word, other string) string {
	if is {
		return word
	}
	return other
}

func recordOf(c RowCount) record {
	r := c.Row
	out := record{
		Row: row{
			Source: r.Source, Count: fmt.Sprint(c.Messages),
			Evaluated: evaluated{Disposition: string(r.Disposition), DKIM: yes(r.DKIM, "pass", "fail"), SPF: yes(r.SPF, "pass", "fail")},
		},
		Identifiers: identifiers{HeaderFrom: r.HeaderFrom, EnvelopeFrom: r.EnvelopeFrom},
	}
	if r.Reason != "" {
		out.Row.Evaluated.Reasons = []reason{{r.Reason, r.Comment}}
	}
	for _, d := range r.Signatures {
		if d.Domain != "" { // of what could not be read at all there is nothing to tell
			out.Auth.DKIM = append(out.Auth.DKIM, dkimResult(d))
		}
	}
	// Of a null reverse-path SPF is asked about HELO, which DMARC does not use as such.
	if s := r.Sender; s.Result != "" && s.Domain != "" {
		out.Auth.SPF = []spfResult{{s.Domain, yes(s.Scope == "", "mfrom", s.Scope), s.Result}}
	}
	return out
}

// packed is the report as it travels (RFC 9990 §3.5.2).
func (f feedback) packed() ([]byte, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	fmt.Fprint(w, xml.Header)
	e := xml.NewEncoder(w)
	e.Indent("", " ")
	err := e.Encode(f)
	if err == nil {
		err = w.Close()
	}
	return b.Bytes(), err
}

// fileName is as RFC 9990 §3.5.2 has it.
func (f feedback) fileName(hostname string) string {
	id, _, _ := strings.Cut(f.Metadata.ID, "@")
	return fmt.Sprintf("%s!%s!%d!%d!%s.xml.gz", hostname, f.Policy.Domain, f.Metadata.Range.Begin, f.Metadata.Range.End, id)
}

// message is the report as a message.
func (f feedback) message(packed []byte, to mail.Path, c Config, now time.Time) []byte {
	id := mail.NewID(now)
	boundary := "=_" + id // of chance: it is in nobody's text
	var b []byte
	for _, field := range [][2]string{
		{"From", "DMARC reports <" + string(c.From) + ">"},
		{"To", "<" + string(to) + ">"},
		{"Subject", "Report Domain: " + f.Policy.Domain + " Submitter: " + c.Hostname + " Report-ID: <" + f.Metadata.ID + ">"},
		{"Date", now.UTC().Format("Mon, 02 Jan 2006 15:04:05 -0700")},
		{"Message-ID", "<" + id + "@" + c.Hostname + ">"},
		{"Auto-Submitted", "auto-generated"},
		{"MIME-Version", "1.0"},
	} {
		b = mail.AppendField(b, field[0], field[1])
	}
	b = append(b, "Content-Type: multipart/mixed;\r\n\tboundary=\""+boundary+"\"\r\n\r\n"...)
	b = append(b, "--"+boundary+"\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"...)
	b = append(b, f.words(c)...)
	b = append(b, "\r\n--"+boundary+"\r\nContent-Type: application/gzip\r\nContent-Transfer-Encoding: base64\r\n"+
		"Content-Disposition: attachment;\r\n\tfilename=\""+f.fileName(c.Hostname)+"\"\r\n\r\n"...)
	for line := range slices.Chunk(packed, 57) { // RFC 2045 §6.8: lines of 76
		b = append(base64.StdEncoding.AppendEncode(b, line), "\r\n"...)
	}
	return append(b, "--"+boundary+"--\r\n"...)
}

// words tells a person what the attachment is.
func (f feedback) words(c Config) string {
	return fmt.Sprintf("This is a DMARC aggregate report (RFC 9990) of mail in the name of %s\r\nthat came to %s on %s (UTC).\r\n\r\nWhom to ask: %s\r\n",
		f.Policy.Domain, c.Hostname, time.Unix(f.Metadata.Range.Begin, 0).UTC().Format(time.DateOnly), c.From)
}
