package web

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/autoconfig"
	"gatepost/internal/mail"
)

// Programs knows where the mailboxes of a domain are.
type Programs interface {
	// Site returns it; false where the domain's mailboxes are not here.
	Site(domain string) (autoconfig.Site, bool)
}

// programRoutes are asked by programs that look for a mailbox, in their own addresses, and
// by people who set one up. Outlook asks by a POST that changes nothing.
func (s *Server) programRoutes() []route {
	list := []route{
		{pattern: "GET /mail/config-v1.1.xml", action: access.Public, handle: s.thunderbird},
		{pattern: "GET /.well-known/autoconfig/mail/config-v1.1.xml", action: access.Public, handle: s.thunderbird},
		{pattern: "GET /autodiscover/autodiscover.json", action: access.Public, handle: s.autodiscoverAt},
		{pattern: "GET /autodiscover/autodiscover.json/v1.0/{address}", action: access.Public, handle: s.autodiscoverAt},
	}
	for _, path := range []string{"/autodiscover/autodiscover.xml", "/Autodiscover/Autodiscover.xml", "/AutoDiscover/AutoDiscover.xml"} {
		list = append(list, route{pattern: "POST " + path, action: access.Public, handle: s.outlook, body: autoconfig.MaxQuestion, own: true})
	}
	if s.Settings == nil || s.Desk == nil {
		return list
	}
	return append(list,
		route{pattern: "GET /programs", action: access.SettingsView, handle: s.programs},
		route{pattern: "GET /programs/mail.mobileconfig", action: access.SettingsView, handle: s.profile})
}

// domainOf returns an address's domain in A-labels, "" where it is none.
func domainOf(address string) string {
	p, _ := mail.ParsePath(strings.TrimSpace(address))
	return p.Domain()
}

// thunderbird answers for the domain of the address that is asked about, else for that of
// the host: autoconfig.example.org (Mozilla's "Autoconfiguration in Thunderbird").
func (s *Server) thunderbird(w http.ResponseWriter, r *http.Request) error {
	domain := domainOf(r.URL.Query().Get("emailaddress"))
	if domain == "" {
		host, _, _ := strings.Cut(r.Host, ":")
		domain = strings.TrimPrefix(strings.ToLower(host), "autoconfig.")
	}
	site, ok := s.Programs.Site(domain)
	if !ok {
		return errNotFound
	}
	config, err := site.Thunderbird()
	if err != nil {
		return err
	}
	return attach(w, r, "text/xml; charset=utf-8", config)
}

func (s *Server) outlook(w http.ResponseWriter, r *http.Request) error {
	address, err := autoconfig.Question(r.Body)
	if err != nil {
		return errForm
	}
	site, ok := s.Programs.Site(domainOf(address))
	if !ok {
		return errNotFound
	}
	answer, err := site.Outlook(address)
	if err != nil {
		return err
	}
	return attach(w, r, "text/xml; charset=utf-8", answer)
}

// autodiscoverAt says where the form with XML is ([MS-OXDISCO], Autodiscover v2).
func (s *Server) autodiscoverAt(w http.ResponseWriter, r *http.Request) error {
	address := r.PathValue("address")
	if address == "" {
		address = r.URL.Query().Get("Email")
	}
	protocol := r.URL.Query().Get("Protocol")
	if _, ok := s.Programs.Site(domainOf(address)); !ok || s.URL == "" || !strings.EqualFold(protocol, "AutodiscoverV1") {
		return errNotFound
	}
	return attach(w, r, "application/json; charset=utf-8", []byte(`{"Protocol":"AutodiscoverV1","Url":"`+s.URL+`/autodiscover/autodiscover.xml"}`+"\n"))
}

func attach(w http.ResponseWriter, r *http.Request, kind string, content []byte) error {
	w.Header().Set("Content-Type", kind)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	return nil
}

// A programsPage shows the services for one mailbox, and to those who look after its domain
// the records that the domain's DNS should have.
type programsPage struct {
	Asked    string // the address that was asked for
	Owner    bool
	Found    bool
	Address  string
	Services []autoconfig.Service
	Profile  bool
	Records  []autoconfig.Record
}

func (s *Server) programs(w http.ResponseWriter, r *http.Request) error {
	found, err := s.settingsOf(r, r.URL.Query().Get("mailbox"))
	if err != nil {
		return err
	}
	page, status := programsPage{Asked: found.Asked, Owner: found.Owner, Address: found.Address}, http.StatusOK
	if site, ok := s.Programs.Site(found.Domain); found.Found && ok {
		_, err := site.Apple(found.Address)
		page.Found, page.Services, page.Profile = true, site.Services, err == nil
		if !found.Owner {
			page.Records = site.Records()
		}
	} else if page.Asked != "" {
		status = http.StatusNotFound
	}
	return s.page(w, r, status, "programs", page)
}

// profile gives an Apple device what it needs to know of a mailbox.
func (s *Server) profile(w http.ResponseWriter, r *http.Request) error {
	found, err := s.settingsOf(r, r.URL.Query().Get("mailbox"))
	if err != nil {
		return err
	}
	site, ok := s.Programs.Site(found.Domain)
	if !found.Found || !ok {
		return errNotFound
	}
	content, err := site.Apple(found.Address)
	if err != nil {
		return errors.Join(errNotFound, err)
	}
	w.Header().Set("Content-Disposition", `attachment; filename="mail.mobileconfig"`)
	return attach(w, r, "application/x-apple-aspen-config", content)
}
