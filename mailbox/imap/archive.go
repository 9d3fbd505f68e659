package imap

import (
	"context"
	"fmt"

	"gatepost/mailbox"
)

// Archives of all mail (mailbox.Record) are others' folders that can only be read. What is read
// there is noted before it is shown: a note that can't be written ends the command.

// An Auditor notes what is done with archives.
type Auditor interface {
	// Audit notes an Act of who, an address, with the archive that is a box.
	Audit(ctx context.Context, archive int64, who, what, about string) error
}

// errUnaudited: nobody reads an archive where nobody notes it.
var errUnaudited = no("NOPERM", "Archives are not read here")

// audit notes what the session does with what is selected, where that is an archive's.
func (c *conn) audit(ctx context.Context, what, format string, args ...any) error {
	return c.auditFolder(ctx, c.view.folder, what, format, args...)
}

func (c *conn) auditFolder(ctx context.Context, f mailbox.Folder, what, format string, args ...any) error {
	if f.Use != mailbox.Record {
		return nil
	}
	if c.srv.Auditor == nil {
		return errUnaudited
	}
	_, name, _, ok := mailbox.CutShared(f.Name)
	if !ok {
		name = f.Name
	}
	about := name
	if format != "" {
		about += ": " + fmt.Sprintf(format, args...)
	}
	if err := c.srv.Auditor.Audit(ctx, f.Box, c.user, what, mailbox.Describe("%s", about)); err != nil {
		return fmt.Errorf("imap: note what is done with an archive: %w", err)
	}
	return nil
}

// auditFetch notes what a FETCH shows; flags and numbers tell nothing of a message.
func (f *fetcher) auditFetch(ctx context.Context, spans []span) error {
	what := ""
	switch i := f.items; {
	case len(spans) == 0 || f.view.folder.Use != mailbox.Record:
		return nil
	case len(i.sections) > 0 || i.preview:
		what = mailbox.ActRead
	case i.envelope || i.body || i.structure:
		what = mailbox.ActList
	default:
		return nil
	}
	return f.audit(ctx, what, "UID %s", f.view.uids(spans))
}
