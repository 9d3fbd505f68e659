package imap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gatepost/mailbox"
)

// METADATA (RFC 5464): what programs note beside a folder, or beside the server where the
// folder is "". Private entries are the session's owner's; shared ones are everybody's who
// may read the folder, and are written with the right w. The server's shared ones nobody
// writes.

var metadataCommands = []command{
	{name: "GETMETADATA", states: inside, run: (*conn).getMetadata},
	{name: "SETMETADATA", states: inside, run: (*conn).setMetadata},
}

// maxEntries bounds the entries of one command.
const maxEntries = 100

// adminEntry says whom to ask about the server (RFC 5464 §6.2.1).
const adminEntry = "/shared/admin"

var errServerEntry = no("NOPERM", "What the server says to all is not yours to write")

// A metadataQuery is what GETMETADATA asks for.
type metadataQuery struct {
	entries []string
	depth   string // "0", "1", "INFINITY": what beneath the entries, too
	size    int64  // the most octets of a value; -1: any
}

// getMetadata: RFC 5464 §4.2.
func (c *conn) getMetadata(ctx context.Context, r *request) (reply, error) {
	q := metadataQuery{depth: "0", size: -1}
	r.space()
	if r.peek() == '(' {
		r.list(func() { q.option(r) })
		r.space()
	}
	name := r.metadataFolder()
	r.space()
	if r.peek() == '(' {
		r.list(func() { q.entries = append(q.entries, r.entry()) })
	} else {
		q.entries = append(q.entries, r.entry())
	}
	if len(q.entries) == 0 || len(q.entries) > maxEntries {
		r.fail("Too few entries, or too many")
	}
	if err := r.end(); err != nil {
		return reply{}, err
	}
	all, err := c.annotations(ctx, name)
	if err != nil {
		return reply{}, err
	}
	return c.tellMetadata(name, q, all), nil
}

func (q *metadataQuery) option(r *request) {
	switch r.word() {
	case "MAXSIZE":
		r.space()
		q.size = int64(r.number32())
	case "DEPTH":
		r.space()
		if q.depth = strings.ToUpper(r.while("a depth", isAtomChar)); q.depth != "0" && q.depth != "1" && q.depth != "INFINITY" {
			r.fail("Unknown depth")
		}
	default:
		r.fail("Unknown GETMETADATA option")
	}
}

// metadataFolder reads a folder's name, or "" for the server.
func (r *request) metadataFolder() string {
	if bytes.HasPrefix(r.b, []byte(`""`)) {
		r.b = r.b[2:]
		return ""
	}
	return r.folderName()
}

// entry reads the name of an entry, which is the same in any case (RFC 5464 §3.2).
func (r *request) entry() string {
	s := r.astring()
	if !validEntry(s) {
		r.fail("Not the name of an entry")
	}
	return strings.ToLower(s)
}

// validEntry: RFC 5464 §3.2.
func validEntry(s string) bool {
	lower := strings.ToLower(s)
	below := strings.HasPrefix(lower, "/private/") || strings.HasPrefix(lower, "/shared/") || lower == "/private" || lower == "/shared"
	bad := func(r rune) bool { return r < ' ' || r >= 0x7f || r == '*' || r == '%' }
	return below && len(s) <= mailbox.MaxAnnotationName && !strings.Contains(s, "//") && !strings.HasSuffix(s, "/") && !strings.ContainsFunc(s, bad)
}

// annotations reads all that the session may see beside a folder, or the server.
func (c *conn) annotations(ctx context.Context, name string) ([]mailbox.Annotation, error) {
	f, err := c.annotated(ctx, name, mailbox.MayLookUp|mailbox.MayRead)
	if err != nil {
		return nil, err
	}
	all, err := c.srv.Sharing.Annotations(ctx, c.box, f.ID)
	all = c.withUse(f, all)
	if _, domain, ok := strings.Cut(c.user, "@"); ok && f.ID == 0 && err == nil {
		all = append(all, mailbox.Annotation{Entry: adminEntry, Value: []byte("mailto:postmaster@" + domain)})
	}
	return all, err
}

// annotated finds a folder; its number is 0 for the server.
func (c *conn) annotated(ctx context.Context, name string, need mailbox.Rights) (mailbox.Folder, error) {
	if !c.sharing() {
		return mailbox.Folder{}, no("CANNOT", "Nothing is noted here")
	}
	if name == "" {
		return mailbox.Folder{}, nil
	}
	p, err := c.reach(ctx, name, need)
	return p.Folder, err
}

// tellMetadata answers a query. An entry that is asked for by its name and is not there is
// NIL.
func (c *conn) tellMetadata(name string, q metadataQuery, all []mailbox.Annotation) (rep reply) {
	var longest int64
	var found []mailbox.Annotation
	for _, entry := range q.entries {
		there := false
		for _, a := range all {
			if !q.matches(entry, a.Entry) {
				continue
			}
			there = there || a.Entry == entry
			if n := int64(len(a.Value)); q.size >= 0 && n > q.size {
				longest = max(longest, n)
			} else if !slices.ContainsFunc(found, func(b mailbox.Annotation) bool { return b.Entry == a.Entry }) {
				found = append(found, a)
			}
		}
		if !there && q.depth == "0" {
			found = append(found, mailbox.Annotation{Entry: entry})
		}
	}
	if longest > 0 { // RFC 5464 §4.2.1
		rep.code = "METADATA LONGENTRIES " + strconv.FormatInt(longest, 10)
	}
	if len(found) == 0 {
		return rep
	}
	c.out.text("* METADATA ")
	c.name(name)
	open := " ("
	for _, a := range found {
		c.out.text(open)
		open = " "
		c.out.astring(a.Entry)
		c.out.text(" ")
		c.out.value(a.Value)
	}
	c.out.text(")\r\n")
	return rep
}

// matches reports whether an entry that is there is asked for by the name of another, by
// the depth of RFC 5464 §4.2.2.
func (q metadataQuery) matches(asked, there string) bool {
	if asked == there {
		return true
	}
	rest, below := strings.CutPrefix(there, asked+"/")
	return below && (q.depth == "INFINITY" || q.depth == "1" && !strings.Contains(rest, "/"))
}

// astring appends s as an atom where it is one.
func (o *output) astring(s string) {
	for i := 0; i < len(s); i++ {
		if !isAtomChar(s[i]) {
			o.quoted(s)
			return
		}
	}
	o.text(s)
}

// value appends a value: NIL, a string, or, of what no string holds, a literal8.
func (o *output) value(b []byte) {
	switch {
	case b == nil:
		o.text("NIL")
	case bytes.IndexByte(b, 0) >= 0:
		o.text("~{", strconv.Itoa(len(b)), "}\r\n", string(b))
	default:
		o.quoted(string(b))
	}
}

// setMetadata: RFC 5464 §4.3.
func (c *conn) setMetadata(ctx context.Context, r *request) (reply, error) {
	var list []mailbox.Annotation
	need := mailbox.MayLookUp | mailbox.MayRead
	r.space()
	name := r.metadataFolder()
	r.space()
	r.list(func() {
		a := mailbox.Annotation{Entry: r.entry()}
		r.space()
		a.Value = r.value()
		if strings.Count(a.Entry, "/") < 2 {
			r.fail("Not the name of an entry that has a value")
		}
		if !a.Private() {
			need |= mailbox.MayWrite
		}
		list = append(list, a)
	})
	if len(list) == 0 || len(list) > maxEntries {
		r.fail("Too few entries, or too many")
	}
	if err := r.end(); err != nil {
		return reply{}, err
	}
	f, err := c.annotated(ctx, name, need)
	if err == nil && f.ID == 0 && need.Has(mailbox.MayWrite) {
		err = errServerEntry
	}
	if err == nil {
		list, err = c.setUse(ctx, name, list)
	}
	if err == nil && len(list) > 0 {
		err = c.srv.Sharing.Annotate(ctx, c.box, f.ID, list)
	}
	switch {
	case errors.Is(err, mailbox.ErrAnnotationSize):
		return reply{}, no("METADATA MAXSIZE "+fmt.Sprint(mailbox.MaxAnnotation), "A value is too long")
	case errors.Is(err, mailbox.ErrAnnotations):
		return reply{}, no("METADATA TOOMANY", "There are too many entries")
	}
	return reply{}, err
}

// value reads NIL, a string or a literal8; NIL is nil, the empty string is not.
func (r *request) value() []byte {
	switch {
	case r.takeFold("NIL"):
		return nil
	case !r.take('~'):
		return append([]byte{}, r.string()...)
	}
	n := r.announced()
	if r.err != nil || n > int64(r.limit) || n > int64(len(r.b)) {
		r.fail("Literal not accepted here")
		return nil
	}
	v := append([]byte{}, r.b[:n]...)
	r.b = r.b[n:]
	return v
}
