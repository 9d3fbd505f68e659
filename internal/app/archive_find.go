package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gatepost/internal/blob"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/mail"
	"gatepost/mailbox"
)

// maxArchiveText is how much of each text part of a message is looked at.
const maxArchiveText = 16 << 20

// An archiveQuery is what is looked for, from one place on.
type archiveQuery struct {
	ops.ArchiveFilter
	after place // zero: from the latest on
}

// A place is where a message is in an archive.
type place struct {
	folder int64
	uid    mailbox.UID
}

func (p place) String() string { return fmt.Sprintf("%d.%d", p.folder, p.uid) }

func parsePlace(s string) (p place, err error) {
	if s == "" {
		return p, nil
	}
	if _, err := fmt.Sscanf(s, "%d.%d", &p.folder, &p.uid); err != nil || p.String() != s {
		return p, control.Misused("%q is no message's id; gatepost archive search lists them", s)
	}
	return p, nil
}

// searchArchive notes what is looked for before it looks.
func (a *App) searchArchive(ctx context.Context, q ops.ArchiveSearch) ([]ops.ArchivedMail, error) {
	m, err := a.archiveOf(q.Domain)
	if err != nil {
		return nil, err
	}
	after, err := parsePlace(q.After)
	if err != nil {
		return nil, err
	}
	if err := a.mailboxes.Note(ctx, a.act(ctx, m.Address.Domain(), mailbox.ActSearch, "%s", filterText(q.ArchiveFilter))); err != nil {
		return nil, err
	}
	list := []ops.ArchivedMail{}
	limit := q.Limit
	if limit <= 0 || limit > maxArchivePage {
		limit = maxArchivePage
	}
	err = a.findArchived(ctx, m.ID, archiveQuery{q.ArchiveFilter, after}, func(f mailbox.Folder, m mailbox.Message) (bool, error) {
		list = append(list, archived(f, m))
		return len(list) < limit, nil
	})
	return list, err
}

// maxArchivePage is the longest list that one search returns.
const maxArchivePage = 1000

func archived(f mailbox.Folder, m mailbox.Message) ops.ArchivedMail {
	from, subject := envelopeText(m.Envelope)
	one := ops.ArchivedMail{
		ID: place{f.ID, m.UID}.String(), Folder: f.Name, Date: m.InternalDate, Size: m.Size, From: from, Subject: subject, Recipients: []string{},
	}
	h := mail.NewMessage(m.View.Prefix).Header()
	one.Sender = strings.Trim(strings.TrimSpace(h.Get("Return-Path")), "<>")
	for _, r := range h.All("X-Gatepost-Recipient") {
		one.Recipients = append(one.Recipients, strings.TrimSpace(r))
	}
	return one
}

// findArchived calls each for every message that is asked for, the latest month first and the
// latest of a folder first, until it returns false.
func (a *App) findArchived(ctx context.Context, box int64, q archiveQuery, each func(mailbox.Folder, mailbox.Message) (bool, error)) error {
	folders, err := a.mailboxes.Folders(ctx, box)
	if err != nil {
		return err
	}
	for _, f := range q.folders(folders) {
		uids, err := a.likelyArchived(ctx, f, q.ArchiveFilter)
		if err != nil {
			return err
		}
		if f.ID == q.after.folder {
			uids = slices.DeleteFunc(uids, func(u mailbox.UID) bool { return u >= q.after.uid })
		}
		slices.SortFunc(uids, func(a, b mailbox.UID) int { return cmp.Compare(b, a) })
		for page := range slices.Chunk(uids, pageOfMessages) {
			more, err := a.findAmong(ctx, f, page, q.ArchiveFilter, each)
			if !more || err != nil {
				return err
			}
		}
	}
	return nil
}

// folders are those in which something may be, in the order in which they are looked through.
func (q archiveQuery) folders(all []mailbox.Folder) []mailbox.Folder {
	month := func(f mailbox.Folder) time.Time {
		_, first, _, _ := mailbox.RecordMonth(f.Name)
		return first
	}
	all = slices.DeleteFunc(slices.Clone(all), func(f mailbox.Folder) bool {
		_, first, next, ok := mailbox.RecordMonth(f.Name)
		return !ok || !q.Until.IsZero() && !first.Before(q.Until) || !q.Since.IsZero() && !next.After(q.Since)
	})
	slices.SortFunc(all, func(a, b mailbox.Folder) int {
		return cmp.Or(month(b).Compare(month(a)), strings.Compare(a.Name, b.Name))
	})
	if at := slices.IndexFunc(all, func(f mailbox.Folder) bool { return f.ID == q.after.folder }); at > 0 {
		all = all[at:]
	}
	return all
}

// likelyArchived asks the index of texts which messages of a folder may have what is asked for.
func (a *App) likelyArchived(ctx context.Context, f mailbox.Folder, q ops.ArchiveFilter) (uids []mailbox.UID, err error) {
	var all mailbox.TextQuery
	for _, text := range []string{q.From, q.To, q.Subject, q.Text} {
		if text != "" {
			all.All = append(all.All, mailbox.TextQuery{Text: mailbox.Fold(text)})
		}
	}
	if len(all.All) > 0 {
		uids, ok, err := a.mailboxes.Likely(ctx, f.ID, all)
		if ok || err != nil {
			return uids, err
		}
	}
	_, err = a.mailboxes.Index(ctx, f.ID, func(e mailbox.Entry) { uids = append(uids, e.UID) })
	return uids, err
}

// findAmong looks at some messages of a folder, which are given from the latest on.
func (a *App) findAmong(ctx context.Context, f mailbox.Folder, uids []mailbox.UID, q ops.ArchiveFilter, each func(mailbox.Folder, mailbox.Message) (bool, error)) (more bool, err error) {
	var set mailbox.UIDSet
	for _, u := range slices.Backward(uids) {
		set = set.Add(u)
	}
	list, err := a.mailboxes.Messages(ctx, f.ID, set, mailbox.Whole)
	if err != nil {
		return false, err
	}
	for _, m := range slices.Backward(list) {
		fits, err := a.fitsArchived(ctx, m, q)
		if err != nil {
			return false, err
		}
		if !fits {
			continue
		}
		if more, err := each(f, m); !more || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (a *App) fitsArchived(ctx context.Context, m mailbox.Message, q ops.ArchiveFilter) (bool, error) {
	if !q.Since.IsZero() && m.InternalDate.Before(q.Since) || !q.Until.IsZero() && !m.InternalDate.Before(q.Until) {
		return false, nil
	}
	h := mail.NewMessage(m.View.Prefix).Header()
	parts := mailbox.SplitList(m.Envelope)
	for _, one := range []struct {
		text     string
		elements []int
		field    string
	}{
		{q.From, []int{mailbox.EnvFrom}, "Return-Path"},
		{q.To, []int{mailbox.EnvTo, mailbox.EnvCc}, "X-Gatepost-Recipient"},
		{q.Subject, []int{mailbox.EnvSubject}, ""},
	} {
		if one.text != "" && !hasText(parts, one.elements, h.All(one.field), mailbox.Fold(one.text)) {
			return false, nil
		}
	}
	if q.Text == "" {
		return true, nil
	}
	c, err := a.blobs.Open(ctx, blob.ID(m.Blob))
	if err != nil {
		return false, err
	}
	defer c.Close()
	return holdsText(m.View.Message(mail.NewSpooled(c, c.Size())), mailbox.Fold(q.Text)), nil
}

// hasText looks for a folded text in elements of an ENVELOPE, and in values of fields.
func hasText(envelope [][]byte, elements []int, values []string, needle string) bool {
	for _, e := range elements {
		if e >= len(envelope) {
			continue
		}
		for text := range mailbox.EnvelopeTexts(envelope[e]) {
			if strings.Contains(mailbox.Fold(text), needle) {
				return true
			}
		}
	}
	return slices.ContainsFunc(values, func(v string) bool { return strings.Contains(mailbox.Fold(v), needle) })
}

// holdsText looks for a folded text in the header and the text parts of a message.
func holdsText(m *mail.Message, needle string) bool {
	for i := range m.Header().Fields {
		if strings.Contains(mailbox.FieldText(&m.Header().Fields[i]), needle) {
			return true
		}
	}
	for p := range m.Root().All() {
		if p.Type != "text" {
			continue
		}
		if text, _ := m.Text(p, maxArchiveText); strings.Contains(mailbox.Fold(text), needle) {
			return true
		}
	}
	return false
}

// filterText tells what was looked for, for who audits.
func filterText(q ops.ArchiveFilter) string {
	var texts []string
	for _, one := range []struct{ name, value string }{{"from", q.From}, {"to", q.To}, {"subject", q.Subject}, {"text", q.Text}} {
		if one.value != "" {
			texts = append(texts, fmt.Sprintf("%s %q", one.name, one.value))
		}
	}
	for _, one := range []struct {
		name string
		at   time.Time
	}{{"since", q.Since}, {"until", q.Until}} {
		if !one.at.IsZero() {
			texts = append(texts, one.name+" "+one.at.UTC().Format("2006-01-02 15:04"))
		}
	}
	if texts == nil {
		return "everything"
	}
	return strings.Join(texts, ", ")
}
