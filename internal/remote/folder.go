package remote

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An Opened folder is what the server says of one that was selected.
type Opened struct {
	Validity uint32 // UIDVALIDITY; UIDs are for ever the same messages' as long as it stays
	Exists   uint32
}

// Open selects a folder, whose name is in the form of the server (modified UTF-7).
func (i *IMAP) Open(name string) (o Opened, err error) {
	err = i.run("SELECT", func(r response) error {
		if v, ok := r.code("UIDVALIDITY"); ok {
			n, err := value{text: v}.number()
			o.Validity = n
			return err
		}
		if r.word(2) == "EXISTS" {
			n, err := r.values[1].number()
			o.Exists = n
			return err
		}
		return nil
	}, name)
	if err == nil && o.Validity == 0 {
		err = fmt.Errorf("%w: no UIDVALIDITY", ErrProtocol)
	}
	if err != nil {
		return o, fmt.Errorf("imap: SELECT %s: %w", quote(name), err)
	}
	return o, nil
}

// An Entry is a message in a folder.
type Entry struct {
	UID  uint32
	Size int64     // as the server says
	Date time.Time // zero: the server says none that can be read
}

// dateTime is the form of INTERNALDATE (RFC 3501 §9, "date-time").
const dateTime = "_2-Jan-2006 15:04:05 -0700"

// Index lists the messages of the open folder by UID, most at most.
func (i *IMAP) Index(most int) (list []Entry, err error) {
	err = i.run("UID FETCH 1:* (UID INTERNALDATE RFC822.SIZE)", func(r response) error {
		e, ok, err := entry(r)
		if err != nil || !ok {
			return err
		}
		if len(list) >= most {
			return fmt.Errorf("%w: more than %d messages", ErrProtocol, most)
		}
		list = append(list, e)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("imap: FETCH: %w", err)
	}
	slices.SortFunc(list, func(a, b Entry) int { return int(int64(a.UID) - int64(b.UID)) })
	return slices.CompactFunc(list, func(a, b Entry) bool { return a.UID == b.UID }), nil
}

// entry reads "* n FETCH (…)". One without UID is news that nobody asked for.
func entry(r response) (e Entry, ok bool, err error) {
	if r.word(2) != "FETCH" || len(r.values) < 4 {
		return e, false, nil
	}
	data := r.values[3].list
	for n := 0; n+1 < len(data); n += 2 {
		switch v := data[n+1]; strings.ToUpper(data[n].text) {
		case "UID":
			if e.UID, err = v.number(); err != nil || e.UID == 0 {
				return e, false, fmt.Errorf("%w: UID %s", ErrProtocol, quote(v.text))
			}
			ok = true
		case "RFC822.SIZE":
			if e.Size, err = strconv.ParseInt(v.text, 10, 64); err != nil || e.Size < 0 {
				e.Size = -1
			}
		case "INTERNALDATE":
			e.Date, _ = time.Parse(dateTime, v.text)
		}
	}
	return e, ok, nil
}

// Fetch writes a message to w without marking it seen. One of more than most octets ends with
// ErrTooLarge, one that was removed with ErrGone.
func (i *IMAP) Fetch(uid uint32, w io.Writer, most int64) error {
	into := &literalSink{after: "BODY[]", w: w, most: most}
	var small *string // a server may write what is short in quotes
	err := i.runInto(fmt.Sprintf("UID FETCH %d (UID BODY.PEEK[])", uid), func(r response) error {
		if r.word(2) != "FETCH" || len(r.values) < 4 {
			return nil
		}
		data := r.values[3].list
		for n := 0; n+1 < len(data); n += 2 {
			if strings.EqualFold(data[n].text, "BODY[]") && data[n+1].quoted {
				small = &data[n+1].text
			}
		}
		return nil
	}, into)
	switch {
	case err != nil:
	case into.came:
		err = into.fault
	case small != nil:
		_, err = io.WriteString(w, *small)
	default:
		err = ErrGone
	}
	if err != nil {
		return fmt.Errorf("imap: FETCH: %w", err)
	}
	return nil
}

// Remove deletes messages for good, and none that others have marked: where the server has no
// UID EXPUNGE (RFC 4315) only if all that are marked are to go.
func (i *IMAP) Remove(uids []uint32) error {
	for len(uids) > 0 {
		n := min(len(uids), 200)
		if err := i.remove(uids[:n]); err != nil {
			return fmt.Errorf("imap: remove: %w", err)
		}
		uids = uids[n:]
	}
	return nil
}

func (i *IMAP) remove(uids []uint32) error {
	texts := make([]string, len(uids))
	for n, u := range uids {
		texts[n] = strconv.FormatUint(uint64(u), 10)
	}
	set := strings.Join(texts, ",")
	if err := i.run("UID STORE "+set+` +FLAGS.SILENT (\Deleted)`, nil); err != nil {
		return err
	}
	if i.can("UIDPLUS") {
		return i.run("UID EXPUNGE "+set, nil)
	}
	others := false
	err := i.run("UID SEARCH DELETED", func(r response) error {
		for _, v := range r.values[min(2, len(r.values)):] {
			n, err := v.number()
			if r.word(1) != "SEARCH" || err != nil {
				return nil
			}
			others = others || !slices.Contains(uids, n)
		}
		return nil
	})
	if err != nil || others {
		return errors.Join(err) // they are marked: whoever expunges next removes them
	}
	return i.run("EXPUNGE", nil)
}
