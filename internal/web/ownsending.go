package web

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/directory"
)

// OwnSending is who may send for the mailboxes that a person answers for, which are his own and groups that he manages, and whom he
// asks to send for.
type OwnSending interface {
	// Sending returns all that there is of it; no more than most of each.
	Sending(ctx context.Context, box int64, most int) (Sending, error)
	// AskToSend asks to send under an address, "as" it or "on-behalf". It fails with a SendFault, never because nobody has
	// the address.
	AskToSend(ctx context.Context, box int64, address, how string) error
	// SendRequest returns one that the person answers; ErrNoShare: there is none, any more.
	SendRequest(ctx context.Context, box int64, id string) (SendRequest, error)
	// AnswerSendRequest grants or declines it. What is asked for may be shut to that, see Shut.
	AnswerSendRequest(ctx context.Context, box int64, id string, grant bool) (SendRequest, error)
	// TakeRequestBack ends a request of his own; ErrNoShare: it is not, or waits no more.
	TakeRequestBack(ctx context.Context, box int64, id string) error
	// LetSend lets somebody who has the inbox of a mailbox send on its behalf, or, by "", has somebody send for it no more. Where
	// the person does not answer for it, or that is no more to be changed, it fails with ErrNoShare; where there are too many, or were
	// within a day, with a SendFault.
	LetSend(ctx context.Context, box int64, of, who, how string) error
}

// A SendFault is why nobody was asked, "address", "own", "may", "asked", "many", or nobody let, "full".
type SendFault string

// Error says it to who reads logs.
func (f SendFault) Error() string { return "not asked to send, nor let: " + string(f) }

// Sending is who may send for whom.
type Sending struct {
	Requests []SendRequest // for the person to answer
	Deputies []Deputy      // who may send for his mailboxes
	Offers   []Deputy      // who has the inbox of his own and may not send for it
	Asked    []SendRequest // his own that wait for an answer
}

// A SendRequest is that somebody asks to send for a mailbox.
type SendRequest struct {
	ID      string
	By      string // who asks
	Of      string // the mailbox, or the address that the asker named
	How     string // "as", "on-behalf"
	Asked   time.Time
	Expires time.Time
}

// A Deputy is who may send for a mailbox, or could be let.
type Deputy struct {
	Of   string // the mailbox
	Who  string // an address, "@" and a domain, or "anyone"
	Kind string // of Who: "box", "group", "domain", "anyone"
	How  string // "as", "on-behalf"
}

func (s *Server) ownSendingRoutes() []route {
	use := access.MailboxOpen
	return []route{
		{pattern: "POST /mailbox/shares/ask", action: use, handle: s.askToSend, page: directory.PageShares},
		{pattern: "POST /mailbox/shares/ask/back", action: use, handle: s.takeRequestBack, page: directory.PageShares},
		{pattern: "POST /mailbox/shares/deputy", action: use, handle: s.setDeputy, page: directory.PageShares},
		{pattern: "GET /mailbox/shares/requests/{id}", action: use, handle: s.sendRequest, page: directory.PageShares},
		{pattern: "POST /mailbox/shares/requests/{id}", action: use, handle: s.answerSendRequest, page: directory.PageShares},
	}
}

// An askForm is what the form to ask has in it.
type askForm struct {
	Address, How string
	Fault        string // a SendFault
}

// Wrong reports whether the address is what is wrong.
func (f askForm) Wrong() bool { return f.Fault == "address" || f.Fault == "own" }

func (s *Server) askToSend(w http.ResponseWriter, r *http.Request) error {
	v, form := visitOf(r), askForm{Address: strings.TrimSpace(r.PostForm.Get("address")), How: r.PostForm.Get("how")}
	if form.How != "as" && form.How != "on-behalf" {
		return errForm
	}
	err := s.OwnSending.AskToSend(r.Context(), v.Person.Box, form.Address, form.How)
	if fault := SendFault(""); errors.As(err, &fault) {
		form.Fault = string(fault)
		return s.ownSharesPage(w, r, http.StatusUnprocessableEntity, ownSharesPage{Ask: form})
	}
	if err != nil {
		return err
	}
	return s.redirect(w, r, "/mailbox/shares", notice{"good", v.T("sending.asked.done")})
}

func (s *Server) takeRequestBack(w http.ResponseWriter, r *http.Request) error {
	v := visitOf(r)
	switch err := s.OwnSending.TakeRequestBack(r.Context(), v.Person.Box, r.PostForm.Get("id")); {
	case errors.Is(err, ErrNoShare):
		return s.redirect(w, r, "/mailbox/shares", notice{"info", v.T("sending.gone")})
	case err != nil:
		return err
	}
	return s.redirect(w, r, "/mailbox/shares", notice{"good", v.T("sending.taken")})
}

// setDeputy does what a button beside somebody who may send, or could, says.
func (s *Server) setDeputy(w http.ResponseWriter, r *http.Request) error {
	v, get := visitOf(r), r.PostForm.Get
	done := "sending.ended"
	switch get("how") {
	case "":
	case "on-behalf":
		done = "sending.let.done"
	default:
		return errForm
	}
	err := s.OwnSending.LetSend(r.Context(), v.Person.Box, get("of"), get("who"), get("how"))
	if errors.Is(err, ErrNoShare) {
		return s.redirect(w, r, "/mailbox/shares", notice{"info", v.T("sending.gone")})
	}
	if fault := SendFault(""); errors.As(err, &fault) {
		return s.redirect(w, r, "/mailbox/shares", notice{"bad", word(v, "sending.fault."+string(fault))})
	}
	if err != nil {
		return err
	}
	return s.redirect(w, r, "/mailbox/shares", notice{"good", v.T(done)})
}

// A sendRequestPage is what send-request.html shows.
type sendRequestPage struct {
	SendRequest
	Unknown bool
}

func (s *Server) sendRequest(w http.ResponseWriter, r *http.Request) error {
	req, err := s.OwnSending.SendRequest(r.Context(), visitOf(r).Person.Box, r.PathValue("id"))
	return s.sendRequestPage(w, r, req, err)
}

func (s *Server) sendRequestPage(w http.ResponseWriter, r *http.Request, req SendRequest, err error) error {
	if errors.Is(err, ErrNoShare) {
		return s.page(w, r, http.StatusNotFound, "send-request", sendRequestPage{Unknown: true})
	}
	if err != nil {
		return err
	}
	return s.page(w, r, http.StatusOK, "send-request", sendRequestPage{SendRequest: req})
}

func (s *Server) answerSendRequest(w http.ResponseWriter, r *http.Request) error {
	v, answer := visitOf(r), r.PostForm.Get("answer")
	done := "sending.done.granted"
	switch answer {
	case "granted":
	case "declined":
		done = "sending.done.declined"
	default:
		return errForm
	}
	req, err := s.OwnSending.AnswerSendRequest(r.Context(), v.Person.Box, r.PathValue("id"), answer == "granted")
	if err != nil {
		return s.sendRequestPage(w, r, req, err)
	}
	return s.redirect(w, r, "/mailbox/shares", notice{"good", v.T(done, req.By)})
}
