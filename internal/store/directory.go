package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatepost/internal/directory"
	"gatepost/internal/mail"
)

// Directory is the directory's rows: it implements the interfaces of package
// directory.
type Directory struct{ db *DB }

var _ interface {
	directory.Rows
	directory.Entries
} = Directory{}

// Directory returns the store's directory.
func (db *DB) Directory() Directory { return Directory{db} }

// goneKept is how many revisions the removals of which are known.
const goneKept = 10_000

// Apply implements directory.Rows. The revision's row is changed first: on a
// server with many writers its lock puts the changes in order.
func (d Directory) Apply(ctx context.Context, base int64, changes []directory.Change) error {
	err := d.db.Update(ctx, func(tx *Tx) error {
		r, err := tx.Exec(`UPDATE directory_counter SET value = value + 1 WHERE name = 'revision' AND value = ?`, base)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			return orElse(err, directory.ErrMoved)
		}
		w := directoryWriter{tx: tx, revision: base + 1}
		if err := w.reserve(changes); err != nil {
			return err
		}
		for _, c := range changes {
			if err := w.write(c); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(`DELETE FROM directory_gone WHERE revision <= ?`, w.revision-goneKept); err != nil {
			return err
		}
		_, err = tx.Exec(`DELETE FROM sender WHERE gone = 1 AND revision <= ?`, w.revision-goneKept)
		return err
	})
	if err != nil {
		return fmt.Errorf("store: change directory: %w", err)
	}
	return nil
}

func orElse(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// A directoryWriter writes the changes of one revision.
type directoryWriter struct {
	tx       *Tx
	revision int64
	id       int64 // the last that was given
}

// reserve takes as many IDs as there are new rows.
func (w *directoryWriter) reserve(changes []directory.Change) error {
	var n int64
	for _, c := range changes {
		if !c.Gone && (c.Domain != nil && c.Domain.ID == 0 || c.Mailbox != nil && c.Mailbox.ID == 0 || c.Host != nil && c.Host.ID == 0 || c.Admin != nil && c.Admin.ID == 0 || c.Sender != nil && c.Sender.ID == 0 || c.Entry != nil && c.Entry.ID == 0) {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	err := w.tx.Row(`UPDATE directory_counter SET value = value + ? WHERE name = 'id' RETURNING value`, []any{n}, &w.id)
	w.id -= n
	return err
}

// given returns a row's ID, a new one where it has none. The row itself is left
// alone: an Update may run again.
func (w *directoryWriter) given(id int64) int64 {
	if id == 0 {
		w.id++
		return w.id
	}
	return id
}

func (w *directoryWriter) write(c directory.Change) error {
	switch {
	case c.Domain != nil && c.Gone:
		if err := w.noteRemoved("domain", `SELECT 'domain', id, name FROM domain WHERE name = ?`, c.Domain.Name); err != nil {
			return err
		}
		return w.remove("domain", `DELETE FROM domain WHERE name = ?`, c.Domain.Name)
	case c.Domain != nil:
		return w.putDomain(c.Domain)
	case c.Mailbox != nil && c.Gone:
		if err := w.noteRemoved("mailbox", `SELECT 'mailbox', id, address FROM mailbox WHERE address = ?`, string(c.Mailbox.Address)); err != nil {
			return err
		}
		if _, err := w.tx.Exec(`DELETE FROM mailbox_app_use WHERE box IN (SELECT id FROM mailbox WHERE address = ?)`, c.Mailbox.Address); err != nil {
			return err
		}
		if err := dropAccount(w.tx, string(c.Mailbox.Address)); err != nil {
			return err
		}
		return w.remove("mailbox", `DELETE FROM mailbox WHERE address = ?`, string(c.Mailbox.Address))
	case c.Mailbox != nil:
		return w.putMailbox(c.Mailbox)
	case c.Alias != nil && c.Gone:
		return w.remove("alias", `DELETE FROM alias WHERE address = ?`, string(c.Alias.Address))
	case c.Alias != nil:
		return w.putAlias(c.Alias)
	case c.Host != nil && c.Gone:
		return w.remove("mail_host", `DELETE FROM mail_host WHERE name = ?`, c.Host.Name)
	case c.Host != nil:
		return w.putHost(c.Host)
	case c.Admin != nil && c.Gone:
		if _, err := w.tx.Exec(`DELETE FROM account_login WHERE box IN (SELECT id FROM admin WHERE name = ?)`, c.Admin.Name); err != nil {
			return err
		}
		return w.remove("admin", `DELETE FROM admin WHERE name = ?`, c.Admin.Name)
	case c.Admin != nil:
		return w.putAdmin(c.Admin)
	case c.Sender != nil && c.Gone:
		return w.removeSender(c.Sender.Name)
	case c.Sender != nil:
		return w.putSender(c.Sender)
	case c.Note != nil:
		return putNote(w.tx, c.Note)
	case c.Entry != nil && c.Gone:
		k := c.Entry.Key()
		return w.remove("list_entry", `DELETE FROM list_entry WHERE scope_kind = ? AND scope_name = ? AND value = ? AND list = ? AND (kind = 'author') = ?`,
			keyText(k), k.Scope.Kind, k.Scope.Name, k.Value, k.List, k.Author)
	case c.Entry != nil:
		return w.putEntry(c.Entry)
	}
	return nil
}

// remove deletes a row and notes its name. Where the statement's arguments are
// not the name itself, they are given.
func (w *directoryWriter) remove(table, query, name string, args ...any) error {
	if args == nil {
		args = []any{name}
	}
	if _, err := w.tx.Exec(query, args...); err != nil {
		return err
	}
	_, err := w.tx.Exec(`INSERT INTO directory_gone (kind, name, revision) VALUES (?, ?, ?) ON CONFLICT (kind, name) DO UPDATE SET revision = excluded.revision`,
		table, name, w.revision)
	return err
}

func (w *directoryWriter) putDomain(d *directory.Domain) error {
	_, err := w.tx.Exec(`INSERT INTO domain (name, id, policy, disposition, challenge, created, revision, names, catch_all, hosts, smarthost, lookup, login,
			language, zone, digest_hours, challenged, owners, learn_outgoing, outgoing, each_bytes, each_messages, each_inbound, each_inbound_bytes, total_bytes, total_messages,
			junk_days, trash_days, archive_days, signs_returns, shut, mail_names, rules_in, rules_out, rules_local, owners_lock, address_list, owners_collect, shut_pages) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET policy = excluded.policy, disposition = excluded.disposition, challenge = excluded.challenge, revision = excluded.revision,
		names = excluded.names, catch_all = excluded.catch_all, hosts = excluded.hosts, smarthost = excluded.smarthost, lookup = excluded.lookup, login = excluded.login,
		language = excluded.language, zone = excluded.zone, digest_hours = excluded.digest_hours, challenged = excluded.challenged, owners = excluded.owners,
		learn_outgoing = excluded.learn_outgoing, outgoing = excluded.outgoing, each_bytes = excluded.each_bytes, each_messages = excluded.each_messages, each_inbound = excluded.each_inbound, each_inbound_bytes = excluded.each_inbound_bytes,
		total_bytes = excluded.total_bytes, total_messages = excluded.total_messages, junk_days = excluded.junk_days, trash_days = excluded.trash_days, archive_days = excluded.archive_days, signs_returns = excluded.signs_returns, shut = excluded.shut, mail_names = excluded.mail_names,
		rules_in = excluded.rules_in, rules_out = excluded.rules_out, rules_local = excluded.rules_local, owners_lock = excluded.owners_lock, address_list = excluded.address_list, owners_collect = excluded.owners_collect, shut_pages = excluded.shut_pages`,
		d.Name, w.given(d.ID), d.Policy, d.Disposition, d.Challenge, toMicros(d.Created), w.revision,
		strings.Join(d.Names, "\n"), d.CatchAll, strings.Join(d.Hosts, "\n"), d.Smarthost, d.Lookup, d.Login,
		d.Language, d.Zone, hoursText(d.DigestHours), d.Challenged, commas(without(d.Owners, directory.MayLock, directory.MayCollect)), d.LearnOutgoing, d.Outgoing,
		d.Each.Bytes, d.Each.Messages, d.Each.Inbound, d.Each.InboundBytes, d.Total.Bytes, d.Total.Messages, d.JunkDays, d.TrashDays, d.ArchiveDays, microsOrZero(d.SignsReturns), commas(d.Shut), strings.Join(d.MailNames, "\n"),
		d.Rules.In, d.Rules.Out, d.Rules.Local, number(d.Leaves(directory.MayLock)), d.AddressList, number(d.Leaves(directory.MayCollect)), commas(d.ShutPages))
	return err
}

// microsOrZero is a time as rows have it, 0 where there is none.
func microsOrZero(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return toMicros(t)
}

// commas writes words with commas between: none has one in it.
func commas[S ~string](words []S) string {
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = string(w)
	}
	return strings.Join(texts, ",")
}

// without is a list but for some words; the list itself stays as it is.
func without[S ~string](words []S, out ...S) []S {
	return slices.DeleteFunc(slices.Clone(words), func(w S) bool { return slices.Contains(out, w) })
}

// uncommas reads what commas wrote; nothing for "".
func uncommas[S ~string](text string) (words []S) {
	if text == "" {
		return nil
	}
	for w := range strings.SplitSeq(text, ",") {
		words = append(words, S(w))
	}
	return words
}

// noHours stands for hours that are none, where "" stands for those that are not said.
const noHours = "none"

func hoursText(hours []int) string {
	if hours != nil && len(hours) == 0 {
		return noHours
	}
	texts := make([]string, len(hours))
	for i, h := range hours {
		texts[i] = strconv.Itoa(h)
	}
	return commas(texts)
}

// parseHours reads what hoursText wrote.
func parseHours(text string) ([]int, error) {
	if text == noHours {
		return []int{}, nil
	}
	var hours []int
	for _, word := range uncommas[string](text) {
		h, err := strconv.Atoi(word)
		if err != nil {
			return nil, fmt.Errorf("digest hours %q: %w", text, err)
		}
		hours = append(hours, h)
	}
	return hours, nil
}

func (w *directoryWriter) putHost(h *directory.Host) error {
	address, own := h.Address, ""
	if h.Domain != "" { // migration 0099
		address, own = "", h.Address
	}
	_, err := w.tx.Exec(`INSERT INTO mail_host (name, id, address, roles, protocol, tls, priority, login, password, created, revision, spam, domain, own_address)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET address = excluded.address, roles = excluded.roles, protocol = excluded.protocol, tls = excluded.tls,
		priority = excluded.priority, login = excluded.login, password = excluded.password, revision = excluded.revision, spam = excluded.spam,
		domain = excluded.domain, own_address = excluded.own_address`,
		h.Name, w.given(h.ID), address, commas(h.Roles), h.Protocol, h.TLS, h.Priority, h.User, h.Password, toMicros(h.Created), w.revision, h.Spam, h.Domain, own)
	return err
}

func (w *directoryWriter) putAdmin(a *directory.Admin) error {
	_, err := w.tx.Exec(`INSERT INTO admin (name, id, password_hash, scram, role, domains, language, state, created, revision, rights) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET password_hash = excluded.password_hash, scram = excluded.scram, role = excluded.role, domains = excluded.domains,
		language = excluded.language, state = excluded.state, revision = excluded.revision, rights = excluded.rights`,
		a.Name, w.given(a.ID), a.Password.Hash, a.Password.SCRAM, a.Role, strings.Join(a.Domains, "\n"), a.Language, a.State, toMicros(a.Created), w.revision, commas(a.Rights))
	return err
}

func (w *directoryWriter) putMailbox(m *directory.Mailbox) error {
	_, err := w.tx.Exec(`INSERT INTO mailbox (address, id, password_hash, scram, language, state, created, revision, copies, disposition, level, no_digest, apps,
		quota_bytes, quota_messages, inbound, inbound_bytes, shut, closed, locked, name, unlisted, shut_pages) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (address) DO UPDATE SET password_hash = excluded.password_hash, scram = excluded.scram, language = excluded.language,
		state = excluded.state, revision = excluded.revision, copies = excluded.copies,
		disposition = excluded.disposition, level = excluded.level, no_digest = excluded.no_digest, apps = excluded.apps,
		quota_bytes = excluded.quota_bytes, quota_messages = excluded.quota_messages, inbound = excluded.inbound, inbound_bytes = excluded.inbound_bytes, shut = excluded.shut, closed = excluded.closed, locked = excluded.locked, name = excluded.name, unlisted = excluded.unlisted, shut_pages = excluded.shut_pages`,
		m.Address, w.given(m.ID), m.Password.Hash, m.Password.SCRAM, m.Language, m.State, toMicros(m.Created), w.revision, joinPaths(m.Copies),
		m.Disposition, m.Level, number(m.NoDigest), joinApps(m.Apps), m.Limits.Bytes, m.Limits.Messages, m.Limits.Inbound, m.Limits.InboundBytes, commas(m.Shut), microsOrZero(m.ClosedAt), number(m.Locked), m.Name, number(m.Unlisted), commas(m.ShutPages))
	if err == nil && m.ID != 0 {
		err = w.forgetUses(m)
	}
	return err
}

func (w *directoryWriter) putAlias(a *directory.Alias) error {
	_, err := w.tx.Exec(`INSERT INTO alias (address, targets, created, revision, kind, post, owner) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (address) DO UPDATE SET targets = excluded.targets, revision = excluded.revision,
		kind = excluded.kind, post = excluded.post, owner = excluded.owner`,
		a.Address, joinPaths(a.Targets), toMicros(a.Created), w.revision, a.Kind, a.Post, a.Owner)
	return err
}

// joinPaths writes one address a line: no address has a line end in it.
func joinPaths(paths []mail.Path) string {
	texts := make([]string, len(paths))
	for i, p := range paths {
		texts[i] = string(p)
	}
	return strings.Join(texts, "\n")
}

func (w *directoryWriter) putEntry(e *directory.Entry) error {
	_, err := w.tx.Exec(`INSERT INTO list_entry (id, list, kind, value, scope_kind, scope_name, origin, note, created, expires, hits, last_hit, revision)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET note = excluded.note, expires = excluded.expires, revision = excluded.revision`,
		w.given(e.ID), e.List, e.Kind, e.Value, e.Scope.Kind, e.Scope.Name, e.Origin, e.Note,
		toMicros(e.Created), toMicros(e.Expires), e.Hits, toMicros(e.LastHit), w.revision)
	return err
}

// keyText is an entry's key as one text; no part of it can hold a tab.
func keyText(k directory.Key) string {
	author := ""
	if k.Author {
		author = string(directory.Author)
	}
	return strings.Join([]string{string(k.List), author, string(k.Scope.Kind), k.Scope.Name, k.Value}, "\t")
}

func parseKeyText(s string) (*directory.Entry, error) {
	f := strings.Split(s, "\t")
	if len(f) != 5 {
		return nil, fmt.Errorf("removed list entry %q", s)
	}
	return &directory.Entry{
		List: directory.List(f[0]), Kind: directory.Kind(f[1]),
		Scope: directory.Scope{Kind: directory.ScopeKind(f[2]), Name: f[3]}, Value: f[4],
	}, nil
}

// toMicros and fromMicros: 0 is the zero time.
func toMicros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
