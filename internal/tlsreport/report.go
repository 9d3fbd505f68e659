package tlsreport

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"gatepost/internal/mail"
)

// report is the JSON of RFC 8460 §4.4.
type report struct {
	Organization string     `json:"organization-name"`
	Range        dateRange  `json:"date-range"`
	Contact      string     `json:"contact-info"`
	ID           string     `json:"report-id"`
	Policies     []policies `json:"policies"`
}

type dateRange struct {
	Start time.Time `json:"start-datetime"`
	End   time.Time `json:"end-datetime"`
}

type policies struct {
	Policy  policy    `json:"policy"`
	Summary summary   `json:"summary"`
	Details []details `json:"failure-details,omitempty"`
}

type policy struct {
	Type    Type     `json:"policy-type"`
	Strings []string `json:"policy-string,omitempty"`
	Domain  string   `json:"policy-domain"`
	MX      []string `json:"mx-host,omitempty"`
}

type summary struct {
	Success int64 `json:"total-successful-session-count"`
	Failure int64 `json:"total-failure-session-count"`
}

type details struct {
	Result    Result `json:"result-type"`
	Sending   string `json:"sending-mta-ip,omitempty"`
	MX        string `json:"receiving-mx-hostname,omitempty"`
	Receiving string `json:"receiving-ip,omitempty"`
	Sessions  int64  `json:"failed-session-count"`
	Reason    string `json:"failure-reason-code,omitempty"`
}

// makeReport makes the report of a period. Its ID is always the same, so that a
// report that came twice is known for it.
func makeReport(p Period, counts []Count, c Config) report {
	sum := sha256.Sum256([]byte(string(p.Day) + " " + p.Domain + " " + c.Hostname))
	r := report{
		Organization: c.Hostname, Contact: string(c.From), ID: hex.EncodeToString(sum[:12]) + "@" + c.Hostname,
		Range: dateRange{p.Day.Begin(), p.Day.End().Add(-time.Second)},
	}
	for _, one := range counts {
		of := policies{
			Policy:  policy{one.Policy.Type, one.Policy.Strings, one.Policy.Domain, one.Policy.MX},
			Summary: summary{one.Success, one.Failure},
		}
		for _, d := range one.Details {
			of.Details = append(of.Details, details{d.Result, d.Sending, d.MX, d.Receiving, d.Count, d.Reason})
		}
		r.Policies = append(r.Policies, of)
	}
	return r
}

// packed is the report as it travels (RFC 8460 §5).
func (r report) packed() ([]byte, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	err := json.NewEncoder(w).Encode(r)
	if err == nil {
		err = w.Close()
	}
	return b.Bytes(), err
}

// fileName is as RFC 8460 §5.1 has it.
func (r report) fileName(domain string) string {
	id, _, _ := strings.Cut(r.ID, "@")
	return fmt.Sprintf("%s!%s!%d!%d!%s.json.gz", r.Organization, domain, r.Range.Start.Unix(), r.Range.End.Unix(), id)
}

// message is the report as a message (RFC 8460 §5.3).
func (r report) message(domain string, packed []byte, to, from mail.Path, now time.Time) []byte {
	id := mail.NewID(now)
	boundary := "=_" + id // of chance: it is in nobody's text
	var b []byte
	for _, f := range [][2]string{
		{"From", "TLS reports <" + string(from) + ">"},
		{"To", "<" + string(to) + ">"},
		{"Subject", "Report Domain: " + domain + " Submitter: " + r.Organization + " Report-ID: <" + r.ID + ">"},
		{"Date", now.UTC().Format("Mon, 02 Jan 2006 15:04:05 -0700")},
		{"Message-ID", "<" + id + "@" + r.Organization + ">"},
		{"TLS-Report-Domain", domain},
		{"TLS-Report-Submitter", r.Organization},
		{"TLS-Required", "No"}, // RFC 8689: it is about TLS that fails
		{"Auto-Submitted", "auto-generated"},
		{"MIME-Version", "1.0"},
	} {
		b = mail.AppendField(b, f[0], f[1])
	}
	b = append(b, "Content-Type: multipart/report; report-type=\"tlsrpt\";\r\n\tboundary=\""+boundary+"\"\r\n\r\n"...)
	b = append(b, "--"+boundary+"\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"...)
	b = append(b, r.words(domain)...)
	b = append(b, "\r\n--"+boundary+"\r\nContent-Type: application/tlsrpt+gzip\r\nContent-Transfer-Encoding: base64\r\n"+
		"Content-Disposition: attachment;\r\n\tfilename=\""+r.fileName(domain)+"\"\r\n\r\n"...)
	for line := range slices.Chunk(packed, 57) { // RFC 2045 §6.8: lines of 76
		b = append(base64.StdEncoding.AppendEncode(b, line), "\r\n"...)
	}
	return append(b, "--"+boundary+"--\r\n"...)
}

// words tells a person what the attachment is, and the sum.
func (r report) words(domain string) string {
	var total summary
	for _, p := range r.Policies {
		total.Success += p.Summary.Success
		total.Failure += p.Summary.Failure
	}
	return fmt.Sprintf("This is an aggregate report of TLS to the mail servers of %s\r\non %s (UTC), from %s (RFC 8460).\r\n\r\n"+
		"Sessions as secure as your policy asks: %d\r\nOther sessions: %d\r\n",
		domain, r.Range.Start.Format(time.DateOnly), r.Organization, total.Success, total.Failure)
}
