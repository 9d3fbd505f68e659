package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatepost/internal/allowance"
	"gatepost/internal/config"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/signing"
	"gatepost/mailbox"
)

func (a *App) domainOps(h control.Handlers) {
	control.On(h, a.addDomain)
	control.On(h, func(ctx context.Context, q ops.DomainList) ([]ops.Domain, error) {
		s := a.directory.Snapshot()
		all := s.Domains()
		if q.Host != "" {
			host := strings.ToLower(q.Host)
			if _, ok := s.Host(host); !ok {
				return nil, control.NotFound("mail host %s: %v", q.Host, directory.ErrNoHost)
			}
			all = s.Using(host)
		}
		list := []ops.Domain{}
		for _, d := range pageOf(all, q.Page, func(d directory.Domain) string { return d.Name }) {
			shown, err := a.domain(ctx, d)
			if err != nil {
				return nil, err
			}
			list = append(list, shown)
		}
		return list, nil
	})
	control.On(h, func(ctx context.Context, q ops.DomainShow) (ops.Domain, error) {
		name, err := domainName(q.Name)
		if err != nil {
			return ops.Domain{}, err
		}
		d, ok := a.directory.Snapshot().Domain(name)
		if !ok {
			return ops.Domain{}, control.NotFound("domain %s: %v", name, directory.ErrNoDomain)
		}
		return a.warned(ctx, d)
	})
	control.On(h, a.setDomain)
	control.On(h, func(ctx context.Context, q ops.DomainRemove) (ops.Nothing, error) {
		name, err := domainName(q.Name)
		if err != nil {
			return ops.Nothing{}, err
		}
		dom, _ := a.directory.Snapshot().Domain(name)
		if err := a.directory.RemoveDomain(ctx, name); err != nil {
			return ops.Nothing{}, told(err)
		}
		for _, own := range append(slices.Clone(dom.Names), dom.Name) { // whose mail nobody signs any more
			if err := a.keys.Drop(ctx, own, ""); err != nil && !errors.Is(err, signing.ErrNoKey) {
				return ops.Nothing{}, err
			}
		}
		return ops.Nothing{}, a.mailboxes.ForgetWho(ctx, mailbox.DomainWho(name))
	})
}

func (a *App) domain(ctx context.Context, d directory.Domain) (ops.Domain, error) {
	s := a.directory.Snapshot()
	there, err := a.mailboxes.DomainUsage(ctx, d.ID)
	var signs *time.Time
	if !d.SignsReturns.IsZero() {
		signs = &d.SignsReturns
	}
	var rules []string
	for _, way := range directory.Directions() {
		if d.Rules.Of(way) != "" {
			rules = append(rules, string(way))
		}
	}
	return ops.Domain{
		SignsReturns: signs, Shut: texts(d.Shut), ShutPages: texts(d.ShutPages), Rules: rules,
		Name: d.Name, Policy: d.Policy, Disposition: string(d.Disposition), Created: d.Created,
		Mailboxes: s.PeopleCount(d.Name), Aliases: len(s.Aliases(d.Name)),
		Names: texts(d.Names), MailNames: texts(d.MailNames), CatchAll: string(d.CatchAll), Hosts: texts(d.Hosts), Smarthost: d.Smarthost, Lookup: d.Lookup, Login: d.Login,
		Challenge: string(d.Challenge), ChallengeAllow: string(d.Challenged), DigestHours: hoursText(d.DigestHours), Zone: d.Zone,
		Language: d.Language, Owners: texts(d.Owners), LearnOutgoing: string(cmp.Or(d.LearnOutgoing, directory.LearnMailbox)), Outgoing: d.Outgoing,
		Each: ops.Limits(d.Each), AddressList: cmp.Or(string(d.AddressList), "off"), Total: ops.Limits(d.Total), Messages: there.Messages, Bytes: there.Bytes, JunkDays: d.JunkDays, TrashDays: d.TrashDays, ArchiveDays: d.ArchiveDays,
	}, err
}

// warned is domain with what was set and comes to nothing.
func (a *App) warned(ctx context.Context, d directory.Domain) (ops.Domain, error) {
	shown, err := a.domain(ctx, d)
	if d.Challenge != directory.Off && a.config.Load().Web.URL == "" {
		shown.Warnings = append(shown.Warnings, fmt.Sprintf("challenge is %s, but no sender can be told: web.url of the configuration is empty", d.Challenge))
	}
	if text := a.config.Load().Strange(d.Outgoing); text != "" {
		shown.Warnings = append(shown.Warnings, text)
	}
	for _, own := range append([]string{d.Name}, d.Names...) {
		shown.Warnings = append(shown.Warnings, a.keys.Troubles(own)...)
	}
	a.keptBeside(&shown, d)
	return shown, err
}

// keptBeside adds what is kept beside a domain: keys, limits of log-ins, admins.
func (a *App) keptBeside(shown *ops.Domain, d directory.Domain) {
	for _, k := range a.keys.Keys(d.Name) {
		shown.Keys = append(shown.Keys, k.Selector+" "+string(k.State))
	}
	if o := a.allowance.OwnOf(allowance.OfDomain(d.ID)); o != allowance.None() {
		shown.Sends = &ops.SubmissionLimits{Owner: d.Name, PerMinute: o.Minute, PerHour: o.Hour, PerDay: o.Day, Recipients: o.Recipients}
	}
	for _, admin := range a.directory.Snapshot().Admins() {
		if slices.Contains(admin.Domains, d.Name) {
			shown.Admins = append(shown.Admins, admin.Name+" "+string(admin.Role))
		}
	}
}

// noHours stands for digests that are not to be.
const noHours = "none"

func hoursText(hours []int) string {
	if hours != nil && len(hours) == 0 {
		return noHours
	}
	words := make([]string, len(hours))
	for i, h := range hours {
		words[i] = strconv.Itoa(h)
	}
	return strings.Join(words, ",")
}

// parseHours reads what hoursText writes; "" are the node's.
func parseHours(text string) ([]int, error) {
	switch text = strings.TrimSpace(text); text {
	case "":
		return nil, nil
	case noHours:
		return []int{}, nil
	}
	var hours []int
	for word := range strings.SplitSeq(text, ",") {
		h, err := strconv.Atoi(strings.TrimSpace(word))
		if err != nil {
			return nil, control.Misused("digest hours %q; write them like 6,14, or %s", text, noHours)
		}
		hours = append(hours, h)
	}
	return hours, nil
}

func mays(words []string) []directory.May {
	list := make([]directory.May, len(words))
	for i, w := range words {
		list[i] = directory.May(w)
	}
	return list
}

// signReturns has a domain's return paths signed, or not any more. Since when is kept: reports about what left before
// come to plain addresses.
func signReturns(d *directory.Domain, word string, now time.Time) error {
	switch word {
	case "off", "":
		d.SignsReturns = time.Time{}
	case "on":
		if d.SignsReturns.IsZero() {
			d.SignsReturns = now
		}
	default:
		return control.Misused("sign returns %q; it is on or off", word)
	}
	return nil
}

func (a *App) addDomain(ctx context.Context, q ops.DomainAdd) (ops.Domain, error) {
	if err := cmp.Or(a.knownPolicy(q.Policy), a.knownPolicy(q.Outgoing)); err != nil {
		return ops.Domain{}, err
	}
	if err := cmp.Or(a.knownLookup(q.Lookup), a.knowsPasswords(q.Login)); err != nil {
		return ops.Domain{}, err
	}
	hours, err := parseHours(q.DigestHours)
	if err != nil {
		return ops.Domain{}, err
	}
	var returns directory.Domain
	if err := signReturns(&returns, q.SignReturns, a.now()); err != nil {
		return ops.Domain{}, err
	}
	d, err := a.directory.AddDomain(ctx, directory.Domain{
		SignsReturns: returns.SignsReturns, AddressList: directory.AddressList(q.AddressList),
		Name: q.Name, Policy: q.Policy, Disposition: directory.Disposition(q.Disposition),
		Names: q.Names, MailNames: q.MailNames, CatchAll: mail.Path(q.CatchAll), Hosts: q.Hosts, Smarthost: q.Smarthost, Lookup: q.Lookup, Login: q.Login,
		Challenge: directory.Challenge(q.Challenge), Challenged: directory.Allowed(q.ChallengeAllow), DigestHours: hours, Zone: q.Zone,
		Language: q.Language, Owners: mays(q.Owners), LearnOutgoing: directory.Learning(q.LearnOutgoing), Outgoing: q.Outgoing,
		Each:  directory.Limits{Bytes: orZero(q.Quota), Messages: orZero(q.QuotaMessages), Inbound: orZero(q.Inbound), InboundBytes: orZero(q.InboundBytes)},
		Total: directory.Limits{Bytes: orZero(q.Total), Messages: orZero(q.TotalMessages)}, JunkDays: orZero(q.JunkDays), TrashDays: orZero(q.TrashDays), ArchiveDays: orZero(q.ArchiveDays),
	})
	if err != nil {
		return ops.Domain{}, told(err)
	}
	return a.warned(ctx, d)
}

func (a *App) setDomain(ctx context.Context, q ops.DomainSet) (ops.Domain, error) {
	name, err := domainName(q.Name)
	if err != nil {
		return ops.Domain{}, err
	}
	for _, name := range []*string{q.Policy, q.Outgoing} {
		if name == nil {
			continue
		}
		if err := a.knownPolicy(*name); err != nil {
			return ops.Domain{}, err
		}
	}
	if q.Lookup != nil {
		if err := a.knownLookup(*q.Lookup); err != nil {
			return ops.Domain{}, err
		}
	}
	if q.Login != nil {
		if err := a.knowsPasswords(*q.Login); err != nil {
			return ops.Domain{}, err
		}
	}
	hours, owners, shut, err := choices(q)
	if err != nil {
		return ops.Domain{}, err
	}
	d, err := a.directory.ChangeDomain(ctx, name, func(d *directory.Domain) error {
		give(&d.Policy, q.Policy)
		give(&d.Disposition, (*directory.Disposition)(q.Disposition))
		give(&d.Names, q.Names)
		give(&d.MailNames, q.MailNames)
		give(&d.CatchAll, (*mail.Path)(q.CatchAll))
		give(&d.Hosts, q.Hosts)
		give(&d.Smarthost, q.Smarthost)
		if q.Shut != nil {
			d.Shut = services(*q.Shut)
		}
		give(&d.Lookup, q.Lookup)
		give(&d.Login, q.Login)
		give(&d.Challenge, (*directory.Challenge)(q.Challenge))
		give(&d.Challenged, (*directory.Allowed)(q.ChallengeAllow))
		give(&d.DigestHours, hours)
		give(&d.Zone, q.Zone)
		give(&d.Language, q.Language)
		give(&d.Owners, owners)
		give(&d.LearnOutgoing, (*directory.Learning)(q.LearnOutgoing))
		give(&d.Outgoing, q.Outgoing)
		if q.SignReturns != nil {
			if err := signReturns(d, *q.SignReturns, a.now()); err != nil {
				return err
			}
		}
		give(&d.AddressList, (*directory.AddressList)(q.AddressList))
		give(&d.Each.Bytes, q.Quota)
		give(&d.Each.Messages, q.QuotaMessages)
		give(&d.Each.Inbound, q.Inbound)
		give(&d.Each.InboundBytes, q.InboundBytes)
		give(&d.Total.Bytes, q.Total)
		give(&d.Total.Messages, q.TotalMessages)
		give(&d.JunkDays, q.JunkDays)
		give(&d.TrashDays, q.TrashDays)
		give(&d.ArchiveDays, q.ArchiveDays)
		return nil
	})
	if err == nil && q.ShutPages != nil {
		d, err = a.directory.ShutDomainPages(ctx, name, shut, byCommand(ctx))
	}
	if err == nil && q.ArchiveDays != nil {
		err = a.mailboxes.Note(ctx, a.act(ctx, d.Name, mailbox.ActKept, "%s", archiveText(d.ArchiveDays)))
	}
	if err != nil {
		return ops.Domain{}, told(err)
	}
	return a.warned(ctx, d)
}

// archiveText says for how long an archive keeps mail.
func archiveText(days int) string {
	switch {
	case days < 0:
		return "for ever"
	case days == 0:
		return "nothing more is taken"
	}
	return fmt.Sprint(days, " days")
}

// choices reads what a request has of digests and owners, and of the pages that are shut to those.
func choices(q ops.DomainSet) (hours *[]int, owners *[]directory.May, shut []directory.Page, err error) {
	if q.DigestHours != nil {
		list, err := parseHours(*q.DigestHours)
		if err != nil {
			return nil, nil, nil, err
		}
		hours = &list
	}
	if q.Owners != nil {
		list := mays(*q.Owners)
		owners = &list
	}
	shut, err = pages(q.ShutPages)
	return hours, owners, shut, err
}

// knownPolicy refuses a policy that the configuration does not have: a domain
// would silently take the default one.
func (a *App) knownPolicy(name string) error {
	p := a.intake.Policies()
	if name == "" || p.ByName[name] != nil {
		return nil
	}
	return control.Misused("policy %q is not in the configuration", name)
}

// knownLookup refuses a look-up that the configuration does not have: nobody could
// tell which recipients exist.
func (a *App) knownLookup(name string) error {
	known := a.config.Load().Lookups
	if name == "" || name == config.Callout || slices.ContainsFunc(known, func(l config.Lookup) bool { return l.Name == name }) {
		return nil
	}
	return control.Misused("look-up %q is not in the configuration; add it to lookups first, or take %s", name, config.Callout)
}

// knowsPasswords refuses a look-up that can't tell whether a password is right.
func (a *App) knowsPasswords(name string) error {
	known := a.config.Load().Lookups
	at := slices.IndexFunc(known, func(l config.Lookup) bool { return l.Name == name })
	switch {
	case name == "" || at >= 0 && known[at].KnowsPasswords():
		return nil
	case at < 0:
		return control.Misused("look-up %q is not in the configuration; add it to lookups first", name)
	}
	return control.Misused("look-up %q can't tell whether a password is right: it is none of LDAP, and has no password_query", name)
}

// orZero is what a request has, or nothing.
func orZero[T int | int64](given *T) (v T) {
	give(&v, given)
	return v
}

// give sets what a request has.
func give[T any](to, given *T) {
	if given != nil {
		*to = *given
	}
}
