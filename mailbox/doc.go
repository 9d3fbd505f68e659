// Package mailbox is the mailstore: folders, messages with their UIDs and
// flags, and the log of changes from which every door to it (IMAP, POP3, the web)
// learns what is new.
//
// A mailbox is known by a number, its Box, which the directory gives. It holds
// folders; a folder holds messages, each under a UID that is taken in the commit
// that delivers it, rises, and is never given again (RFC 9051 §2.3.1.1). Every
// change of a message takes the next number of its Box, the MODSEQ (RFC 7162),
// and an expunge leaves a row in a log. "What happened since n?" has therefore one
// answer, the store's; nothing in this process is needed to find it. Watchers
// only say that asking is worth while.
//
// Content is not here: a message names the blob that holds its octets, and the
// mail.View through which they are served. ENVELOPE, BODYSTRUCTURE and
// the preview are worked out once, by Prepare, when the message arrives.
//
// The interfaces in store.go are small and by role; internal/store implements
// them all.
package mailbox
