package imap

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"gatepost/mailbox"
)

// Folders of others have names beneath Shared/ and Groups/, and the rights of RFC 4314.
// What a session may do is asked in two places: reach, of a folder that a command names,
// and may, of the selected one, whose rights are read anew before each command.

// A Sharing keeps who may do what in whose folders, and what is noted beside them. A
// mailstore is one.
type Sharing interface {
	mailbox.Shares
	mailbox.Granter
	mailbox.Carrier
	mailbox.Annotations
	mailbox.Lookback
}

// People are those who have mailboxes here, and their groups. None of its methods waits.
type People interface {
	// Visitor returns the owner of a box under all names by which grants reach him.
	Visitor(box int64) mailbox.Visitor
	// Who reads an identifier: an address, "@" and a domain, or "anyone".
	Who(identifier string) (mailbox.Who, bool)
	// Name is the identifier of one, "" where he is gone.
	Name(who mailbox.Who) string
}

// An Offer is what somebody is given in a folder. Name is that of the folder with its
// owner.
type Offer struct {
	By string // the address of who gave it
	mailbox.Grant
}

// Refusals of RFC 4314, with codes of RFC 5530.
var (
	errNoPerm   = no("NOPERM", "You have not the right to do that here")
	errReserved = no("CANNOT", "Names beneath Shared/ and Groups/ are of others' folders")
	errApart    = no("CANNOT", "A folder stays in its mailbox; copy its messages")
	errUnshared = fmt.Errorf("imap: not shared any more: %w", mailbox.ErrNoFolder)
)

// sharing reports whether others' folders are served.
func (c *conn) sharing() bool { return c.srv.Sharing != nil && c.srv.People != nil }

func (c *conn) visitor() mailbox.Visitor { return c.srv.People.Visitor(c.box) }

// A place is a folder as a session has it: under the name that it gives it.
type place struct {
	mailbox.Shared
	local string // its name with its owner
}

// reach finds a folder by its name in a command. A session that lacks some of need hears
// so where it may know that the folder is there (RFC 4314 §6).
func (c *conn) reach(ctx context.Context, name string, need mailbox.Rights) (place, error) {
	owner, local, group, ok := mailbox.CutShared(name)
	if !ok || !c.sharing() {
		f, err := c.srv.Store.Folder(ctx, c.box, name)
		return place{mailbox.Shared{Folder: f, Rights: mailbox.AllRights}, name}, err
	}
	box, err := c.ownerBox(owner)
	if err != nil {
		return place{}, err
	}
	s, err := c.srv.Sharing.SharedFolder(ctx, c.visitor(), box, local)
	switch {
	case err != nil:
		return place{}, err
	case s.Group != group:
		return place{}, mailbox.ErrNoFolder
	case !s.Rights.Has(need) && s.Rights.Has(mailbox.MayLookUp):
		return place{}, errNoPerm
	case !s.Rights.Has(need):
		return place{}, mailbox.ErrNoFolder
	}
	s.Name = name
	return place{s, local}, nil
}

// ownerBox finds whose folders are under an address.
func (c *conn) ownerBox(address string) (int64, error) {
	who, ok := c.srv.People.Who(address)
	if box := who.Box(); ok && box != 0 && box != c.box {
		return box, nil
	}
	return 0, mailbox.ErrNoFolder
}

// A site is where a folder may be made.
type site struct {
	box   int64
	local string // its name there
}

// site finds where a folder of that name is to be made, which takes the right k in the
// nearest folder above, or in all of the box (RFC 4314 §4).
func (c *conn) site(ctx context.Context, name string) (site, error) {
	if !c.sharing() {
		return site{c.box, name}, nil
	}
	owner, local, group, ok := mailbox.CutShared(name)
	if !ok {
		if top := name + mailbox.Separator; strings.HasPrefix(top, mailbox.SharedSpace) || strings.HasPrefix(top, mailbox.GroupSpace) {
			return site{}, errReserved
		}
		return site{c.box, name}, nil
	}
	box, err := c.ownerBox(owner)
	if err == nil && local == "" {
		err = errReserved
	}
	if err != nil {
		return site{}, err
	}
	above := mailbox.Parents(local)
	for i := len(above) - 1; i >= 0; i-- {
		_, err := c.reach(ctx, mailbox.SharedName(owner, above[i], group), mailbox.MayCreate)
		if err == nil || !errors.Is(err, mailbox.ErrNoFolder) {
			return site{box, local}, err
		}
		if _, err := c.srv.Store.Folder(ctx, box, above[i]); !errors.Is(err, mailbox.ErrNoFolder) {
			return site{}, errors.Join(err, mailbox.ErrNoFolder) // it is there, and not for this session
		}
	}
	rights, isGroup, err := c.srv.Sharing.BoxRights(ctx, c.visitor(), box)
	switch {
	case err != nil:
		return site{}, err
	case isGroup != group:
		return site{}, mailbox.ErrNoFolder
	case rights.Has(mailbox.MayCreate):
		return site{box, local}, nil
	case rights.Has(mailbox.MayLookUp):
		return site{}, errNoPerm
	}
	return site{}, mailbox.ErrNoFolder
}

// foreign reports whether what is selected is somebody else's.
func (c *conn) foreign() bool { return c.view != nil && c.view.folder.Box != c.box }

// may fails where the session has not all of need in what is selected.
func (c *conn) may(need mailbox.Rights) error {
	if !c.view.rights.Has(need) {
		return errNoPerm
	}
	return nil
}

// recheck reads the rights in what is selected anew, tells what changed of them, and
// fails where it can't be read any more (RFC 4314 §5.1.1).
func (c *conn) recheck(ctx context.Context) error {
	if !c.foreign() {
		return nil
	}
	rights, err := c.srv.Sharing.Rights(ctx, c.visitor(), c.view.folder.ID)
	switch {
	case err != nil:
		return err
	case !rights.Has(mailbox.MayRead):
		return errUnshared
	case rights != c.view.rights:
		c.view.rights = rights
		c.flags()
	}
	return nil
}

// closed tells the client that what it selected is there no more: sequence numbers mean
// nothing from now on.
func (c *conn) closed(err error) {
	why := "was deleted"
	if errors.Is(err, errUnshared) {
		why = "is not shared with you any more"
	}
	c.out.untagged("BYE [UNAVAILABLE] The selected mailbox ", why)
	c.closing = true
	c.unselect()
}

// enterFolder has the session hear of changes in what it selected.
func (c *conn) enterFolder(p place) {
	c.view.rights, c.view.folder.Name = p.Rights, p.Name
	if p.Box != c.box {
		c.unwatch()
		c.hints, c.unwatch = c.srv.Changes.Watch(c.box, p.Box)
	}
}

// changing are the rights of which one makes a folder READ-WRITE (RFC 4314 §5.2).
const changing = mailbox.MaySee | mailbox.MayWrite | mailbox.MayTrash | mailbox.MayInsert | mailbox.MayExpunge

// permanentFlags tells which flags the session can change.
func (c *conn) permanentFlags() {
	var names []string
	r := c.view.rights
	for _, f := range []struct {
		need mailbox.Rights
		name string
	}{
		{mailbox.MayWrite, `\Answered`}, {mailbox.MayWrite, `\Flagged`}, {mailbox.MayTrash, `\Deleted`}, {mailbox.MaySee, `\Seen`}, {mailbox.MayWrite, `\Draft`},
	} {
		if r.Has(f.need) {
			names = append(names, f.name)
		}
	}
	text := "What you may change"
	if r.Has(mailbox.MayWrite) {
		names = append(append(names, c.view.keywords...), `\*`)
		text = "Any keyword can be made"
	}
	c.out.untagged("OK [PERMANENTFLAGS (", strings.Join(names, " "), ")] ", text)
}

// storable leaves of a change what the session may do, and fails where that is nothing
// (RFC 4314 §4).
func (c *conn) storable(change *mailbox.FlagChange) error {
	if c.view.rights == mailbox.AllRights {
		return nil
	}
	change.Fixed = c.view.rights.Fixed()
	wanted := change.Flags
	none := change.Fixed.Off(wanted) == mailbox.Flags{} && wanted != mailbox.Flags{}
	if change.How == mailbox.Replace && wanted == (mailbox.Flags{}) {
		none = c.view.rights&(mailbox.MaySee|mailbox.MayWrite|mailbox.MayTrash) == 0
	}
	if none {
		return errNoPerm
	}
	return nil
}

// carry copies or moves messages out of the selected folder.
func (c *conn) carry(ctx context.Context, set mailbox.UIDSet, to place, move bool) (done mailbox.Copied, err error) {
	from := c.view.folder
	switch {
	case from.Box != to.Box || to.Rights != mailbox.AllRights || c.lists(to):
		done, err = c.srv.Sharing.Carry(ctx, mailbox.Carriage{From: from.ID, Set: set, To: to.ID, Move: move, Fixed: to.Rights.Fixed(), Lists: c.lists(to)})
	case move:
		done, err = c.srv.Store.Move(ctx, from.ID, set, to.ID)
	default:
		done, err = c.srv.Store.Copy(ctx, from.ID, set, to.ID)
	}
	if err == nil {
		c.changed()
		c.srv.Changes.Notify(to.Box)
	}
	return done, err
}

// lists reports whether the session's owner brings messages of his own into a folder by which he
// lists their senders.
func (c *conn) lists(to place) bool {
	_, is := mailbox.ListingOf(to.Folder)
	return is && c.sharing() && to.Box == c.box && !c.foreign()
}

// allowedFlags leaves of flags to store with a new message those that the session may set
// in p.
func allowedFlags(p place, names []string) ([]string, error) {
	f, err := mailbox.ParseFlags(names)
	return p.Rights.Fixed().Off(f).Names(), err
}

// addShared adds others' folders to those that LIST may show.
func (c *conn) addShared(ctx context.Context, get func(string) *node) error {
	if !c.sharing() {
		return nil
	}
	list, err := c.srv.Sharing.SharedFolders(ctx, c.visitor())
	if err != nil {
		return err
	}
	for _, s := range list {
		owner := c.srv.People.Name(mailbox.BoxWho(s.Box))
		if owner == "" || !s.Rights.Has(mailbox.MayLookUp) || !c.listed(s) {
			continue
		}
		s.Name = mailbox.SharedName(owner, s.Name, s.Group)
		n := get(s.Name)
		f := s.Folder
		f.Use = "" // that is its owner's
		n.folder, n.rights = &f, s.Rights
		for _, above := range mailbox.Parents(s.Name) {
			get(above).children = true
		}
	}
	return nil
}

// listed reports whether LIST shows a folder of somebody else.
func (c *conn) listed(s mailbox.Shared) bool {
	switch s.Answer {
	case mailbox.Accepted:
		return true
	case mailbox.Declined:
		return false
	}
	return s.Group || s.Use == mailbox.Record || !c.srv.HideOffered
}

// subscribeShared subscribes to a folder of somebody else, which accepts it; to unsubscribe takes that back.
func (c *conn) subscribeShared(ctx context.Context, name string, on bool) (done bool, err error) {
	if _, _, _, ok := mailbox.CutShared(name); !ok || !c.sharing() {
		return false, nil
	}
	p, err := c.reach(ctx, name, mailbox.MayLookUp)
	switch {
	case on && err != nil:
		return false, err
	case on:
		return true, c.answerShare(ctx, p, mailbox.Accepted, false)
	case err == nil && p.Answer == mailbox.Accepted:
		return true, c.answerShare(ctx, p, mailbox.Offered, false)
	case errors.Is(err, mailbox.ErrNoFolder) || errors.Is(err, errNoPerm):
		return false, nil // the name alone is taken off the list
	}
	return false, err
}

// answerShare says what the session's owner wants of a folder of somebody else, and of all beneath it if so.
func (c *conn) answerShare(ctx context.Context, p place, a mailbox.Answer, beneath bool) error {
	prefix := strings.TrimSuffix(p.Name, p.local)
	return c.srv.Sharing.AnswerShare(ctx, c.visitor(), p.ID, a, func(s mailbox.Shared) string {
		if !beneath && s.ID != p.ID {
			return ""
		}
		return prefix + s.Name
	})
}

// leave has a folder of somebody else go out of the session's sight.
func (c *conn) leave(ctx context.Context, p place) error {
	err := c.answerShare(ctx, p, mailbox.Declined, true)
	if err == nil {
		c.changed()
	}
	return err
}
