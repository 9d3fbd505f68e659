package app

import (
	"context"
	"slices"
	"time"

	"gatepost/internal/certificate"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

func (a *App) certificateOps(h control.Handlers) {
	control.On(h, func(ctx context.Context, _ ops.CertificateList) ([]ops.Certificate, error) {
		return a.shownCertificates(ctx, "")
	})
	control.On(h, func(ctx context.Context, q ops.CertificateShow) ([]ops.Certificate, error) {
		name, err := domainName(q.Name)
		if err != nil {
			return nil, err
		}
		list, err := a.shownCertificates(ctx, name)
		if err == nil && len(list) == 0 {
			err = control.NotFound("no certificate is for %s: who asks for it gets the node's own; gatepost certificate list has all", name)
		}
		return list, err
	})
	control.On(h, func(ctx context.Context, q ops.CertificateRenew) ([]ops.Certificate, error) {
		return a.changeCertificate(ctx, q.Name, func(i *certificate.Issued) error {
			i.Due = a.now()
			return nil
		})
	})
	control.On(h, func(ctx context.Context, q ops.CertificateRekey) ([]ops.Certificate, error) {
		return a.changeCertificate(ctx, q.Name, func(i *certificate.Issued) error { return rekey(i, q.Now, a.now()) })
	})
}

// rekey gives a name a key that takes the place of its own.
func rekey(i *certificate.Issued, now bool, at time.Time) (err error) {
	if i.Chain == nil {
		return control.Misused("%s has no certificate yet; its key is not in use", i.Name)
	}
	if i.Next == nil {
		if i.Next, err = certificate.NewKey(); err != nil {
			return err
		}
		i.NextAt = at
	} else if !now {
		return control.Misused("a new key of %s waits already, since %s; gatepost certificate show %s has its TLSA record", i.Name, i.NextAt.UTC().Format(time.RFC3339), i.Name)
	}
	if now {
		i.NextAt, i.Due = at.Add(-certificate.KeyWait), at
	}
	return nil
}

// changeCertificate changes the row of a name for which an authority is asked, and returns what there is for it then.
func (a *App) changeCertificate(ctx context.Context, of string, change func(*certificate.Issued) error) ([]ops.Certificate, error) {
	name, err := domainName(of)
	if err != nil {
		return nil, err
	}
	if err := a.readCertificates(ctx); err != nil {
		return nil, err
	}
	if !slices.Contains(a.orderedNames(), name) {
		return nil, control.NotFound("no certificate is ordered for %s: that is done for the hostname, tls.acme.names and domains' --mail-name, where tls.acme.directory is set and no file of tls has the name", name)
	}
	if err := a.store.Certificates().ChangeIssued(ctx, name, change); err != nil {
		return nil, err
	}
	return a.shownCertificates(ctx, name)
}

// shownCertificates are those of a name, of all where it is "", with names that wait for their first order.
func (a *App) shownCertificates(ctx context.Context, name string) ([]ops.Certificate, error) {
	if err := a.readCertificates(ctx); err != nil {
		return nil, err
	}
	if err := a.certificates.Follow(ctx); err != nil {
		return nil, err
	}
	states, ordered := a.certificates.List(), a.orderedNames()
	for _, n := range ordered {
		if !slices.ContainsFunc(states, func(s certificate.State) bool { return s.From == certificate.FromACME && slices.Contains(s.Names, n) }) {
			states = append(states, certificate.State{Names: []string{n}, From: certificate.FromACME, Problem: "it waits for its first order"})
		}
	}
	list := []ops.Certificate{}
	for _, s := range states {
		if name != "" && !s.For(name) {
			continue
		}
		if s.From == certificate.FromACME && s.Problem == "" && !slices.Contains(ordered, s.Names[0]) {
			s.Problem = "nobody wants it any more: it is not renewed, and goes when it has ended"
		}
		list = append(list, ops.Certificate{
			Names: texts(s.Names), From: s.From, Own: s.Own, Issuer: s.Issuer, TLSA: texts(s.TLSA), Problem: s.Problem,
			Since: orNoTime(s.Since), Until: orNoTime(s.Until), Renewal: orNoTime(s.Due),
		})
	}
	return list, nil
}

// orNoTime is nil for no time.
func orNoTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
