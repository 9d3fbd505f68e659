package web

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

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
	// Folders returns the names of a mailbox's folders that can be shared, the inbox first.
	Folders(ctx context.Context, box int64) ([]string, error)
	// GiveShare shares a folder of a mailbox, or says anew what somebody may do in it. It fails with a ShareFault.
	GiveShare(ctx context.Context, box int64, form ShareForm) error
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

// A ShareForm says what is to be shared.
type ShareForm struct {
	Folder string // by name; AllFolders
	With   string // an address, "@" and a domain, or "anyone"
	May    string // "read", "write", "manage"
	Alone  bool   // what is beneath it is not
}

// AllFolders is how forms call all folders of a mailbox.
const AllFolders = "*"

// A ShareFault is why nothing was shared: "folder", "with", "own", "may", "many", "often".
type ShareFault string

// Error says it to who reads logs.
func (f ShareFault) Error() string { return "not shared: " + string(f) }

func (s *Server) ownShareRoutes() []route {
	use, page := access.MailboxOpen, directory.PageShares
	return []route{
		{pattern: "GET /mailbox/shares", action: use, handle: s.ownShares, page: page},
		{pattern: "POST /mailbox/shares/give", action: use, handle: s.giveShare, page: page},
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
	Folders   []ownFolder // that can be shared
	Rights    []string
	Give      giveForm
	Sends     bool // there is what follows
	Sending   Sending
	Ask       askForm
}

// ownShares shows what is shared with the person, and what he shares.
func (s *Server) ownShares(w http.ResponseWriter, r *http.Request) error {
	return s.ownSharesPage(w, r, http.StatusOK, ownSharesPage{})
}

// A giveForm is what the form to share has in it.
type giveForm struct {
	ShareForm
	Fault string // a ShareFault
}

// Wrong reports whether a fault is one of the form's fields.
func (f giveForm) Wrong(field string) bool {
	return f.Fault == field || field == "with" && (f.Fault == "own" || f.Fault == "many" || f.Fault == "often")
}

// An ownFolder is the name of a folder of one's own.
type ownFolder string

// Shown is the name for people.
func (f ownFolder) Shown() string { return safe.Line(string(f)) }

// shareRights are what can be given on the page, the least first.
func shareRights() []string { return []string{"read", "write", "manage"} }

// ownSharesPage shows the page with what was typed into its forms.
func (s *Server) ownSharesPage(w http.ResponseWriter, r *http.Request, status int, page ownSharesPage) (err error) {
	page.Sends, page.Rights = s.OwnSending != nil, shareRights()
	page.Ask.How, page.Give.May = cmp.Or(page.Ask.How, "on-behalf"), cmp.Or(page.Give.May, "read")
	box := visitOf(r).Person.Box
	folders, err := s.OwnShares.Folders(r.Context(), box)
	if err != nil {
		return err
	}
	for _, name := range folders {
		page.Folders = append(page.Folders, ownFolder(name))
	}
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

// giveShare shares what the form says, or what stands beside a folder that is shared already.
func (s *Server) giveShare(w http.ResponseWriter, r *http.Request) error {
	get := r.PostForm.Get
	form := giveForm{ShareForm: ShareForm{Folder: get("folder"), With: strings.TrimSpace(get("with")), May: get("may"), Alone: get("beneath") == ""}}
	if !slices.Contains(shareRights(), form.May) {
		return errForm
	}
	err := s.OwnShares.GiveShare(r.Context(), visitOf(r).Person.Box, form.ShareForm)
	if fault := ShareFault(""); errors.As(err, &fault) {
		form.Fault = string(fault)
		return s.ownSharesPage(w, r, http.StatusUnprocessableEntity, ownSharesPage{Give: form})
	}
	return s.ownShareDone(w, r, "given", err)
}

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
