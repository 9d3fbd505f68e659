package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"gatepost/internal/directory"
	"gatepost/internal/mail"
)

// Load implements directory.Rows, from one snapshot of the store.
func (d Directory) Load(ctx context.Context, since int64, hand func(directory.Change) error) (revision int64, err error) {
	err = d.db.View(ctx, func(tx *Tx) error {
		if err := tx.Row(`SELECT value FROM directory_counter WHERE name = 'revision'`, nil, &revision); err != nil {
			return err
		}
		switch {
		case since == revision:
			return nil
		case since > revision, since > 0 && since < revision-goneKept:
			return directory.ErrBehind // or ahead: the store was put back to an older state
		}
		return loadDirectory(tx, since, hand)
	})
	if err != nil {
		return 0, fmt.Errorf("store: load directory from %d: %w", since, err)
	}
	return revision, nil
}

// A directoryTable is how the rows of one table become changes.
type directoryTable struct {
	query string
	scan  func(*sql.Rows) (directory.Change, error)
}

// directoryTables: what is gone comes first, since it may have come again.
func directoryTables() []directoryTable {
	return []directoryTable{
		{`SELECT kind, name FROM directory_gone WHERE revision > ?`, scanGone},
		{`SELECT name, id, address, roles, protocol, tls, priority, login, password, created, spam, domain, own_address FROM mail_host WHERE revision > ?`, scanHost},
		{`SELECT name, id, policy, disposition, challenge, created, names, catch_all, hosts, smarthost, lookup, login,
			language, zone, digest_hours, challenged, owners, learn_outgoing, outgoing, each_bytes, each_messages, each_inbound, each_inbound_bytes, total_bytes, total_messages, junk_days, trash_days, archive_days, signs_returns, shut, mail_names, rules_in, rules_out, rules_local, owners_lock, address_list, owners_collect, shut_pages FROM domain WHERE revision > ?`, scanDomain},
		{`SELECT name, id, password_hash, scram, role, domains, language, state, created, rights FROM admin WHERE revision > ?`, scanAdmin},
		{`SELECT address, id, password_hash, scram, language, state, created, copies, disposition, level, no_digest, apps, quota_bytes, quota_messages, inbound, inbound_bytes, shut, closed, locked, name, unlisted, shut_pages FROM mailbox WHERE revision > ?`, scanMailbox},
		{`SELECT name, id, also, scram, cert_keys, networks, off, created, gone FROM sender WHERE revision > ?`, scanSender},
		{`SELECT address, targets, created, kind, post, owner FROM alias WHERE revision > ?`, scanAlias},
		{`SELECT id, list, kind, value, scope_kind, scope_name, expires FROM list_entry WHERE revision > ?`, scanEntryChange},
	}
}

func loadDirectory(tx *Tx, since int64, hand func(directory.Change) error) error {
	for _, t := range directoryTables() {
		rows, err := tx.Query(t.query, since)
		err = each(rows, err, func(rows *sql.Rows) error {
			c, err := t.scan(rows)
			if err != nil {
				return err
			}
			return hand(c)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func scanGone(rows *sql.Rows) (c directory.Change, err error) {
	var kind, name string
	if err := rows.Scan(&kind, &name); err != nil {
		return c, err
	}
	c.Gone = true
	switch kind {
	case "domain":
		c.Domain = &directory.Domain{Name: name}
	case "mailbox":
		c.Mailbox = &directory.Mailbox{Address: mail.Path(name)}
	case "mail_host":
		c.Host = &directory.Host{Name: name}
	case "admin":
		c.Admin = &directory.Admin{Name: name}
	case "alias":
		c.Alias = &directory.Alias{Address: mail.Path(name)}
	case "list_entry":
		c.Entry, err = parseKeyText(name)
	default:
		err = fmt.Errorf("removed %s %q: no such table", kind, name)
	}
	return c, err
}

func scanDomain(rows *sql.Rows) (directory.Change, error) {
	var d directory.Domain
	var created, signs, lock, collects int64
	var names, hosts, hours, owners, shut, shutPages, mailNames string
	err := rows.Scan(&d.Name, &d.ID, &d.Policy, &d.Disposition, &d.Challenge, &created, &names, &d.CatchAll, &hosts, &d.Smarthost, &d.Lookup, &d.Login,
		&d.Language, &d.Zone, &hours, &d.Challenged, &owners, &d.LearnOutgoing, &d.Outgoing,
		&d.Each.Bytes, &d.Each.Messages, &d.Each.Inbound, &d.Each.InboundBytes, &d.Total.Bytes, &d.Total.Messages, &d.JunkDays, &d.TrashDays, &d.ArchiveDays, &signs, &shut, &mailNames,
		&d.Rules.In, &d.Rules.Out, &d.Rules.Local, &lock, &d.AddressList, &collects, &shutPages)
	if err != nil {
		return directory.Change{}, err
	}
	d.Created, d.Names, d.Hosts, d.Owners = fromMicros(created), lines(names), lines(hosts), uncommas[directory.May](owners)
	if lock != 0 {
		d.Owners = append(d.Owners, directory.MayLock)
	}
	if collects != 0 {
		d.Owners = append(d.Owners, directory.MayCollect)
	}
	d.Shut, d.ShutPages = uncommas[directory.Service](shut), uncommas[directory.Page](shutPages)
	d.MailNames = lines(mailNames)
	if signs != 0 {
		d.SignsReturns = fromMicros(signs)
	}
	d.DigestHours, err = parseHours(hours)
	return directory.Change{Domain: &d}, err
}

// lines splits what was joined by line ends; nothing for "".
func lines(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, "\n")
}

func scanHost(rows *sql.Rows) (directory.Change, error) {
	var h directory.Host
	var created int64
	var roles, own string
	err := rows.Scan(&h.Name, &h.ID, &h.Address, &roles, &h.Protocol, &h.TLS, &h.Priority, &h.User, &h.Password, &created, &h.Spam, &h.Domain, &own)
	if h.Domain != "" { // migration 0099
		h.Address = own
	}
	h.Created, h.Roles = fromMicros(created), uncommas[directory.Role](roles)
	return directory.Change{Host: &h}, err
}

func scanAdmin(rows *sql.Rows) (directory.Change, error) {
	var a directory.Admin
	var created int64
	var domains, rights string
	err := rows.Scan(&a.Name, &a.ID, &a.Password.Hash, &a.Password.SCRAM, &a.Role, &domains, &a.Language, &a.State, &created, &rights)
	a.Created, a.Domains, a.Rights = fromMicros(created), lines(domains), uncommas[string](rights)
	return directory.Change{Admin: &a}, err
}

func scanMailbox(rows *sql.Rows) (directory.Change, error) {
	var m directory.Mailbox
	var created, silent int64
	var copies, apps, shut, shutPages string
	var closed, locked, unlisted, level int64
	var address, state, disposition string // plain ones spare reflection: there may be a million
	err := rows.Scan(&address, &m.ID, &m.Password.Hash, &m.Password.SCRAM, &m.Language, &state, &created, &copies, &disposition, &level, &silent, &apps,
		&m.Limits.Bytes, &m.Limits.Messages, &m.Limits.Inbound, &m.Limits.InboundBytes, &shut, &closed, &locked, &m.Name, &unlisted, &shutPages)
	if err == nil {
		m.Apps, err = splitApps(apps)
	}
	m.Address, m.State, m.Disposition, m.Level = mail.Path(address), directory.State(state), directory.Disposition(disposition), int(level)
	m.Created, m.Copies, m.NoDigest = fromMicros(created), paths(copies), silent != 0
	m.Shut, m.ClosedAt, m.Locked = uncommas[directory.Service](shut), fromMicros(closed), locked != 0
	m.Unlisted, m.ShutPages = unlisted != 0, uncommas[directory.Page](shutPages)
	return directory.Change{Mailbox: &m}, err
}

func scanAlias(rows *sql.Rows) (directory.Change, error) {
	var a directory.Alias
	var targets string
	var created int64
	err := rows.Scan(&a.Address, &targets, &created, &a.Kind, &a.Post, &a.Owner)
	a.Created, a.Targets = fromMicros(created), paths(targets)
	return directory.Change{Alias: &a}, err
}

// paths reads what joinPaths wrote.
func paths(s string) (list []mail.Path) {
	for _, line := range lines(s) {
		list = append(list, mail.Path(line))
	}
	return list
}

// scanEntryChange reads what a snapshot keeps of an entry: there may be a million, and
// what only people read would take as long again. Plain strings spare reflection.
func scanEntryChange(rows *sql.Rows) (directory.Change, error) {
	var e directory.Entry
	var list, kind, scope string
	var expires int64
	err := rows.Scan(&e.ID, &list, &kind, &e.Value, &scope, &e.Scope.Name, &expires)
	e.List, e.Kind, e.Scope.Kind, e.Expires = directory.List(list), directory.Kind(kind), directory.ScopeKind(scope), fromMicros(expires)
	return directory.Change{Entry: &e}, err
}
