package remote

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Listed folder is one that LIST names (RFC 9051 §7.3.1).
type Listed struct {
	Name       string // in the form of the server (modified UTF-7)
	Delimiter  string // between levels; "": there are none
	Attributes []string
	Subscribed bool
	Others     bool // it is somebody else's, or shared, by the server's word (RFC 2342)
}

// Has reports whether the folder has an attribute, `\Noselect`, in any case.
func (l Listed) Has(attribute string) bool {
	return slices.ContainsFunc(l.Attributes, func(a string) bool { return strings.EqualFold(a, attribute) })
}

// List names all folders of the account, most at most, with their special uses where the server knows those (RFC 6154).
func (i *IMAP) List(most int) (list []Listed, err error) {
	command := `LIST "" "*"`
	if i.can("SPECIAL-USE") && i.can("LIST-EXTENDED") {
		command += " RETURN (SPECIAL-USE)"
	}
	err = i.run(command, func(r response) error {
		l, ok := listed(r, "LIST")
		if !ok {
			return nil
		}
		if len(list) >= most {
			return fmt.Errorf("%w: more than %d folders", ErrProtocol, most)
		}
		list = append(list, l)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("imap: LIST: %w", err)
	}
	subscribed := map[string]bool{}
	err = i.run(`LSUB "" "*"`, func(r response) error {
		if l, ok := listed(r, "LSUB"); ok && len(subscribed) <= most {
			subscribed[l.Name] = true
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("imap: LSUB: %w", err)
	}
	spaces, err := i.namespaces()
	if err != nil {
		return nil, err
	}
	for n := range list {
		list[n].Subscribed = subscribed[list[n].Name]
		list[n].Others = spaces.others(list[n].Name)
	}
	return list, nil
}

// A namespace is a prefix of folders' names, and whether they are others' folders.
type namespace struct {
	prefix string
	others bool
}

type namespaces []namespace

// maxNamespaces bounds those of one account.
const maxNamespaces = 100

// namespaces asks which folders are the account's own, where the server can tell (RFC 2342, RFC 9051 §6.3.10).
func (i *IMAP) namespaces() (found namespaces, err error) {
	if !i.can("NAMESPACE") {
		return nil, nil
	}
	err = i.run("NAMESPACE", func(r response) error {
		found = append(found, spaced(r)...)
		if len(found) > maxNamespaces {
			return fmt.Errorf("%w: more than %d namespaces", ErrProtocol, maxNamespaces)
		}
		return nil
	})
	if err != nil && !Refused(err) {
		return nil, fmt.Errorf("imap: NAMESPACE: %w", err)
	}
	return found, nil
}

// spaced reads `* NAMESPACE (("" "/")) (("Other/" "/")) NIL`: own ones, other users', shared ones.
func spaced(r response) (found namespaces) {
	if r.word(1) != "NAMESPACE" {
		return nil
	}
	for n, v := range r.values[2:min(len(r.values), 5)] {
		for _, space := range v.list {
			if len(space.list) > 0 {
				found = append(found, namespace{space.list[0].text, n > 0})
			}
		}
	}
	return found
}

// others reports whether a folder is not the account's own: the longest prefix counts, since one may be "". The inbox is always its own.
func (s namespaces) others(name string) bool {
	if strings.EqualFold(name, "INBOX") {
		return false
	}
	longest, others := -1, false
	for _, n := range s {
		if len(n.prefix) > longest && strings.HasPrefix(name, n.prefix) {
			longest, others = len(n.prefix), n.others
		}
	}
	return others
}

// listed reads "* LIST (\Sent) "/" name". A name that is all digits is an atom like others.
func listed(r response, word string) (l Listed, ok bool) {
	if r.word(1) != word || len(r.values) < 5 || !r.values[2].isList {
		return l, false
	}
	for _, a := range r.values[2].list {
		l.Attributes = append(l.Attributes, a.text)
	}
	if d := r.values[3]; d.quoted {
		l.Delimiter = d.text
	}
	l.Name = r.values[4].text
	return l, l.Name != ""
}

// Looked is what a server says of a folder.
type Looked struct {
	Opened
	Next   uint32 // UIDNEXT; 0: it does not say
	ModSeq string // HIGHESTMODSEQ (RFC 7162); "": it does not say
}

// Look opens a folder to read it alone.
func (i *IMAP) Look(name string) (l Looked, err error) {
	err = i.run("EXAMINE", func(r response) error {
		if v, ok := r.code("UIDVALIDITY"); ok {
			n, err := value{text: v}.number()
			l.Validity = n
			return err
		}
		if v, ok := r.code("UIDNEXT"); ok {
			n, err := value{text: v}.number()
			l.Next = n
			return err
		}
		if v, ok := r.code("HIGHESTMODSEQ"); ok {
			l.ModSeq = v
		}
		if r.word(2) == "EXISTS" {
			n, err := r.values[1].number()
			l.Exists = n
			return err
		}
		return nil
	}, name)
	if err == nil && l.Validity == 0 {
		err = fmt.Errorf("%w: no UIDVALIDITY", ErrProtocol)
	}
	if err != nil {
		return l, fmt.Errorf("imap: EXAMINE %s: %w", quote(name), err)
	}
	return l, nil
}

// A Flagged message is one with its flags.
type Flagged struct {
	Entry
	Flags []string
}

// maxFlags bounds the flags of one message.
const maxFlags = 200

// Items lists the messages of the open folder with their flags, by UID, most at most.
func (i *IMAP) Items(most int) (list []Flagged, err error) {
	words := map[string]string{} // one copy of each flag's name
	err = i.run("UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE)", func(r response) error {
		e, ok, err := entry(r)
		if err != nil || !ok {
			return err
		}
		if len(list) >= most {
			return fmt.Errorf("%w: more than %d messages", ErrProtocol, most)
		}
		list = append(list, Flagged{e, flagsOf(r, words)})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("imap: FETCH: %w", err)
	}
	slices.SortFunc(list, func(a, b Flagged) int { return int(int64(a.UID) - int64(b.UID)) })
	return slices.CompactFunc(list, func(a, b Flagged) bool { return a.UID == b.UID }), nil
}

func flagsOf(r response, words map[string]string) (flags []string) {
	data := r.values[3].list
	for n := 0; n+1 < len(data); n += 2 {
		if !strings.EqualFold(data[n].text, "FLAGS") {
			continue
		}
		for _, f := range data[n+1].list {
			word, known := words[f.text]
			if !known && len(words) < 10_000 {
				word, words[f.text] = f.text, f.text
			}
			if word != "" && len(flags) < maxFlags {
				flags = append(flags, word)
			}
		}
	}
	return flags
}

// Some brings several messages at once, each of at most most octets. each is told of them as they come, with ErrTooLarge of
// one that has more; those that are gone it is not told of. content is each's for as long as it runs.
func (i *IMAP) Some(uids []uint32, most int64, each func(uid uint32, content []byte, err error) error) error {
	texts := make([]string, len(uids))
	for n, u := range uids {
		texts[n] = strconv.FormatUint(uint64(u), 10)
	}
	tag := i.next()
	if err := i.c.send(tag + " UID FETCH " + strings.Join(texts, ",") + " (UID BODY.PEEK[])\r\n"); err != nil {
		return fmt.Errorf("imap: FETCH: %w", err)
	}
	var content bytes.Buffer
	for range maxResponses {
		content.Reset()
		into := &literalSink{after: "BODY[]", w: &content, most: most}
		r, err := i.c.response(into)
		switch {
		case err != nil:
			return fmt.Errorf("imap: FETCH: %w", err)
		case r.tag() == tag:
			return r.failed()
		case !r.untagged():
			return fmt.Errorf("%w: %s", ErrProtocol, quote(r.text))
		case r.word(1) == "BYE":
			return refusal{r.text, true}
		}
		e, ok, err := entry(r)
		if err != nil {
			return err
		}
		if !ok || !slices.Contains(uids, e.UID) { // news that nobody asked for
			continue
		}
		b, fault := content.Bytes(), into.fault
		if small, quoted := body(r); quoted && !into.came {
			b, into.came = []byte(small), true
		}
		if !into.came {
			continue
		}
		if err := each(e.UID, b, fault); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: more than %d answers to FETCH", ErrProtocol, maxResponses)
}

// body is a message that a server wrote in quotes, since it is short.
func body(r response) (text string, ok bool) {
	data := r.values[3].list
	for n := 0; n+1 < len(data); n += 2 {
		if strings.EqualFold(data[n].text, "BODY[]") && data[n+1].quoted {
			return data[n+1].text, true
		}
	}
	return "", false
}

// Patient has the session wait longer for each answer: a server may take its time to list a large folder.
func (i *IMAP) Patient(wait time.Duration) { i.c.wait = wait }

// Refused reports whether a server said no to a command, and the session goes on.
func Refused(err error) bool {
	var said refusal
	return errors.As(err, &said) && !said.over && !errors.Is(err, ErrLogin)
}
