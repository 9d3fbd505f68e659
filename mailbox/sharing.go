package mailbox

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"
)

// Others see a folder by grants: rows that give somebody rights in it, or in all folders
// of a mailbox. The owner of a mailbox has all rights in it, without a row. A group is a
// mailbox that nobody logs in to; its members have grants for all of it.

// Bounds of sharing.
const (
	MaxGrants = 500  // of one folder, and of one mailbox as a whole
	MaxShared = 4000 // folders of others that one visitor is shown
)

// A Who is whom a grant is for: a mailbox, all whom an alias or a list leads to, all of a
// domain, or all who have a mailbox here.
type Who string

// Anyone is everybody who has a mailbox on this system.
const Anyone Who = "anyone"

// BoxWho is the owner of one mailbox.
func BoxWho(box int64) Who { return Who("box:" + strconv.FormatInt(box, 10)) }

// GroupWho is all whom an alias or a distribution list leads to.
func GroupWho(address string) Who { return Who("group:" + address) }

// DomainWho is all who have a mailbox in a domain.
func DomainWho(name string) Who { return Who("domain:" + name) }

// Split parts a Who into "box", "group", "domain" or "anyone", and its number or name.
func (w Who) Split() (kind, name string) {
	kind, name, _ = strings.Cut(string(w), ":")
	return kind, name
}

// Box returns the number of the one mailbox that w is, 0 where it is something else.
func (w Who) Box() int64 {
	kind, name := w.Split()
	if kind != "box" {
		return 0
	}
	n, err := strconv.ParseInt(name, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// A Visitor is somebody with a mailbox, under all names by which grants may reach him.
type Visitor struct {
	Box   int64
	Names []Who
}

// A Grant gives somebody rights in a folder, or in all of a box where Folder is 0.
type Grant struct {
	Box    int64
	Folder int64
	Name   string // the folder's; "" of a whole box
	Who    Who
	Rights Rights
}

// An Answer is what somebody said to a share.
type Answer string

// The answers. All that they change is what LIST shows and what is subscribed to; rights
// go by grants alone.
const (
	Offered  Answer = ""         // nothing yet: it is listed
	Accepted Answer = "accepted" // listed, and subscribed to
	Declined Answer = "declined" // not listed; also who left says so
)

// A Shared is a folder as a visitor has it.
type Shared struct {
	Folder
	Rights Rights
	Group  bool // its box is a group
	Answer Answer
}

// Errors that callers decide by.
var (
	// ErrOwner: a mailbox's owner has all rights, and they can't be taken from him.
	ErrOwner = errors.New("the owner has all rights")
	// ErrNoGrant: nothing was shared with him.
	ErrNoGrant = errors.New("not shared with")
	// ErrSharingShut: operators have shut sharing to him, or to whose folder it is.
	ErrSharingShut = errors.New("sharing is shut")
)

// Shares tells what a visitor may do in folders of others. In his own he may do all, but
// what is held nobody shares.
type Shares interface {
	// Rights returns what he may do in a folder. One that is gone is ErrNoFolder.
	Rights(ctx context.Context, v Visitor, folder int64) (Rights, error)
	// SharedFolders returns the folders of others in which he has any right, by box and
	// name, at most MaxShared.
	SharedFolders(ctx context.Context, v Visitor) ([]Shared, error)
	// SharedFolder returns one of those, by its box and name there, or ErrNoFolder.
	SharedFolder(ctx context.Context, v Visitor, box int64, name string) (Shared, error)
	// BoxRights returns what he may do at the root of somebody's box, and whether that
	// is a group.
	BoxRights(ctx context.Context, v Visitor, box int64) (r Rights, group bool, err error)
	// AnswerShare notes what he says to a folder and all beneath it, and subscribes to
	// what he accepts under the names that name gives; "" leaves a folder out.
	AnswerShare(ctx context.Context, v Visitor, folder int64, a Answer, name func(Shared) string) error
	// AnswerBox is AnswerShare for all folders of a box that he has any right in; ErrNoFolder: there are none.
	AnswerBox(ctx context.Context, v Visitor, box int64, a Answer, name func(Shared) string) error
}

// ErrNoInvitation: the link was used before, is too old, or was never one.
var ErrNoInvitation = errors.New("no such invitation")

// An Invitation lets who has a share's mail answer it for its receiver, once.
type Invitation struct {
	ID      string // a hash of what the link has
	Box     int64  // whose folder it is
	Folder  int64  // 0: all of them
	Reader  int64  // the receiver's box
	Expires time.Time
}

// A Said is what one receiver said to one folder.
type Said struct {
	Folder int64
	Name   string // the folder's
	Reader int64
	Answer Answer
}

// Invitations keeps the links in shares' mails, and tells their owners what was said.
type Invitations interface {
	// Invitation returns one that can be answered still, or ErrNoInvitation.
	Invitation(ctx context.Context, id string, now time.Time) (Invitation, error)
	// AnswerInvitation is AnswerShare for what an invitation of v's is about, which is used up by that. Where
	// nothing of it is shared with him any more it fails with ErrNoFolder.
	AnswerInvitation(ctx context.Context, v Visitor, id string, now time.Time, a Answer, name func(Shared) string) error
	// Answers returns all that was said to folders of a box.
	Answers(ctx context.Context, box int64) ([]Said, error)
}

// Of returns what one has after a change who had some rights before.
func (h How) Of(before, r Rights) Rights {
	switch h {
	case Add:
		return before | r
	case Remove:
		return before &^ r
	}
	return r
}

// A Giving is a change of what somebody has in a folder.
type Giving struct {
	Grant // with what is added, taken away, or had from now on
	How   How
	Reach Reach
}

// A Reach says in which folders beneath one its rights are changed with it.
type Reach int

// How far a change reaches.
const (
	Same  Reach = iota // those that have no rights of their own
	Alone              // none
	All                // every one that is there
)

// A Granter changes who may do what. A folder beneath another has no rights of its own where it has the
// same as that one, or at the top of a box none: so it is made, and what is above changes it too.
type Granter interface {
	// Grants returns those of a folder, and of its whole box.
	Grants(ctx context.Context, box, folder int64) ([]Grant, error)
	// BoxGrants returns all of a box, by folder.
	BoxGrants(ctx context.Context, box int64) ([]Grant, error)
	// Given returns all grants that reach a visitor, by box and folder.
	Given(ctx context.Context, v Visitor) ([]Grant, error)
	// SetGrant changes what one has in a folder, and in those beneath that have no rights of their own, or in
	// the whole box where folder is 0, and returns what he had and has there. No rights is no row.
	SetGrant(ctx context.Context, box, folder int64, who Who, how How, r Rights) (before, after Rights, err error)
	// RenameKept is RenameFolder for one who may not say who has which rights: what he moves keeps its own.
	RenameKept(ctx context.Context, box int64, from, to string) error
	// ForgetWho takes away all that was given to one.
	ForgetWho(ctx context.Context, who Who) error
}

// A Sending is how somebody may send for a mailbox.
type Sending string

// How one may send.
const (
	NoSending    Sending = ""
	SendOnBehalf Sending = "on-behalf" // From is the mailbox, Sender who wrote it (RFC 5322 §3.6.2)
	SendAs       Sending = "as"        // From is the mailbox, and nothing tells who wrote it
)

// A Sender is one who may send for a mailbox.
type Sender struct {
	Who Who
	How Sending
}

// Groups are mailboxes with members.
type Groups interface {
	// SetGroup makes a box a group, or one as others.
	SetGroup(ctx context.Context, box int64, on bool) error
	// GroupBoxes returns the boxes that are groups, in order.
	GroupBoxes(ctx context.Context) ([]int64, error)
	// Senders returns who may send for a box, in order.
	Senders(ctx context.Context, box int64) ([]Sender, error)
	// SetSender says how one may send for a box.
	SetSender(ctx context.Context, box int64, who Who, how Sending) error
	// MaySend returns how a visitor may send for a box: the most that any of his names
	// may. For his own he may send as.
	MaySend(ctx context.Context, v Visitor, box int64) (Sending, error)
	// SentOf returns the folder that a group has for what is sent as it; 0: it has none, or the box is no group.
	SentOf(ctx context.Context, box int64) (folder int64, err error)
}

// A Lookback finds again what came lately.
type Lookback interface {
	// Lately returns the UID of the latest message with a Message-ID among the last hundred of a folder; 0: there is none.
	Lately(ctx context.Context, folder int64, messageID string) (UID, error)
}

// A Carriage brings messages of one folder into another, of any box.
type Carriage struct {
	From  int64
	Set   UIDSet
	To    int64
	Move  bool
	Fixed Fixed // flags that the copies don't get
	Lists bool  // the owner does it: where To lists senders a ListingMove is noted
}

// A Carrier brings messages between folders of any boxes, all or none. Of another box's it takes
// MaxCarried at most (ErrTooMany).
type Carrier interface {
	Carry(ctx context.Context, c Carriage) (Copied, error)
}

// MaxCarried is how many messages one Carriage brings into another box.
const MaxCarried = 20_000

// Namespaces of others' folders (RFC 2342). The second level is the owner's address.
const (
	SharedSpace = "Shared/"
	GroupSpace  = "Groups/"
)

// SharedName is a folder's name as others see it.
func SharedName(owner, folder string, group bool) string {
	if group {
		return GroupSpace + owner + Separator + folder
	}
	return SharedSpace + owner + Separator + folder
}

// CutShared parts a name in others' namespaces into the owner's address and the folder's
// name with him, "" for the owner's level itself. A name without an address there is the
// visitor's own.
func CutShared(name string) (owner, folder string, group, ok bool) {
	rest, ok := strings.CutPrefix(name, SharedSpace)
	if !ok {
		rest, group = strings.CutPrefix(name, GroupSpace)
		if !group {
			return "", "", false, false
		}
	}
	owner, folder, _ = strings.Cut(rest, Separator)
	return owner, folder, group, strings.Contains(owner, "@")
}

// CleanAny is CleanName for a name that may be in others' namespaces: there MaxName,
// MaxDepth and INBOX hold for what is below the owner.
func CleanAny(name string) (string, error) {
	owner, folder, group, ok := CutShared(name)
	if !ok || len(owner) > MaxName {
		return CleanName(name)
	}
	space := strings.TrimSuffix(SharedName(strings.ToLower(owner), "", group), Separator)
	if _, err := CleanName(space); err != nil || folder == "" {
		return space, err
	}
	folder, err := CleanName(folder)
	return space + Separator + folder, err
}
