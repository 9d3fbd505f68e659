package directory

import (
	"fmt"
	"slices"
)

// A Service is a door by which owners reach their mailboxes, or send.
type Service string

// Services.
const (
	ServiceIMAP       Service = "imap"
	ServicePOP3       Service = "pop3"
	ServiceSieve      Service = "sieve" // ManageSieve
	ServiceSubmission Service = "submission"
	ServiceWeb        Service = "web" // the pages
)

// Services are all of them.
func Services() []Service {
	return []Service{ServiceIMAP, ServicePOP3, ServiceSieve, ServiceSubmission, ServiceWeb}
}

// Serves reports whether a mailbox is in use and a service is open to its owner: neither the mailbox nor
// its domain has it shut. One that is gone is served nothing. ManageSieve is shut with pages that scripts could stand for, too.
func (s *Snapshot) Serves(box int64, service Service) bool {
	m, ok := s.Box(box)
	if !ok || service == ServiceSieve && s.scriptsShut(box) {
		return false
	}
	return m.State == Active && !slices.Contains(m.Shut, service) && !s.domainShuts(m, service)
}

func (s *Snapshot) domainShuts(m Mailbox, service Service) bool {
	d, ok := s.Domain(m.Address.Domain())
	return ok && slices.Contains(d.Shut, service)
}

// checkedServices returns services in their order, each once.
func checkedServices(list []Service) (clean []Service, err error) {
	for _, one := range list {
		if !slices.Contains(Services(), one) {
			return nil, fmt.Errorf("%w: service %q; there are imap, pop3, sieve, submission and web", ErrInvalid, one)
		}
	}
	for _, one := range Services() {
		if slices.Contains(list, one) {
			clean = append(clean, one)
		}
	}
	return clean, nil
}

func checkShut(d *Domain) (err error) {
	d.Shut, err = checkedServices(d.Shut)
	return err
}
