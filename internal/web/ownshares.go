package web

import (
	"context"
	"errors"
	"net/http"

	"gatepost/internal/access"
	"gatepost/internal/directory"
	"gatepost/internal/web/safe"
)

// OwnShares is what owners share, and what is shared with them. What changes something fails with ErrNoShare where it is not shared,
// any more.
type OwnShares interface {
	// SharedWith returns what is shared with a mailbox, by the names that its owner sees; no more than most.
	SharedWith(ctx context.Context, box int64, most int) ([]SharedFolder, error)
	// SharedBy returns what a mailbox shares, by folder; no more than most.
	SharedBy(ctx context.Context, box int64, most int) ([]GivenFolder, error)
	// AnswerShare accepts or declines what is shared with a mailbox, and all beneath it.
	AnswerShare(ctx context.Context, box int64, name string, accept bool) error
	// TakeBack takes a folder of a mailbox, and all beneath it, away from whom it is shared with.
	TakeBack(ctx context.Context, box int64, folder, with string) error
}

// A SharedFolder is a folder of another's, or all folders of a mailbox, with what is beneath it.
type SharedFolder struct {
	Name    string // as the receiver sees it; of all folders, their owner's level
	By      string // whose it is
	Folder  string // as its owner calls it; "": all
	Group   bool   // of a mailbox that several have together
	Beneath int    // folders that are shared in the same way, beneath it or, of all, among them
	May     string // "read", "write", "manage", "other"
	Answer  string // "offered", "accepted", "declined"
	Ask     bool   // the inbox is in it, and the reader may not send for its owner
}

// A GivenFolder is a folder of one's own that another may see, or all folders, with what is beneath it.
type GivenFolder struct {
	Folder  string // "": all
	Key     string // names it to TakeBack
	With    string // an address, "@" and a domain, or "anyone"
	Kind    string // of With: "box", "group", "domain", "anyone"
	Beneath int
	May     string
	Answer  string // as above; "" of more than one person
}

func (s *Server) ownShareRoutes() []route {
	use, page := access.MailboxOpen, directory.PageShares
	return []route{
		{pattern: "GET /mailbox/shares", action: use, handle: s.ownShares, page: page},
		{pattern: "POST /mailbox/shares/answer", action: use, handle: s.answerOwnShare, page: page},
		{pattern: "POST /mailbox/shares/remove", action: use, handle: s.takeBackShare, page: page},
	}
}

// sharesOnPage is how many shares the page has of each kind; mail programs show all.
const sharesOnPage = 200

// An ownSharesPage lists both.
type ownSharesPage struct {
	Shared    []SharedFolder
	Given     []GivenFolder
	More      bool // of Shared than are listed
	GivenMore bool
	Sends     bool // there is what follows
	Sending   Sending
	Ask       askForm
}

// ownShares shows what is shared with the person, and what he shares.
func (s *Server) ownShares(w http.ResponseWriter, r *http.Request) error {
	return s.ownSharesPage(w, r, http.StatusOK, askForm{How: "on-behalf"})
}

func (s *Server) ownSharesPage(w http.ResponseWriter, r *http.Request, status int, ask askForm) (err error) {
	page := ownSharesPage{Ask: ask, Sends: s.OwnSending != nil}
	box := visitOf(r).Person.Box
	if page.Shared, err = s.OwnShares.SharedWith(r.Context(), box, sharesOnPage+1); err != nil {
		return err
	}
	if page.Given, err = s.OwnShares.SharedBy(r.Context(), box, sharesOnPage+1); err != nil {
		return err
	}
	page.Shared, page.More = pageful(page.Shared, sharesOnPage)
	page.Given, page.GivenMore = pageful(page.Given, sharesOnPage)
	if page.Sends {
		if page.Sending, err = s.OwnSending.Sending(r.Context(), box, sharesOnPage); err != nil {
			return err
		}
	}
	return s.page(w, r, status, "own-shares", page)
}

// Shown is the folder's name for people.
func (f SharedFolder) Shown() string { return safe.Line(f.Folder) }

// Shown is the folder's name for people.
func (f GivenFolder) Shown() string { return safe.Line(f.Folder) }

// answerOwnShare does what a button beside a folder of another's says.
func (s *Server) answerOwnShare(w http.ResponseWriter, r *http.Request) error {
	v, answer := visitOf(r), r.PostForm.Get("answer")
	switch answer {
	case "accepted", "declined", "left":
	default:
		return errForm
	}
	err := s.OwnShares.AnswerShare(r.Context(), v.Person.Box, r.PostForm.Get("name"), answer == "accepted")
	return s.ownShareDone(w, r, answer, err)
}

// takeBackShare does what a button beside a folder of the person's says.
func (s *Server) takeBackShare(w http.ResponseWriter, r *http.Request) error {
	err := s.OwnShares.TakeBack(r.Context(), visitOf(r).Person.Box, r.PostForm.Get("folder"), r.PostForm.Get("with"))
	return s.ownShareDone(w, r, "removed", err)
}

func (s *Server) ownShareDone(w http.ResponseWriter, r *http.Request, done string, err error) error {
	v := visitOf(r)
	if errors.Is(err, ErrNoShare) {
		return s.redirect(w, r, "/mailbox/shares", notice{"info", v.T("shares.gone")})
	}
	if err != nil {
		return err
	}
	s.Log.Info("shares changed on a page", "person", v.Person.Name, "act", done)
	return s.redirect(w, r, "/mailbox/shares", notice{"good", word(v, "shares.done."+done)})
}
