package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/complaint"
	"gatepost/internal/mail"
	"gatepost/internal/web/safe"
)

// Complaints is what people said against mail; *complaint.Desk is one.
type Complaints interface {
	Measure() complaint.Measure
	Standings(ctx context.Context, kind complaint.Kind, limit int) ([]complaint.Standing, error)
	Find(ctx context.Context, q complaint.Query) ([]complaint.Complaint, error)
	Totals(ctx context.Context, by complaint.By, limit int) ([]complaint.Total, error)
	Withdraw(ctx context.Context, w complaint.Withdrawal) (int, error)
}

func (s *Server) complaintRoutes() []route {
	return []route{
		{pattern: "GET /complaints", action: access.Complaints, handle: s.complaints},
		{pattern: "POST /complaints/withdraw", action: access.Complaints, handle: s.withdrawComplaints},
	}
}

// Rows of the page.
const (
	complaintPage = 50 // complaints
	standingRows  = 50 // those complained of, the heaviest
	accountRows   = 20 // customers, those with most complaints
)

// A complainedOf is somebody complained of as he is shown.
type complainedOf struct {
	complaint.Standing
	Weighs string // now
	Held   bool
	Until  time.Time
	Why    complaint.Reason
	Path   string // of his complaints
}

// A complaintRow is a complaint as it is shown.
type complaintRow struct {
	complaint.Complaint
	By, About, Of string
	May           bool // take it back
}

// complaintData is what the page shows.
type complaintData struct {
	Standings   []complainedOf
	Accounts    []complaint.Total
	Rows        []complaintRow
	Who         string // whose complaints are shown; "": all
	Next, First string
}

// complaints shows who is complained of, who of our customers, and the complaints.
func (s *Server) complaints(w http.ResponseWriter, r *http.Request) error {
	if err := s.allow(r, access.Object{}); err != nil {
		return err
	}
	who := strings.TrimSpace(cutTo(r.URL.Query().Get("who"), maxField))
	after := strings.TrimSpace(cutTo(r.URL.Query().Get("after"), maxField))
	data := complaintData{Who: who}
	q := queryOf(who)
	q.After, q.Limit = after, complaintPage+1
	list, err := s.Complaints.Find(r.Context(), q)
	if err != nil {
		return err
	}
	if len(list) > complaintPage {
		list = list[:complaintPage]
		data.Next = complaintPath(who, list[complaintPage-1].ID)
	}
	if after != "" {
		data.First = complaintPath(who, "")
	}
	for _, c := range list {
		data.Rows = append(data.Rows, rowOf(c))
	}
	if who == "" && after == "" {
		if err := s.standings(r, &data); err != nil {
			return err
		}
	}
	return s.page(w, r, http.StatusOK, "complaints", data)
}

func complaintPath(who, after string) string {
	v := url.Values{}
	if who != "" {
		v.Set("who", who)
	}
	if after != "" {
		v.Set("after", after)
	}
	if len(v) == 0 {
		return "/complaints"
	}
	return "/complaints?" + v.Encode()
}

// queryOf reads whose complaints somebody wants to see: a client's, a sender's or a
// customer's, or a domain's.
func queryOf(who string) (q complaint.Query) {
	s := complaintSubject(who)
	switch s.Kind {
	case complaint.OfClient:
		q.Client = complaint.AddrOf(s)
	case complaint.OfSender:
		q.Sender = mail.Path(s.Name)
	default:
		q.Domain = s.Name
	}
	return q
}

func complaintSubject(who string) complaint.Subject {
	if s, ok := complaint.ParseClient(who); ok {
		return s
	}
	if strings.Contains(who, "@") {
		return complaint.Subject{Kind: complaint.OfSender, Name: who}
	}
	return complaint.Subject{Kind: complaint.OfDomain, Name: strings.ToLower(who)}
}

func rowOf(c complaint.Complaint) complaintRow {
	row := complaintRow{Complaint: c, By: safe.Line(string(c.Reporter)), About: safe.Line(c.Subject), May: c.State == complaint.StateCounts}
	var of []string
	if c.Client.IsValid() {
		of = append(of, c.Client.String())
	}
	for _, p := range []mail.Path{c.Sender, c.Account} {
		if !p.IsNull() {
			of = append(of, safe.Line(string(p)))
		}
	}
	row.Of = strings.Join(of, " · ")
	return row
}

// standings adds those who are complained of, and customers.
func (s *Server) standings(r *http.Request, data *complaintData) (err error) {
	list, err := s.Complaints.Standings(r.Context(), "", standingRows)
	if err != nil {
		return err
	}
	v, m, now := visitOf(r), s.Complaints.Measure(), s.Now()
	for _, st := range list {
		why := m.Reason(st, now)
		data.Standings = append(data.Standings, complainedOf{
			Standing: st, Weighs: v.decimal(m.WeightAt(st, now)), Held: why == complaint.ForWeight, Until: m.Ends(st), Why: why, Path: complaintPath(st.Name, ""),
		})
	}
	data.Accounts, err = s.Complaints.Totals(r.Context(), complaint.ByAccount, accountRows)
	return err
}

// decimal writes a number with one digit behind the point.
func (v *visit) decimal(n float64) string {
	text := fmt.Sprintf("%.1f", n)
	if v.Lang == "fr" {
		text = strings.Replace(text, ".", ",", 1)
	}
	return text
}

// withdrawComplaints takes one complaint back, or all of somebody.
func (s *Server) withdrawComplaints(w http.ResponseWriter, r *http.Request) error {
	if err := s.allow(r, access.Object{}); err != nil {
		return err
	}
	v := visitOf(r)
	wd := complaint.Withdrawal{ID: cutTo(r.PostForm.Get("id"), maxField), Who: v.Person.Name}
	if wd.ID == "" {
		wd.Subject = complaint.Subject{Kind: complaint.Kind(cutTo(r.PostForm.Get("kind"), maxField)), Name: cutTo(r.PostForm.Get("name"), maxField)}
	}
	n, err := s.Complaints.Withdraw(r.Context(), wd)
	switch {
	case errors.Is(err, complaint.ErrNotFound):
		return s.redirect(w, r, "/complaints", notice{"info", v.T("complaint.over")})
	case err != nil:
		return err
	}
	s.Log.Info("complaints withdrawn", "by", v.Person.Name, "count", n, "of", wd.Subject.Name, "complaint", wd.ID)
	return s.redirect(w, r, "/complaints", notice{"good", v.T("complaint.withdrawn")})
}
