package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gatepost/internal/directory"
	"gatepost/internal/store"
	"gatepost/mailbox"
)

// How often owners' changes of who may do what are told by mail, and noted: taking something away and giving it again writes to people who
// did not ask for it, and notes are kept for years.
const (
	toldWithin  = 24 * time.Hour
	toldEach    = 3    // letters to one about one thing
	toldMost    = 100  // changes of one kind, beyond which nobody is told
	changesMost = 1000 // changes of one kind, beyond which nothing is given
)

// errManyChanges: somebody has changed so much that nothing more is noted, and so nothing given.
var errManyChanges = fmt.Errorf("%w: %d changes within a day", mailbox.ErrTooMany, changesMost)

// errToldOften: it has been told too often within a day to be told again.
var errToldOften = errors.New("told too often within a day")

// shareNote says for the audit what somebody may do in a folder from now on, 0 for nothing.
func (a *App) shareNote(who string, g mailbox.Grant, r mailbox.Rights) *directory.Note {
	folder, may := g.Name, r.Name()
	if g.Folder == 0 {
		folder = allFolders
	}
	if r == 0 {
		may = "no"
	}
	about := a.people().Name(g.Who) + ": " + may + ": " + folder
	return &directory.Note{Time: a.now(), Who: who, What: directory.NoteShared, Whom: a.people().Name(mailbox.BoxWho(g.Box)), About: directory.AboutText(about)}
}

// toldOften reports whether what a note is to tell has been told to somebody too often within a day, by the notes of who did it. Where he
// has done so much that nothing more can be noted it fails with errManyChanges.
func (a *App) toldOften(ctx context.Context, n directory.Note, to mailbox.Who) (bool, error) {
	notes, err := a.store.Audit().Notes(ctx, store.NoteQuery{Who: n.Who, What: n.What, Limit: changesMost})
	if err != nil {
		return false, err
	}
	since, name := n.Time.Add(-toldWithin), a.people().Name(to)+": "
	_, folder, _ := strings.Cut(strings.TrimPrefix(n.About, name), ": ")
	changes, gives := 0, 0
	for _, done := range notes {
		if done.Time.Before(since) {
			break
		}
		changes++
		does, ok := strings.CutPrefix(done.About, name)
		if may, in, _ := strings.Cut(does, ": "); ok && done.Whom == n.Whom && in == folder && may != "no" {
			gives++
		}
	}
	if changes >= changesMost {
		return true, errManyChanges
	}
	return changes >= toldMost || gives >= toldEach, nil
}
