package app

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"gatepost/internal/blob"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/mail"
	"gatepost/internal/mailfile"
	"gatepost/mailbox"
	"gatepost/mailbox/imap"
)

// maildirNames are the names of folders as Maildirs have them.
var maildirNames = mailfile.Names{Encode: imap.EncodeName, Decode: imap.DecodeName}

// pageOfMessages is how many rows of a folder are in memory at once.
const pageOfMessages = 200

// exportMailbox writes all folders but the one of what is held.
func (a *App) exportMailbox(ctx context.Context, q ops.MailboxExport) (done ops.MailboxExported, err error) {
	box, err := a.owner(q.Address)
	if err != nil {
		return done, err
	}
	if !filepath.IsAbs(q.Path) {
		return done, control.Misused("%q is no absolute path", q.Path)
	}
	folders, err := a.mailboxes.Folders(ctx, box.ID)
	if err != nil {
		return done, err
	}
	w, err := mailfile.Create(q.Path, maildirNames)
	if err != nil {
		return done, fmt.Errorf("export: %w", err)
	}
	done.Path = q.Path
	for _, f := range folders {
		if f.Use == mailbox.Quarantine {
			continue
		}
		if err = a.exportFolder(ctx, w, f, &done); err != nil {
			break
		}
		done.Folders++
	}
	if err = errors.Join(err, w.Close()); err != nil {
		return done, fmt.Errorf("export: %w", err)
	}
	a.log.Info("mailbox exported", "mailbox", box.Address, "path", q.Path, "messages", done.Messages)
	return done, nil
}

func (a *App) exportFolder(ctx context.Context, w mailfile.Writer, f mailbox.Folder, done *ops.MailboxExported) error {
	name := f.Name
	if name == mailbox.Inbox {
		name = ""
	}
	if err := w.Folder(name); err != nil {
		return err
	}
	var uids []mailbox.UID
	_, err := a.mailboxes.Index(ctx, f.ID, func(e mailbox.Entry) { uids = append(uids, e.UID) })
	for len(uids) > 0 && err == nil {
		n := min(len(uids), pageOfMessages)
		var set mailbox.UIDSet
		for _, u := range uids[:n] {
			set = set.Add(u)
		}
		uids = uids[n:]
		var page []mailbox.Message
		if page, err = a.mailboxes.Messages(ctx, f.ID, set, mailbox.Whole); err != nil {
			return err
		}
		for _, m := range page {
			if err = a.exportMessage(ctx, w, name, m, done); err != nil {
				return err
			}
		}
	}
	return err
}

func (a *App) exportMessage(ctx context.Context, w mailfile.Writer, folder string, m mailbox.Message, done *ops.MailboxExported) error {
	c, err := a.blobs.Open(ctx, blob.ID(m.Blob))
	if err != nil {
		return err
	}
	defer c.Close()
	served := m.View.Message(mail.NewSpooled(c, c.Size()))
	done.Messages++
	done.Octets += served.Size()
	return w.Add(mailfile.Message{Folder: folder, Flags: m.Flags.Names(), Date: m.InternalDate}, served.Reader())
}

// importMailbox brings messages in, each in a commit of its own, so that one that is cut off is
// gone on with by the same command: what a folder has already is known by its octets.
func (a *App) importMailbox(ctx context.Context, q ops.MailboxImport) (ops.MailboxImported, error) {
	box, err := a.owner(q.Address)
	if err != nil {
		return ops.MailboxImported{}, err
	}
	if !filepath.IsAbs(q.Path) {
		return ops.MailboxImported{}, control.Misused("%q is no absolute path", q.Path)
	}
	if err := a.openBox(ctx, box); err != nil {
		return ops.MailboxImported{}, err
	}
	i := &importing{app: a, box: box.ID, below: q.Folder, folders: map[string]*importFolder{}, done: ops.MailboxImported{Faults: []string{}}}
	defer a.changes.Notify(box.ID)
	for m, err := range mailfile.Read(q.Path, int(a.config.Load().Limits.MessageSize), maildirNames) {
		if err == nil {
			err = i.message(ctx, m)
		}
		var stop stopped
		if errors.As(err, &stop) {
			return i.done, fmt.Errorf("import: after %d messages, at %s: %w; the same command goes on from there", i.done.Messages, m.Name, stop.cause)
		}
		if err != nil {
			i.fault(m.Name, err)
		}
	}
	a.log.Info("mailbox imported", "mailbox", box.Address, "path", q.Path, "messages", i.done.Messages, "known", i.done.Known, "bad", i.done.Bad)
	return i.done, nil
}

// An importing is one import.
type importing struct {
	app     *App
	box     int64
	below   string
	folders map[string]*importFolder // by the name that the files have
	done    ops.MailboxImported
}

// An importFolder is a folder that messages are brought into. left are those that it had
// before and that no message has stood for yet, by their size: two in the files that are equal are
// two here.
type importFolder struct {
	mailbox.Folder
	left map[int64][]mailbox.UID
	sums map[[sha256.Size]byte]int // of those that were read: how many no message has stood for
}

// stopped is an error of the store: the messages that follow would fare no better.
type stopped struct{ cause error }

func (s stopped) Error() string { return s.cause.Error() }

func (i *importing) fault(name string, err error) {
	i.done.Bad++
	if len(i.done.Faults) < maxFaults {
		i.done.Faults = append(i.done.Faults, fmt.Sprintf("%s: %v", name, err))
	}
}

func (i *importing) message(ctx context.Context, m mailfile.Message) error {
	if err := ctx.Err(); err != nil {
		return stopped{err}
	}
	f, err := i.folder(ctx, m.Folder)
	if err != nil || m.Content == nil {
		return err
	}
	known, err := i.known(ctx, f, m.Content)
	if err != nil {
		return stopped{err}
	}
	if known {
		i.done.Known++
		return nil
	}
	if err := i.deliver(ctx, f, m); err != nil {
		return stopped{err}
	}
	i.done.Messages++
	return nil
}

// maxFlags is how many of a message's flags are looked at: a file may name millions.
const maxFlags = 200

// deliver takes one message in. Flags that no mailbox keeps are left out. What the mailbox has no
// room for stays out, as by every door: one that is full takes no new mail.
func (i *importing) deliver(ctx context.Context, f *importFolder, m mailfile.Message) error {
	content := mail.NewMessage(m.Content)
	if m.Date.IsZero() || m.Date.Unix() <= 0 {
		var ok bool
		if m.Date, ok = content.Date(); !ok || m.Date.Unix() <= 0 {
			m.Date = i.app.now()
		}
	}
	d := mailbox.Prepare(i.box, f.Name, content, m.Date.UTC())
	if err := i.app.quotas.Room(ctx, i.box, content.Size()); err != nil {
		return err
	}
	for _, flag := range m.Flags[:min(len(m.Flags), maxFlags)] {
		if _, err := mailbox.ParseFlags(append(d.Flags, flag)); err == nil {
			d.Flags = append(d.Flags, flag)
		}
	}
	id, err := i.app.blobs.Put(ctx, content.Reader(), content.Size())
	if err != nil {
		return err
	}
	d.Blob = string(id)
	return i.app.mailboxes.Deliver(ctx, &d)
}

// known reports whether the folder had the message before, and counts that as stood for. What
// has the size of one that comes is read once, however many come.
func (i *importing) known(ctx context.Context, f *importFolder, content []byte) (bool, error) {
	size := int64(len(content))
	for _, uid := range f.left[size] {
		list, err := i.app.mailboxes.Messages(ctx, f.ID, mailbox.UIDSet{{First: uid, Last: uid}}, mailbox.Whole)
		if err != nil {
			return false, err
		}
		if len(list) > 0 {
			got, err := i.sum(ctx, list[0])
			if err != nil {
				return false, err
			}
			f.sums[got]++
		}
	}
	delete(f.left, size)
	want := sha256.Sum256(content)
	if f.sums[want] == 0 {
		return false, nil
	}
	f.sums[want]--
	return true, nil
}

func (i *importing) sum(ctx context.Context, m mailbox.Message) (sum [sha256.Size]byte, err error) {
	c, err := i.app.blobs.Open(ctx, blob.ID(m.Blob))
	if err != nil {
		return sum, err
	}
	defer c.Close()
	h := sha256.New()
	_, err = io.Copy(h, m.View.Message(mail.NewSpooled(c, c.Size())).Reader())
	return [sha256.Size]byte(h.Sum(nil)), err
}

// maxImportFolders bounds the folders of one import, as a mailbox's.
const maxImportFolders = mailbox.MaxFolders

// folder finds the folder of a name in the files, or makes it.
func (i *importing) folder(ctx context.Context, name string) (*importFolder, error) {
	if f, known := i.folders[name]; known {
		return f, nil
	}
	if len(i.folders) >= maxImportFolders {
		return nil, fmt.Errorf("folder %.80q: %w", name, mailbox.ErrTooMany)
	}
	full := name
	switch {
	case i.below != "" && (name == "" || strings.EqualFold(name, mailbox.Inbox)):
		full = i.below
	case i.below != "":
		full = i.below + mailbox.Separator + name
	case name == "":
		full = mailbox.Inbox
	}
	clean, err := mailbox.CleanName(full)
	if err != nil {
		return nil, err
	}
	f, err := i.open(ctx, clean)
	if err != nil {
		return nil, err
	}
	for _, known := range i.folders { // two names in the files may be of one here: "Sent" and "Envoyés"
		if known.ID == f.ID {
			i.folders[name] = known
			return known, nil
		}
	}
	in := &importFolder{Folder: f, left: map[int64][]mailbox.UID{}, sums: map[[sha256.Size]byte]int{}}
	if err := i.index(ctx, in); err != nil {
		return nil, stopped{err}
	}
	i.folders[name] = in
	return in, nil
}

// open finds a folder. One that a mailbox has from the beginning is found by its use,
// whatever language its name is in.
func (i *importing) open(ctx context.Context, name string) (mailbox.Folder, error) {
	return i.app.folderFor(ctx, i.box, name, "")
}

// folderFor finds a folder by its use, or by its name, or makes it. The use of a name that a mailbox has from the
// beginning is known.
func (a *App) folderFor(ctx context.Context, box int64, name string, use mailbox.Use) (mailbox.Folder, error) {
	all, err := a.mailboxes.Folders(ctx, box)
	if err != nil {
		return mailbox.Folder{}, stopped{err}
	}
	asked := use
	for _, lang := range []string{"en", "fr"} {
		for _, s := range mailbox.StandardFolders(lang) {
			if s.Name == name && asked == "" {
				use = s.Use
			}
		}
	}
	var byUse mailbox.Folder
	for _, f := range all {
		switch {
		case f.Name == name && f.Use == mailbox.Quarantine:
			return f, mailbox.ErrQuarantine
		case f.Name == name && asked == "":
			return f, nil
		case use != "" && f.Use == use:
			byUse = f
		}
	}
	if byUse.ID != 0 {
		return byUse, nil
	}
	f, err := a.mailboxes.CreateFolder(ctx, box, name, asked)
	if errors.Is(err, mailbox.ErrFolderExists) { // and has no use, or another
		return a.mailboxes.Folder(ctx, box, name)
	}
	return f, err
}

// index notes what the folder has, by size.
func (i *importing) index(ctx context.Context, f *importFolder) error {
	var uids []mailbox.UID
	if _, err := i.app.mailboxes.Index(ctx, f.ID, func(e mailbox.Entry) { uids = append(uids, e.UID) }); err != nil {
		return err
	}
	for len(uids) > 0 {
		n := min(len(uids), 10*pageOfMessages)
		list, err := i.app.mailboxes.Messages(ctx, f.ID, mailbox.UIDSet{{First: uids[0], Last: uids[n-1]}}, mailbox.Row)
		if err != nil {
			return err
		}
		for _, m := range list {
			f.left[m.Size] = append(f.left[m.Size], m.UID)
		}
		uids = uids[n:]
	}
	return nil
}
