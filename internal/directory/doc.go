// Package directory knows who is here: domains, mailboxes, aliases, forwards,
// distribution lists, passwords, the mail hosts to which mail goes on, the admins who
// look after all that, and the lists of those whom an admin or an owner allows or blocks.
//
// The store's rows are the truth. A Directory follows them in a Snapshot, an
// immutable picture that never waits: a mail transaction takes one with
// Directory.Snapshot and asks it alone until it is done. A change is planned on
// the newest snapshot, written to the store under the revision that it was
// planned on, and then read back like anybody else's change; so there is one way
// in which rows become a snapshot, and a change by another process or node is
// seen by the same poll, within a second.
//
// Domains, aliases, mail hosts and admins are few and have several indexes: they are in a
// go-memdb. Mailboxes may be a million: each is one text in chunks by ID, found by its address in
// a hash table, 390 octets in all (see boxes). So may list entries: they are in such a table, that keeps 16
// octets a key, has no pointers, and is copied page by page (see refs); what only people
// read, notes and hit counts, stays in the store.
//
// The package knows nothing of SQL, SMTP or of what follows from an entry.
package directory
