// Package autoconfig tells mail programs where a domain's mailboxes are, in the words of
// each: Thunderbird's autoconfig, Outlook's Autodiscover, Apple's configuration profiles,
// and SRV records for the domain's DNS (RFC 6186, RFC 8314, RFC 5804).
//
// All are made of one list of Services, in the order in which an admin prefers them. None
// of it says whether a mailbox is there: who asks is told of the domain, with the address
// that he brought.
package autoconfig

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// A Service is one way to a mailbox, as its owner's program reaches it.
type Service struct {
	Protocol Protocol
	Host     string
	Port     int
}

// A Protocol is a service's name, which is the scheme of its URL. Those with an s at the
// end have TLS from the first byte, the others by STARTTLS or STLS.
type Protocol string

// The protocols.
const (
	IMAP        Protocol = "imap"
	IMAPS       Protocol = "imaps"
	POP3        Protocol = "pop3"
	POP3S       Protocol = "pop3s"
	Submission  Protocol = "submission"
	Submissions Protocol = "submissions"
	Sieve       Protocol = "sieve"
)

// A fact is what is fixed about a protocol.
type fact struct {
	protocol Protocol
	port     int
	srv      string // RFC 6186 §3, RFC 8314 §5.1, RFC 5804 §1.8
}

var facts = [...]fact{
	{IMAPS, 993, "_imaps._tcp"}, {IMAP, 143, "_imap._tcp"}, {POP3S, 995, "_pop3s._tcp"}, {POP3, 110, "_pop3._tcp"},
	{Submissions, 465, "_submissions._tcp"}, {Submission, 587, "_submission._tcp"}, {Sieve, 4190, "_sieve._tcp"},
}

// Implicit reports whether TLS comes first.
func (p Protocol) Implicit() bool { return p == IMAPS || p == POP3S || p == Submissions }

// Kind is what a program does by it: "imap", "pop3", "smtp" or "sieve".
func (p Protocol) Kind() string {
	if p == Submission || p == Submissions {
		return "smtp"
	}
	return strings.TrimSuffix(string(p), "s")
}

// ParseService reads a service as an admin writes it: imaps://mail.example.org, or with
// the port where it is not the protocol's own.
func ParseService(s string) (Service, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || strings.TrimSuffix(u.Path, "/") != "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return Service{}, fmt.Errorf("%q is not a service; write it like imaps://mail.example.org or submission://mail.example.org:587", s)
	}
	for _, f := range facts {
		if string(f.protocol) != u.Scheme {
			continue
		}
		port, err := strconv.ParseUint(cmp.Or(u.Port(), strconv.Itoa(f.port)), 10, 16)
		if err != nil || port == 0 || u.Hostname() == "" {
			return Service{}, fmt.Errorf("%q: not a host and port", s)
		}
		return Service{f.protocol, strings.ToLower(u.Hostname()), int(port)}, nil
	}
	return Service{}, fmt.Errorf("%q: no service %s; there are imaps, imap, pop3s, pop3, submissions, submission and sieve", s, u.Scheme)
}

// String returns the service as ParseService reads it.
func (s Service) String() string {
	return string(s.Protocol) + "://" + net.JoinHostPort(s.Host, strconv.Itoa(s.Port))
}

// A Site is where the mailboxes of a domain are.
type Site struct {
	Domain   string // as it is written in addresses: of the mailboxes
	Name     string // of who runs it, for people
	Web      string // base of the pages, https://…; "": there are none
	Services []Service
}

// of returns the services of a kind, best first.
func (s Site) of(kinds ...string) (list []Service) {
	for _, service := range s.Services {
		if slices.Contains(kinds, service.Protocol.Kind()) {
			list = append(list, service)
		}
	}
	return list
}

// A Record is one that the domain's DNS should have, in the form of a zone file (RFC 1035 §5.1).
type Record struct{ Name, Type, Data string }

// String returns the record's line.
func (r Record) String() string { return r.Name + " IN " + r.Type + " " + r.Data }

// Records returns the records by which programs find the services, those of the first
// services with the lowest priority number. A protocol that is not offered says so with
// the target "." (RFC 6186 §3.4).
func (s Site) Records() (list []Record) {
	for _, f := range facts {
		name, there := f.srv+"."+s.Domain+".", false
		for i, service := range s.Services {
			if service.Protocol == f.protocol {
				list = append(list, Record{name, "SRV", fmt.Sprintf("%d 1 %d %s.", 10*(i+1), service.Port, service.Host)})
				there = true
			}
		}
		if !there {
			list = append(list, Record{name, "SRV", "0 0 0 ."})
		}
	}
	if u, err := url.Parse(s.Web); s.Web != "" && err == nil {
		host, port := u.Hostname()+".", cmp.Or(u.Port(), "443")
		list = append(list, Record{"_autodiscover._tcp." + s.Domain + ".", "SRV", "0 0 " + port + " " + host})
		if port == "443" {
			list = append(list, Record{"autoconfig." + s.Domain + ".", "CNAME", host})
		}
	}
	return list
}
