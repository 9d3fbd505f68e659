package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/mail"
	"gatepost/internal/web/safe"
)

// Messages is what became of each message: the journal, and what was tried to carry it on.
type Messages interface {
	// Find returns what the query matches and may be seen, the newest first; more where there may be more.
	Find(ctx context.Context, q MessageQuery, may func(MessageLine) bool) (list []MessageLine, more bool, err error)
	// Report is one message, for all its recipients. It fails with ErrNoMessage.
	Report(ctx context.Context, id string) (MessageReport, error)
}

// ErrNoMessage: the journal has none of that id.
var ErrNoMessage = errors.New("no such message")

// A MessageQuery says what to look for; empty fields match all.
type MessageQuery struct {
	MessageID, Sender, Recipient string
	SentBy                       string // the mailbox that sent it
	Since                        time.Time
	Limit                        int
}

// A MessageLine is one recipient of a message.
type MessageLine struct {
	ID, Sender, Recipient, Subject, State, Filter, Reason string
	Time                                                  time.Time
	From, To                                              access.Object // whose it is: the mailbox's that sent it, the recipient's domain
	Here                                                  bool          // the recipient's domain is one of this system
}

// A MessageTry is one attempt to carry a message on, or what somebody did to it meanwhile.
type MessageTry struct {
	Time                         time.Time
	Recipient, What, Host, Reply string
	To                           access.Object
}

// A MessageReport is what became of a message.
type MessageReport struct {
	ID, MessageID, Sender, Login, Subject, Reply string
	Time                                         time.Time
	Lines                                        []MessageLine
	Tries                                        []MessageTry // the oldest first
}

func (s *Server) messageRoutes() []route {
	return []route{
		{pattern: "GET /messages", action: access.MessageView, handle: s.messages},
		{pattern: "GET /messages/{id}", action: access.MessageView, handle: s.message},
	}
}

// messagePage is how many lines are shown at once.
const messagePage = 50

// A messagesPage is the search and what it found. An owner sees what the own mailbox has sent.
type messagesPage struct {
	MessageQuery
	Owner   bool
	Days    int  // that are looked at
	Explain bool // there is a page that explains headers
	Lines   []MessageLine
	More    bool
}

// Spans are the days that can be asked for; the journal forgets what is older.
func (messagesPage) Spans() []int { return []int{1, 7, 30} }

// Known reports whether there is a word for a state; others are shown as they are.
func (messagesPage) Known(state string) bool { return knownState(state) }

// Known reports the same of one message's.
func (reportPage) Known(state string) bool { return knownState(state) }

// knownState: these have words, "msg.state." and the state.
func knownState(state string) bool {
	return slices.Contains([]string{
		"delivered", "junked", "tagged", "held", "held-told", "held-again", "refused", "deferred", "discarded", "queued", "relayed", "partial", "bounced", "duplicate",
		"released", "expired", "deleted", "no-such-mailbox", "mailbox-full", "not-yours", "no-relay",
	}, state)
}

// Said reports whether there is a word for what happened at a try: "msg.try." and these.
func (reportPage) Said(what string) bool { return knownTry(what) }

func knownTry(what string) bool {
	return slices.Contains([]string{"deferred", "carried", "refused", "abandoned", "retry", "hold", "release", "delete", "recall"}, what)
}

// sees reports whether the person may see a line: by who sent it, or by who gets it.
func (s *Server) sees(r *http.Request, l MessageLine) bool {
	return s.allow(r, l.From) == nil || s.allow(r, l.To) == nil
}

// messages finds messages, by what people know of one: its Message-ID, who sent it, who should have it.
func (s *Server) messages(w http.ResponseWriter, r *http.Request) error {
	v := visitOf(r)
	get := func(field string) string { return strings.TrimSpace(cutTo(r.URL.Query().Get(field), maxField)) }
	page := messagesPage{Owner: v.Person.Role == access.Owner, Days: 7, Explain: s.Desk != nil && s.Hosts != nil}
	if days, err := strconv.Atoi(get("days")); err == nil && slices.Contains(page.Spans(), days) {
		page.Days = days
	}
	page.MessageQuery = MessageQuery{
		MessageID: get("message-id"), Sender: get("sender"), Recipient: get("recipient"), Since: v.Now.AddDate(0, 0, -page.Days), Limit: messagePage,
	}
	if page.Owner {
		page.SentBy = v.Person.Name
	}
	var err error
	page.Lines, page.More, err = s.Messages.Find(r.Context(), page.MessageQuery, func(l MessageLine) bool { return s.sees(r, l) })
	if err != nil {
		return err
	}
	for n := range page.Lines {
		page.Lines[n] = s.shown(r, page.Lines[n])
	}
	return s.page(w, r, http.StatusOK, "messages", page)
}

// shown is a line as it is shown. Why filters held something its sender is not told here, nor the admin of the sender's domain
// where the recipient is of another: it would teach spammers, and tell what others block.
func (s *Server) shown(r *http.Request, l MessageLine) MessageLine {
	for _, text := range []*string{&l.Sender, &l.Recipient, &l.Subject, &l.State, &l.Reason} {
		*text = safe.Line(*text)
	}
	if visitOf(r).Person.Role == access.Owner || l.Here && s.allow(r, l.To) != nil {
		l.Filter, l.Reason = "", ""
	}
	return l
}

// Path is that of a line's message.
func (l MessageLine) Path() string { return "/messages/" + url.PathEscape(l.ID) }

// A reportPage is one message.
type reportPage struct {
	MessageReport
	Whole bool // the person sees all recipients
}

// hideTries leaves the tries that the person may see: all where all recipients are of the person's domains. Else others' recipients
// stay hidden, and of those to whom the message was addressed what their rules did, and where they have their mail sent on to.
func (s *Server) hideTries(r *http.Request, page *reportPage) {
	own, addressed := page.Whole, map[mail.Path]bool{}
	for _, l := range page.Lines {
		own = own && s.allow(r, l.To) == nil
		addressed[mail.Path(l.Recipient).Fold()] = true
	}
	page.Tries = slices.DeleteFunc(page.Tries, func(t MessageTry) bool {
		if own { // but what rules of a locked mailbox did with its copy
			return t.To.Locked && s.allow(r, t.To) != nil
		}
		return s.allow(r, t.To) != nil && (t.What == "rules" || !addressed[mail.Path(t.Recipient).Fold()])
	})
}

// message shows what became of one message, for each recipient that the person may see.
func (s *Server) message(w http.ResponseWriter, r *http.Request) error {
	report, err := s.Messages.Report(r.Context(), r.PathValue("id"))
	if errors.Is(err, ErrNoMessage) {
		return errNotFound
	}
	if err != nil {
		return err
	}
	owner := visitOf(r).Person.Role == access.Owner
	all := len(report.Lines)
	report.Lines = slices.DeleteFunc(report.Lines, func(l MessageLine) bool { return !s.sees(r, l) })
	if len(report.Lines) == 0 {
		return errNotFound
	}
	page := reportPage{report, len(report.Lines) == all}
	s.hideTries(r, &page)
	for n := range page.Lines {
		page.Lines[n] = s.shown(r, page.Lines[n])
	}
	for n := range page.Tries {
		page.Tries[n].Recipient, page.Tries[n].Reply, page.Tries[n].Host = safe.Line(page.Tries[n].Recipient), safe.Line(page.Tries[n].Reply), safe.Line(page.Tries[n].Host)
	}
	for _, text := range []*string{&page.MessageID, &page.Sender, &page.Subject, &page.Reply} {
		*text = safe.Line(*text)
	}
	if owner {
		page.Reply = ""
	}
	return s.page(w, r, http.StatusOK, "message", page)
}
