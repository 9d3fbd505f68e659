package relay

import (
	"strings"

	"gatepost/internal/mail"
	"gatepost/internal/queue"
)

// A wish is what a message itself asks of the way that it goes (RFC 8689).
type wish uint8

const (
	asPublished wish = iota // what the recipients' domain asks, and no more
	waived                  // TLS-Required: No: whatever the domain's policies ask
	required                // REQUIRETLS: by servers that are proven, in TLS, and promise the same
)

// wishOf reads the wish of a message. Who required TLS did not waive it (RFC 8689 §4.1).
func wishOf(job queue.Job) wish {
	switch {
	case job.Message.Params.RequireTLS:
		return required
	case waives(job.Content):
		return waived
	}
	return asPublished
}

// waives reports whether a message asks to be sent without regard to the policies of
// its recipients' domains: a report that TLS is broken there, say.
func waives(content *mail.Message) bool {
	if content == nil {
		return false
	}
	fields := content.Header().All("TLS-Required")
	return len(fields) == 1 && strings.EqualFold(fields[0], "No")
}

// prove has a target prove who it is, where its name can be relied upon. It is not reported, as nobody
// published that it should; and what it fails at says nothing of how other mail gets there.
func prove(t target) target {
	if t.tls == may || t.tls == encrypt {
		t.tls, t.level, t.policy, t.host = verify, levelVerified, nil, ""
	}
	return t
}

// proving leaves of the servers of a domain elsewhere those that can be proven to be the domain's (RFC 8689
// §4.2.1): DNSSEC vouches for the record that names them, or a policy of MTA-STS. unknown says why such a policy,
// which is announced, is not known: it may be later.
func proving(found []target, w way, unknown error) (list []target, failed error) {
	for _, t := range found {
		if t.tls == dane || t.tls == verify || w.secure {
			list = append(list, prove(t))
		}
	}
	switch {
	case len(list) > 0 || len(found) == 0:
		return list, nil
	case unknown != nil: // the log has why: it is not for whoever made us look there
		return nil, &noWay{"4.7.5", "the message came with REQUIRETLS (RFC 8689), and the MTA-STS policy of " + w.domain + " can't be had now"}
	}
	return nil, &noWay{"5.7.30", "the message came with REQUIRETLS (RFC 8689), and nothing vouches for the mail servers of " + w.domain +
		": its MX records are not signed (DNSSEC), and it has no MTA-STS policy in mode enforce"}
}

// noRequireTLS says why a server can't have a message that came with REQUIRETLS; false: it can.
func (c *client) noRequireTLS() (queue.Reply, bool) {
	said := queue.Reply{Host: c.target.String(), Enhanced: "5.7.30", Command: "EHLO"}
	switch {
	case !c.secured:
		said.Enhanced, said.Text = "5.7.10", "the message came with REQUIRETLS (RFC 8689), and the connection to the server is in the clear"
	case !c.has("REQUIRETLS"):
		said.Text = "the message came with REQUIRETLS (RFC 8689), and the server does not promise to keep to that"
	default:
		return queue.Reply{}, false
	}
	return said, true
}
