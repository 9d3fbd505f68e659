package acme

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/acme"

	"gatepost/internal/certificate"
)

// order gets a certificate for one name and puts it in force.
func (d *Desk) order(ctx context.Context, c *acme.Client, i certificate.Issued) error {
	ctx, cancel := context.WithTimeout(ctx, orderTime)
	defer cancel()
	private, err := d.key(ctx, i.Name)
	if err != nil {
		return err
	}
	key, err := certificate.ParseKey(private)
	if err != nil {
		return err
	}
	o, err := c.AuthorizeOrder(ctx, acme.DomainIDs(i.Name))
	if err != nil {
		return err
	}
	for _, url := range o.AuthzURLs {
		if err := d.prove(ctx, c, url, i); err != nil {
			return err
		}
	}
	if o, err = c.WaitOrder(ctx, o.URI); err != nil {
		return err
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{i.Name}}, key)
	if err != nil {
		return err
	}
	der, _, err := c.CreateCertFromOrder(ctx, o, csr, true)
	if err != nil {
		return err
	}
	chain, err := d.checked(der, i.Name, key)
	if err != nil {
		return err
	}
	return d.keep(ctx, i, private, chain)
}

// key returns the key that a name's certificate is ordered with, in PKCS #8. One that is new is in the row before.
func (d *Desk) key(ctx context.Context, name string) (private []byte, err error) {
	fresh, err := certificate.NewKey()
	if err != nil {
		return nil, err
	}
	err = d.c.Rows.ChangeIssued(ctx, name, func(i *certificate.Issued) error {
		switch {
		case i.Next != nil && d.c.Now().Sub(i.NextAt) >= certificate.KeyWait:
			private = i.Next
		case i.Private == nil:
			i.Private, private = fresh, fresh
		case i.Chain != nil && !d.c.Reuse && i.Next == nil:
			private = fresh
		default:
			private = i.Private
		}
		return nil
	})
	return private, err
}

// keep puts a certificate in force, whose order began with the row before.
func (d *Desk) keep(ctx context.Context, before certificate.Issued, private, chain []byte) error {
	name, due := before.Name, renewal(chain)
	err := d.c.Rows.ChangeIssued(ctx, name, func(i *certificate.Issued) error {
		if askedMeanwhile(before, *i) {
			due = i.Due
		}
		if bytes.Equal(private, i.Next) {
			i.Next, i.NextAt = nil, time.Time{}
		}
		i.Private, i.Chain, i.Due, i.Tries, i.Problem, i.Tried = private, chain, due, 0, "", d.c.Now()
		return nil
	})
	if err != nil {
		return err
	}
	d.c.Log.Info("acme: a new certificate", "name", name, "until", leafOf(chain).NotAfter, "renewal", due)
	return nil
}

// checked looks at what the authority gave, and returns it in PEM.
func (d *Desk) checked(der [][]byte, name string, key crypto.Signer) ([]byte, error) {
	leaf, err := x509.ParseCertificate(der[0])
	if err != nil {
		return nil, fmt.Errorf("the authority gave no certificate: %w", err)
	}
	public, ok := leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	switch {
	case !ok || !public.Equal(key.Public()):
		return nil, errors.New("the authority gave a certificate for another key")
	case leaf.VerifyHostname(name) != nil:
		return nil, fmt.Errorf("the authority gave a certificate that is not for the name: %w", leaf.VerifyHostname(name))
	case d.c.Now().After(leaf.NotAfter):
		return nil, fmt.Errorf("the authority gave a certificate that ended on %s: compare the clocks", leaf.NotAfter.UTC().Format(time.RFC1123))
	}
	var chain []byte
	for _, one := range der {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: one})...)
	}
	return chain, nil
}

// prove shows the authority that a name is ours, where it does not know already.
func (d *Desk) prove(ctx context.Context, c *acme.Client, url string, i certificate.Issued) error {
	z, err := c.GetAuthorization(ctx, url)
	if err != nil {
		return err
	}
	if z.Status == acme.StatusValid {
		return nil
	}
	challenge, err := d.choose(z, i.Tries)
	if err != nil {
		return err
	}
	proof, err := proofOf(c, challenge, i.Name)
	if err != nil {
		return err
	}
	now := d.c.Now()
	proof.Expires = now.Add(2 * orderTime)
	if err := d.c.Rows.PutProof(ctx, proof, now); err != nil {
		return err
	}
	defer func() { // a proof that stays ends by itself
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTime)
		defer cancel()
		if err := d.c.Rows.DropProof(ctx, proof.Kind, proof.Key); err != nil {
			d.c.Log.Warn("acme: a proof stays until it ends", "name", i.Name, "error", err)
		}
	}()
	if _, err := c.Accept(ctx, challenge); err != nil {
		return err
	}
	_, err = c.WaitAuthorization(ctx, z.URI)
	return tried{challenge.Type, err}.orNil()
}

// choose takes the challenge whose turn it is: after a failure the next one that both sides know.
func (d *Desk) choose(z *acme.Authorization, tries int) (*acme.Challenge, error) {
	var offered []string
	var fit []*acme.Challenge
	for _, c := range z.Challenges {
		offered = append(offered, c.Type)
	}
	for _, kind := range d.c.Challenges {
		if at := slices.Index(offered, kind); at >= 0 {
			fit = append(fit, z.Challenges[at])
		}
	}
	if len(fit) == 0 {
		return nil, fmt.Errorf("the authority offers the challenges %q, and this node answers %q: see tls.acme.challenges, listen.web and listen.webs", offered, d.c.Challenges)
	}
	return fit[tries%len(fit)], nil
}

// proofOf makes what a challenge asks for.
func proofOf(c *acme.Client, challenge *acme.Challenge, name string) (certificate.Proof, error) {
	if challenge.Type == certificate.HTTP01 {
		answer, err := c.HTTP01ChallengeResponse(challenge.Token)
		return certificate.Proof{Kind: certificate.HTTP01, Key: challenge.Token, Answer: []byte(answer)}, err
	}
	cert, err := c.TLSALPN01ChallengeCert(challenge.Token, name)
	if err != nil {
		return certificate.Proof{}, err
	}
	answer, err := pemOf(cert)
	return certificate.Proof{Kind: certificate.TLSALPN01, Key: name, Answer: answer}, err
}

// pemOf writes a certificate and its key.
func pemOf(cert tls.Certificate) ([]byte, error) {
	private, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		return nil, err
	}
	out := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})
	return append(out, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...), nil
}

// A tried is what became of a challenge.
type tried struct {
	kind string
	err  error
}

func (t tried) orNil() error {
	if t.err == nil {
		return nil
	}
	return t
}

// Error names the challenge.
func (t tried) Error() string { return t.kind + ": " + t.err.Error() }

// Unwrap returns what the authority said.
func (t tried) Unwrap() error { return t.err }
