package main

import (
	"context"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

func certificateHandlers(h control.Handlers) {
	since, until, renewal := at(0), at(4), at(3)
	own := ops.Certificate{
		Names: []string{"mx.example.org"}, From: "acme", Own: true, Issuer: "Authority R1", Since: &since, Until: &until, Renewal: &renewal,
		TLSA: []string{"3 1 1 00ff", "3 1 1 11ff"},
	}
	late := ops.Certificate{
		Names: []string{"mail.customer.example"}, From: "acme", Renewal: &renewal,
		Problem: "port 80 of mail.customer.example does not lead to listen.web of this node (order 2 in a row that failed)",
	}
	control.On(h, answer[ops.CertificateList]([]ops.Certificate{own, late, {From: "/etc/ssl/a.pem", Problem: "open /etc/ssl/a.pem: no such file or directory"}}))
	control.On(h, answer[ops.CertificateShow]([]ops.Certificate{own}))
	control.On(h, func(_ context.Context, r ops.CertificateRenew) ([]ops.Certificate, error) {
		return nil, control.NotFound("no certificate is ordered for %s", r.Name)
	})
	control.On(h, answer[ops.CertificateRekey]([]ops.Certificate{own}))
}
