package imap

import (
	"cmp"
	"slices"
	"strings"
	"unique"

	"gatepost/mailbox"
)

// maxListed bounds the keywords that FLAGS lists.
const maxListed = 200

// A view is what a session knows, and has told its client, of the selected
// folder. A message's sequence number is its place here plus 1, so entries leave
// only when the client is told.
type view struct {
	folder   mailbox.Folder // as it was selected
	readOnly bool
	examined bool // by EXAMINE
	rights   mailbox.Rights
	entries  []entry
	lazy     bool           // entries are still to be read: see load
	gone     int            // entries whose message is expunged, not told yet
	modseq   mailbox.ModSeq // all up to here is in entries
	safe     mailbox.ModSeq // where gone: what the client was told goes to here without holes
	told     int            // entries that the client was told of
	keywords []string       // that FLAGS listed
	sets     map[unique.Handle[mailbox.Flags]]struct{}
	saved    mailbox.UIDSet // SEARCH's "$" (RFC 9051 §6.4.4.1)
}

// An entry is 16 octets of one message: a folder has few distinct sets of flags,
// and they are shared.
type entry struct {
	uid   mailbox.UID
	gone  bool
	flags unique.Handle[mailbox.Flags]
}

func (v *view) add(e mailbox.Entry) {
	h := unique.Make(e.Flags)
	v.entries = append(v.entries, entry{uid: e.UID, flags: h})
	v.learn(h)
}

// learn gathers the keywords in use; true if one was new.
func (v *view) learn(h unique.Handle[mailbox.Flags]) bool {
	if _, ok := v.sets[h]; ok {
		return false
	}
	if v.sets == nil {
		v.sets = map[unique.Handle[mailbox.Flags]]struct{}{}
	}
	if len(v.sets) < 10*maxListed {
		v.sets[h] = struct{}{}
	}
	fresh := false
	for w := range strings.FieldsSeq(h.Value().Keywords) {
		known := func(k string) bool { return strings.EqualFold(k, w) }
		if len(v.keywords) < maxListed && !slices.ContainsFunc(v.keywords, known) {
			v.keywords, fresh = append(v.keywords, w), true
		}
	}
	return fresh
}

// find returns the place of a UID, or where it would be.
func (v *view) find(u mailbox.UID) (int, bool) {
	return slices.BinarySearchFunc(v.entries, u, func(e entry, u mailbox.UID) int { return cmp.Compare(e.uid, u) })
}

// last returns the highest UID in the view, 0 if it is empty.
func (v *view) last() mailbox.UID {
	if len(v.entries) == 0 {
		return 0
	}
	return v.entries[len(v.entries)-1].uid
}

// A span is places in a view, from first up to but not including end.
type span struct{ first, end int }

// width is how many places there are in spans.
func width(spans []span) (n int) {
	for _, s := range spans {
		n += s.end - s.first
	}
	return n
}

// uids returns the UIDs of spans as ranges. A range may reach over UIDs that the
// view does not hold, but never over one that is in the folder.
func (v *view) uids(spans []span) mailbox.UIDSet {
	set := make(mailbox.UIDSet, 0, len(spans))
	for _, s := range spans {
		set = append(set, mailbox.Range{First: v.entries[s.first].uid, Last: v.entries[s.end-1].uid})
	}
	return set
}

// places returns where the UIDs of set are; those that are not in the view are
// left out.
func (v *view) places(set mailbox.UIDSet) (spans []span) {
	for _, r := range set {
		first, _ := v.find(r.First)
		end, found := v.find(r.Last)
		if found {
			end++
		}
		if first < end {
			spans = append(spans, span{first, end})
		}
	}
	return spans
}

// take cuts n places at most off the front of spans.
func take(spans []span, n int) (front, rest []span) {
	for i, s := range spans {
		if s.end-s.first >= n {
			front = append(front, span{s.first, s.first + n})
			if rest = spans[i+1:]; s.first+n < s.end {
				rest = append([]span{{s.first + n, s.end}}, rest...)
			}
			return front, rest
		}
		front, n = append(front, s), n-(s.end-s.first)
	}
	return front, nil
}
