package app

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
)

// operations is what can be asked of a node: by commands today, whether a server
// runs or not, and by console and API later. One function an operation.
func (a *App) operations() control.Handlers {
	h := control.Handlers{}
	a.domainOps(h)
	a.domainRulesOps(h)
	a.dkimOps(h)
	a.certificateOps(h)
	control.On(h, a.records)
	a.mailboxOps(h)
	a.appPasswordOps(h)
	a.sieveOps(h)
	a.vacationOps(h)
	a.adminOps(h)
	control.On(h, a.auditList)
	a.sessionOps(h)
	a.recoveryOps(h)
	a.hostOps(h)
	a.collectorOps(h)
	a.importOps(h)
	a.aliasOps(h)
	a.forwardOps(h)
	a.distributionOps(h)
	a.shareOps(h)
	a.groupOps(h)
	a.archiveOps(h)
	a.listOps(h)
	a.banOps(h)
	a.trustOps(h)
	a.quarantineOps(h)
	a.journalOps(h)
	a.greylistOps(h)
	a.packOps(h)
	a.queueOps(h)
	a.submissionOps(h)
	a.senderOps(h)
	control.On(h, a.dnsLists)
	control.On(h, a.engineList)
	a.complaintOps(h)
	a.dmarcOps(h)
	a.learnOps(h)
	a.bayesOps(h)
	a.proposalOps(h)
	a.fingerprintOps(h)
	a.privacyOps(h)
	control.On(h, a.explain)
	control.On(h, a.explainPolicy)
	control.On(h, a.route)
	control.On(h, a.checkStore)
	control.On(h, a.backup)
	control.On(h, a.reload)
	control.On(h, a.logLevel)
	control.On(h, nobodyServes)
	return h
}

// told gives an error of the directory the kind that decides a command's exit
// status: what does not exist is not found, what could never be is misuse.
func told(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, directory.ErrNoDomain), errors.Is(err, directory.ErrNoMailbox), errors.Is(err, directory.ErrNoAlias),
		errors.Is(err, directory.ErrNoHost), errors.Is(err, directory.ErrNoEntry), errors.Is(err, directory.ErrNoApp), errors.Is(err, directory.ErrNoAdmin), errors.Is(err, directory.ErrNoSender):
		return control.NotFound("%v", err)
	case errors.Is(err, directory.ErrInvalid), errors.Is(err, mail.ErrPath), errors.Is(err, directory.ErrPassword), errors.Is(err, directory.ErrOutranked):
		return control.Misused("%v", err)
	}
	return err
}

func path(s string) (mail.Path, error) {
	p, err := mail.ParsePath(s)
	if err == nil && p.IsNull() {
		err = fmt.Errorf("%w: empty", mail.ErrPath)
	}
	if err != nil {
		return "", control.Misused("%v", err)
	}
	return p.Fold(), nil
}

// spelled is an address to search for, in the spelling in which addresses are
// kept; what is none is searched for as it stands.
func spelled(s string) mail.Path {
	if p, err := mail.ParsePath(s); err == nil {
		return p
	}
	return mail.Path(s)
}

// spelledDomain is the same for a domain.
func spelledDomain(s string) string {
	if name, err := mail.ParseDomain(s); err == nil {
		return name
	}
	return s
}

// domainName reads the name of a domain, in U-labels or A-labels.
func domainName(s string) (string, error) {
	d, err := mail.ParseDomain(s)
	if err != nil {
		return "", control.Misused("%v", err)
	}
	return d, nil
}

// askedDomain is the domain of ours that a list is asked for, by any of its names; "" where none is.
func (a *App) askedDomain(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	name, err := domainName(text)
	if err != nil {
		return "", err
	}
	d, ok := a.directory.Snapshot().Domain(name)
	if !ok {
		return "", control.NotFound("domain %s: %v", name, directory.ErrNoDomain)
	}
	return d.Name, nil
}

// targets are addresses as they were given: the directory says what is wrong with
// them, and keeps the spelling of those that are not ours.
func targets(given []string) []mail.Path {
	list := make([]mail.Path, len(given))
	for i, g := range given {
		list[i] = mail.Path(g)
	}
	return list
}

func texts[S ~string](list []S) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return out
}

// pageOf cuts one page out of a list that is in the order of its ids.
func pageOf[T any](list []T, p ops.Page, id func(T) string) []T {
	if p.After != "" {
		at, there := slices.BinarySearchFunc(list, p.After, func(t T, after string) int { return strings.Compare(id(t), after) })
		if there {
			at++
		}
		list = list[at:]
	}
	if p.Limit > 0 && len(list) > p.Limit {
		list = list[:p.Limit]
	}
	return list
}
