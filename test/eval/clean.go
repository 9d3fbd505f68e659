package main

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
)

// clean takes off a message what gives away in which half of the corpus it is: the mbox line,
// fields that other filters, mailing lists, mail programs and those who gathered the corpus
// have added, their own hops, and the addresses behind which they hid theirs. Every filter is
// shown what is left, and nothing else. The content has CRLF line ends.
func clean(content []byte) []byte {
	if bytes.HasPrefix(content, []byte("From ")) || bytes.HasPrefix(content, []byte(">From ")) {
		_, content, _ = bytes.Cut(content, []byte("\n"))
	}
	fields, rest := split(content)
	last := lastOwnHop(fields)
	var out []byte
	for i, f := range fields {
		name, _, _ := bytes.Cut(f, []byte(":"))
		hop := strings.EqualFold(string(name), "Received")
		switch {
		case leaks(string(name)) || hop && i < last:
		case i == last:
			out = append(out, border(f)...)
		default:
			out = append(out, f...)
		}
	}
	return mask(append(out, rest...))
}

// split returns a header's fields, each with its folded lines, and the rest with the empty line.
func split(content []byte) (fields [][]byte, rest []byte) {
	rest = content
	for line := range bytes.Lines(content) {
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			break
		}
		if last := len(fields) - 1; last >= 0 && (line[0] == ' ' || line[0] == '\t') {
			fields[last] = append(fields[last], line...)
		} else {
			fields = append(fields, slices.Clip(slices.Clone(line)))
		}
		rest = rest[len(line):]
	}
	return fields, rest
}

// leaks reports whether a field of this name was added by another filter, a mailing list, the
// reader's mail program or those who gathered the corpus.
func leaks(name string) bool {
	name = strings.ToLower(strings.TrimSpace(name))
	return slices.ContainsFunc([]string{
		"x-spam-", "x-pyzor", "x-dcc-", "x-razor", "x-bogosity", "x-virus-", "x-antiabuse", "x-mailscanner", "x-hashcash", // filters
		"list-", "x-list", "x-mailman-", "x-egroups-", "x-unsubscription-info", "x-acceptable-languages", "x-precedence-ref", // lists
		"x-uid", "old-", "replied", "forwarded", // mail programs
	}, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) || slices.Contains([]string{
		"delivered-to", "x-original-to", "x-apparently-to", "delivery-date", "return-path", "x-original-date",
		"mailing-list", "x-mailing-list", "x-beenthere", "x-loop", "errors-to", "precedence", "sender", "x-yahoo-profile", "mail-followup-to",
		"status", "x-status", "x-keywords", "content-length", "lines",
	}, name)
}

// ownHop is a hop whose receiver belongs to those who gathered the corpus.
var ownHop = regexp.MustCompile(`(?is)^Received:\s*(?:from\s.*?\s)?by\s+(?:localhost|phobos|mandark|jalapeno|dogma|\S*netnoteinc\.com|\S*(?:jm|zzzz|yyyy)ason\.org|(?:\S*\.labs\.)?spamassassin\.taint\.org)\b`)

// lastOwnHop returns the index of the field by which the mail came to the corpus's hosts, -1
// where there is none: hops are written on top, so that theirs are the first ones.
func lastOwnHop(fields [][]byte) int {
	last := -1
	for i, f := range fields {
		if !bytes.HasPrefix(bytes.ToLower(f), []byte("received:")) {
			continue
		}
		if !ownHop.Match(f) {
			break
		}
		last = i
	}
	return last
}

// from and date are the parts of a hop that its sender and the clock make.
var (
	from = regexp.MustCompile(`(?is)^Received:\s*(from\s.*?)\s+by\s`)
	date = regexp.MustCompile(`(?s);([^;]*)$`)
)

// border writes the hop at which mail came in as every site's own server would: who sent, and when.
func border(field []byte) []byte {
	out := []byte("Received:")
	if m := from.FindSubmatch(field); m != nil {
		out = append(append(out, ' '), m[1]...)
	}
	out = append(out, "\r\n\tby mx.site.example with SMTP"...)
	if m := date.FindSubmatch(field); m != nil {
		out = append(append(out, ';'), m[1]...)
	}
	return append(bytes.TrimRight(out, "\r\n"), "\r\n"...)
}

// The addresses of those who gathered the corpus, and what they put in place of them.
var (
	people = regexp.MustCompile(`(?i)\b(?:jm|jmason|justin|zzzz|yyyy|zzzzason|yyyyason|webmaster)(?:[-+][\w.+-]*)?@(?:[a-z0-9-]+\.)*(?:taint\.org|netnoteinc\.com|slashnull\.org|jmason\.org|zzzzason\.org|yyyyason\.org|efi\.ie|example\.com|localhost)\b`)
	hosts  = regexp.MustCompile(`(?i)\b(?:[a-z0-9-]+\.)*(?:taint\.org|netnoteinc\.com|slashnull\.org|jmason\.org|zzzzason\.org|yyyyason\.org|efi\.ie)\b|\b213\.105\.180\.140\b`)
	names  = regexp.MustCompile(`(?i)\b(?:zzzz|yyyy)(?:ason)?\b|\b(?:phobos|mandark|jalapeno|dogma)\b`)
	lists  = regexp.MustCompile(`(?i)\b([a-z]+)-(?:zzz|yyy)list\b`)
)

// traced reports whether the line has what each match of the patterns above has in it; most have not.
func traced(line []byte) bool {
	line = bytes.ToLower(line)
	return slices.ContainsFunc([]string{
		"zzz", "yyy", "taint.org", "ason.org", "netnoteinc", "slashnull", "efi.ie", "phobos", "mandark", "jalapeno", "dogma", "213.105",
		"@example.com", "@localhost",
	}, func(s string) bool { return bytes.Contains(line, []byte(s)) })
}

func mask(content []byte) []byte {
	out := make([]byte, 0, len(content))
	for line := range bytes.Lines(content) {
		if traced(line) {
			line = people.ReplaceAllLiteral(line, []byte("user@site.example"))
			line = hosts.ReplaceAllLiteral(line, []byte("site.example"))
			line = lists.ReplaceAll(line, []byte("$1-list"))
			line = names.ReplaceAllLiteral(line, []byte("user"))
		}
		out = append(out, line...)
	}
	return out
}
