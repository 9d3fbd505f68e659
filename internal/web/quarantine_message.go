package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/mail"
	"gatepost/internal/web/safe"
	"gatepost/quarantine"
)

// A heldMessage is what the page of one message shows.
type heldMessage struct {
	heldRow
	Client  string
	Expires time.Time
	Told    string
	Proof   string // what proves the sender
	Domain  string // the sender's
	To      string // the header's, as shown
	Date    time.Time
	Parts   []safe.Part
	AllPart bool
	Gone    bool // the content is not kept any more
	Held    bool
	Ours    string // the recipient's domain
	Boxed   bool   // it is for one mailbox here
	Headers bool   // there is a page that explains them

	May   heldRights
	Ask   bool   // its owner may ask for it
	Why   string // why the sender can't be allowed, "" where he can
	Still []string

	Walks []heldWalk
	Acts  []heldActLine
	Ways  []heldWay
}

// A heldActLine is something that was done.
type heldActLine struct {
	What, Who string
	When      time.Time
}

// A heldWay is where a released message stands on its way.
type heldWay struct {
	quarantine.Way
	Class string
	Word  string
}

// showHeld is the page of one message.
func (s *Server) showHeld(w http.ResponseWriter, r *http.Request) error {
	h, err := s.held(r)
	if err != nil {
		return err
	}
	v := visitOf(r)
	data := heldMessage{
		heldRow: s.heldRow(v, h), Client: clientText(h.Client), Expires: h.Expires, Told: s.told(v, h.Told), Proof: h.Proof,
		Domain: safe.Line(h.Sender.Domain()), Held: h.State == quarantine.StateHeld, Ours: mail.ShownDomain(h.Domain), Boxed: h.Box > 0,
		May: s.rightsTo(r, h), Ways: ways(v, h.Ways), Headers: s.Desk != nil && s.Hosts != nil,
	}
	data.Subject = safe.Line(h.Subject)
	data.Ask = h.Guarded && !data.May.Release && s.may(r, access.HeldAsk, s.objectOf(h))
	if err := s.Held.Allowable(h); err != nil {
		data.Why = s.why(r, h.ID, err)
	} else if data.May.Allow {
		for _, entry := range s.Held.Passes(h) {
			data.Still = append(data.Still, s.filterName(v, strings.TrimPrefix(entry, "gate ")))
		}
	}
	for _, a := range h.Acts {
		data.Acts = append(data.Acts, heldActLine{word(v, "act."+string(a.What)), s.who(v, a.Who), a.When})
	}
	if data.Walks, err = s.walks(r, h); err != nil {
		return err
	}
	err = s.open(r, h, func(m *mail.Message) error {
		data.To, data.Parts, data.AllPart = safe.Line(firstOctets(m.Header().Text("To"), 2000)), nil, true
		data.Date, _ = m.Date()
		data.Parts, data.AllPart = safe.List(m)
		return m.Err()
	})
	if data.Gone = errors.Is(err, ErrGone); err != nil && !data.Gone {
		return err
	}
	return s.page(w, r, http.StatusOK, "held", data)
}

// cutTo returns at most n octets of s, and whole characters.
func cutTo(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

// firstOctets is cutTo that says so.
func firstOctets(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

// rightsTo are what the person may do to this message.
func (s *Server) rightsTo(r *http.Request, h quarantine.Held) heldRights {
	o := s.objectOf(h)
	entry := s.may(r, access.EntryChange, access.Object{Domain: o.Domain, Box: o.Box})
	release, del := s.may(r, access.HeldRelease, o), s.may(r, access.HeldDelete, o)
	return heldRights{Release: release, Allow: release && entry, Delete: del, Block: del && entry}
}

// told says what the sender heard.
func (s *Server) told(v *visit, t quarantine.Told) string {
	switch t {
	case quarantine.ToldNothing:
		return v.T("told.nothing")
	case quarantine.ToldByReply, quarantine.ToldByNotice, quarantine.ToldDue:
		return word(v, "told."+string(t))
	}
	return v.T("told.not", safe.Line(strings.TrimPrefix(string(t), "not: ")))
}

// clientText is a client's address, a dash where none is known.
func clientText(a netip.Addr) string {
	if !a.IsValid() {
		return "–"
	}
	return a.String()
}

// ways says where a message stands after its release.
func ways(v *visit, list []quarantine.Way) (out []heldWay) {
	for _, w := range list {
		word, class := "way.failed", "bad"
		switch {
		case w.What == "carried" || w.What == "delivered" || w.What == "relayed":
			word, class = "way.done", "good"
		case w.What == "held":
			word, class = "way.held", "warn"
		case w.What == "delete":
			word, class = "way.deleted", "warn"
		case w.What != "refused" && !w.Next.IsZero():
			word, class = "way.waiting", "info"
		}
		w.Reply, w.Host = safe.Line(w.Reply), safe.Line(w.Host)
		out = append(out, heldWay{w, class, v.T(word)})
	}
	return out
}

// open lets see a message's content.
func (s *Server) open(r *http.Request, h quarantine.Held, see func(*mail.Message) error) error {
	m, end, err := s.Held.Open(r.Context(), h)
	if err != nil {
		return err
	}
	defer end()
	return see(m)
}

// viewHeld is the message itself, made safe, for a frame.
func (s *Server) viewHeld(w http.ResponseWriter, r *http.Request) error {
	h, err := s.held(r)
	if err != nil {
		return err
	}
	v := visitOf(r)
	w.Header().Set("Content-Security-Policy", safe.Policy()) // of a failure, too: it is seen in the frame
	w.Header().Set("X-Frame-Options", "SAMEORIGIN")
	var view safe.View
	err = s.views.show(r.Context(), v.Person, func() error {
		return s.open(r, h, func(m *mail.Message) (err error) {
			view, err = safe.Render(r.Context(), m, safe.Options{Lang: v.Lang, Words: safeWords(v), Plain: r.URL.Query().Get("plain") != ""})
			return err
		})
	}, func() error {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = newPaced(w).Write(view.Document) // who would be told is gone
		return nil
	})
	if errors.Is(err, ErrGone) {
		return errNotFound
	}
	return err
}

func safeWords(v *visit) safe.Words {
	return safe.Words{
		Image: v.T("safe.image"), Content: v.T("safe.content"), Link: v.T("safe.link"), Form: v.T("safe.form"), Message: v.T("safe.message"),
		From: v.T("safe.from"), To: v.T("safe.to"), Date: v.T("safe.date"), Subject: v.T("safe.subject"), Cut: v.T("safe.cut"),
		Empty: v.T("safe.empty"), Title: v.T("safe.title"),
	}
}

// maxSource is how much of a message's source a page shows, in octets.
const maxSource = 256 << 10

type heldSource struct {
	heldRow
	Header, Body string
	Cut          bool
	Download     bool
}

// showSource is the message as it is: its header fields, and its body undecoded.
func (s *Server) showSource(w http.ResponseWriter, r *http.Request) error {
	h, err := s.held(r)
	if err != nil {
		return err
	}
	data := heldSource{heldRow: s.heldRow(visitOf(r), h), Download: s.mayDownload(r, h)}
	err = s.views.show(r.Context(), visitOf(r).Person, func() error {
		return s.open(r, h, func(m *mail.Message) error {
			b, err := io.ReadAll(io.NewSectionReader(m, 0, maxSource))
			size := min(m.Header().Size, int64(len(b)))
			data.Header, data.Body, data.Cut = safe.Text(string(b[:size])), safe.Text(string(b[size:])), m.Size() > maxSource
			return err
		})
	}, func() error { return s.page(w, r, http.StatusOK, "held-source", data) })
	if errors.Is(err, ErrGone) {
		return errNotFound
	}
	return err
}

// mayDownload reports whether the person may have the message as a file: what is guarded,
// those only who may release it.
func (s *Server) mayDownload(r *http.Request, h quarantine.Held) bool {
	return !h.Guarded || s.may(r, access.HeldRelease, s.objectOf(h))
}

// downloadHeld sends the message as a file. What is guarded comes by a POST only, whose
// button stands under a warning.
func (s *Server) downloadHeld(w http.ResponseWriter, r *http.Request) error {
	h, err := s.held(r)
	if err != nil {
		return err
	}
	switch {
	case !s.mayDownload(r, h):
		return errForbidden
	case h.Guarded && r.Method != http.MethodPost:
		http.Redirect(w, r, "/quarantine/"+h.ID+"/source", http.StatusSeeOther)
		return nil
	}
	// It takes as long as the line does, which may be longer than a request may otherwise.
	err = s.open(r.WithContext(context.WithoutCancel(r.Context())), h, func(m *mail.Message) error {
		head := w.Header()
		head.Set("Content-Security-Policy", "default-src 'none'; sandbox")
		head.Set("Content-Type", "message/rfc822")
		head.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", "held-"+h.ID+".eml"))
		head.Set("Content-Length", fmt.Sprint(m.Size()))
		_, _ = io.Copy(newPaced(w), m.Reader()) // it was begun: who hears of an error?
		return nil
	})
	if errors.Is(err, ErrGone) {
		return errNotFound
	}
	return err
}
