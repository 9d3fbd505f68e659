package app

import (
	"context"
	"crypto/x509"
	"path/filepath"
	"slices"
	"time"

	"gatepost/internal/acme"
	"gatepost/internal/certificate"
	"gatepost/internal/config"
)

// openCertificates makes what has the certificates. Files are read when something listens, or somebody asks.
func (a *App) openCertificates(_ context.Context, c *config.Config) error {
	a.certificates = certificate.New(certificate.Config{
		Hostname: c.Hostname, Self: filepath.Join(c.Data, selfSigned), Rows: a.store.Certificates(), Log: a.log, Now: func() time.Time { return a.now() },
	})
	return nil
}

// readCertificates has them read where they were not yet.
func (a *App) readCertificates(ctx context.Context) error {
	return a.certificates.Open(ctx, certificateFiles(a.config.Load()))
}

// serveCertificates is readCertificates for who shows them.
func (a *App) serveCertificates(ctx context.Context) error {
	if err := a.readCertificates(ctx); err != nil {
		return err
	}
	a.beside = append(a.beside, service{name: "certificates", run: func(ctx context.Context) error { a.certificates.Run(ctx); return nil }})
	a.metrics.Gauge("certificate_left_seconds", "Time until the first of the certificates ends that this node shows.",
		func() float64 { return a.certificates.Left().Seconds() })
	a.metrics.Gauge("certificate_troubles", "Certificates that end soon or have ended, files that can't be used, and names for which an order failed.",
		func() float64 { return float64(len(a.certificates.Troubles())) })
	return nil
}

// certificateFiles are those that a configuration names.
func certificateFiles(c *config.Config) certificate.Files {
	f := certificate.Files{Own: certificate.Pair{Cert: c.TLS.Cert, Key: c.TLS.Key}}
	for _, p := range c.TLS.Certificates {
		f.More = append(f.More, certificate.Pair(p))
	}
	return f
}

// tellMissing warns of names whose certificates listeners are to show and that there is none for.
func (a *App) tellMissing(c *config.Config) {
	for _, name := range c.Listen.Certificates() {
		if !a.certificates.Has(name) {
			a.log.Warn("no certificate is for the name that a listener is to show: until there is, it shows the node's own to who asks for no other", "certificate", name)
		}
	}
}

// orderCertificates asks the authority for what is due, if there is one.
func (a *App) orderCertificates(ctx context.Context) error {
	acme.Run(ctx, a.log, a.authority)
	return nil
}

// authority says whom to ask for certificates; nil: nobody.
func (a *App) authority() *acme.Config {
	c := a.config.Load()
	if c.TLS.ACME.Directory == "" {
		return nil
	}
	return &acme.Config{
		Directory: c.TLS.ACME.Directory, Contact: c.TLS.ACME.Contact, KeyID: c.TLS.ACME.EABKeyID, MAC: c.TLS.ACME.MAC,
		Authority:  func() (*x509.CertPool, error) { return authorities("tls.acme.ca", c.TLS.ACME.CA) },
		Challenges: c.Answers(), Reuse: c.TLS.ACME.ReuseKey,
		Names: a.orderedNames, Ordered: a.certificates.Ordered, Rows: a.store.Certificates(),
		Agent: "gatepost", Log: a.log, Now: a.now,
	}
}

// orderedNames are those for which the authority is asked: this node's, those of the configuration and of domains,
// but for those that a file is for.
func (a *App) orderedNames() []string {
	c := a.config.Load()
	if c.TLS.ACME.Directory == "" {
		return nil
	}
	names := slices.Concat([]string{c.Hostname}, c.TLS.ACME.Names, c.Listen.Certificates())
	for _, d := range a.directory.Snapshot().Domains() {
		names = append(names, d.MailNames...)
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), a.certificates.HasFile)
}
