package filters

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// helo looks at what the client calls itself (RFC 5321 §4.1.1.1): it should be its full
// name in the DNS, or its address in brackets. A client that gives this node's own name
// or address lies about who it is. What else is wrong costs points: a name that follows no
// syntax, an address without brackets, "localhost", a name without a dot, another's
// address in brackets. A name that is right and unlike the client's name in the DNS, and
// that does not lead to it, costs least: mail must not be refused for that alone (§4.1.4).
// Programs on this machine may use its name. On a private network others may bear it
// rightly, such as a server in front of a container: they get what their greeting else
// deserves. A client that has logged in is not judged: it is somebody's telephone.
type helo struct {
	resolver Resolver
	hostname string
}

func heloKind(d Deps) pipeline.Kind {
	return pipeline.Kind{
		Name: "helo", Stage: pipeline.Helo, Scope: pipeline.PerMessage, Waits: true, Told: true, Timeout: 2 * iprevLimit,
		Results: []pipeline.Result{
			{Word: "pass", Effect: "none", Doc: "it is the client's name or address"},
			{Word: "ours", Effect: "spam", Doc: "it is this node's name or address"},
			{Word: "malformed", Effect: "score 2", Doc: "it is neither a name nor an address in brackets"},
			{Word: "bare-ip", Effect: "score 2", Doc: "it is an address without brackets"},
			{Word: "localhost", Effect: "score 2", Doc: "it is a name or an address that everybody has"},
			{Word: "literal", Effect: "score 2", Doc: "it is another's address"},
			{Word: "short", Effect: "score 1", Doc: "it is a name without a dot"},
			{Word: "unlike", Effect: "score 0.5", Doc: "it is a name that is not the client's in the DNS, and does not lead to it"},
			{Word: "none", Effect: "none", Doc: "the client has logged in"},
			{Word: "temperror", Effect: "none", Doc: "the DNS did not answer"},
		},
		New: func(any) (pipeline.Filter, error) {
			return helo{d.Resolver, strings.ToLower(strings.TrimSuffix(d.Hostname, "."))}, nil
		},
	}
}

// Check implements pipeline.Filter.
func (h helo) Check(ctx context.Context, q pipeline.Query) (pipeline.Finding, error) {
	if !q.Tx.Client.Login.IsNull() {
		return pipeline.Finding{Result: "none", Reason: "the client has logged in"}, nil
	}
	if f := h.form(q.Tx.Client); f.Result != "" {
		return f, nil
	}
	return h.compared(ctx, q.Tx)
}

// maxHelo bounds what is looked at: a name has at most 255 octets (RFC 5321 §4.5.3.1.2).
const maxHelo = 255

// form judges what needs no DNS; no result means that it is a name, and may be right.
func (h helo) form(c mail.Client) pipeline.Finding {
	said, quoted := c.Helo, fmt.Sprintf("%.100q", c.Helo[:min(len(c.Helo), 2*maxHelo)])
	found := func(result, format string, args ...any) pipeline.Finding {
		return pipeline.Finding{Result: result, Reason: fmt.Sprintf(format, args...)}
	}
	if len(said) > maxHelo {
		return found("malformed", "the client's HELO is %d octets long", len(said))
	}
	addr, literal := literalAddr(said)
	bare, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(strings.ToLower(said), "ipv6:"), "."))
	if err == nil {
		addr = mail.Unmap(bare)
	}
	name, nameErr := heloName(said)
	switch {
	case h.ours(name, addr, c):
		return found("ours", "the client says that it is %s, which is this server", quoted)
	case err == nil:
		return found("bare-ip", "the client calls itself %s, an address without brackets", quoted)
	case literal && addr == c.Addr:
		return found("pass", "the client gives its address, %s", quoted)
	case literal && (addr.IsLoopback() || addr.IsUnspecified()), isLocalhost(name) && !c.Addr.IsLoopback():
		return found("localhost", "the client calls itself %s, as any machine may", quoted)
	case literal:
		return found("literal", "the client calls itself %s, and is %s", quoted, c.Addr)
	case nameErr != nil:
		return found("malformed", "the client calls itself %s, which is no name", quoted)
	case isLocalhost(name):
		return found("pass", "the client is on this machine")
	case !strings.Contains(name, "."):
		return found("short", "the client calls itself %s, which is not a full name", quoted)
	}
	return pipeline.Finding{}
}

// ours reports whether what the client says is this node's name or address. A program on
// this machine says so rightly, and perhaps a client on a private network: containers share
// the name of their host.
func (h helo) ours(name string, addr netip.Addr, c mail.Client) bool {
	own := mail.Unmap(c.Local.Addr())
	if isLocal(c.Addr) || c.Addr == own {
		return false
	}
	return name != "" && name == h.hostname || addr.IsValid() && addr == own
}

// heloName returns the domain that a HELO says, in lower case, without a final dot: ""
// and no error for an address literal. It is of ASCII (RFC 6531 §3.7.1 has A-labels
// there), and its last label is not a number (RFC 3696 §2), which no domain's is.
func heloName(said string) (string, error) {
	if strings.HasPrefix(said, "[") {
		_, err := mail.ParseDomain(said)
		return "", err
	}
	if i := strings.IndexFunc(said, func(r rune) bool { return r > '~' || r <= ' ' }); i >= 0 {
		return "", fmt.Errorf("octet %d of HELO is not a name's", i)
	}
	name, err := mail.ParseDomain(said)
	if err != nil {
		return "", fmt.Errorf("HELO: %w", err)
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	if strings.Trim(last, "0123456789") == "" {
		return "", fmt.Errorf("HELO: no domain ends in .%s", last)
	}
	return name, nil
}

func isLocalhost(name string) bool {
	return name == "localhost" || name == "localhost.localdomain" || strings.HasSuffix(name, ".localhost") // RFC 6761 §6.3
}

// compared judges a name by the client's in the DNS, or, where it is none of those, by the
// addresses that it leads to.
func (h helo) compared(ctx context.Context, tx *pipeline.Transaction) (pipeline.Finding, error) {
	name, _ := heloName(tx.Client.Helo)
	reverse, err := iprevFact(ctx, tx, h.resolver)
	if err != nil {
		return pipeline.Finding{}, err
	}
	if slices.ContainsFunc(reverse.Names, func(n string) bool { return sameName(n, name) }) || aligned(reverse.Name, name) {
		return pipeline.Finding{Result: "pass", Reason: fmt.Sprintf("%s is the client's name", name)}, nil
	}
	var s seen
	addrs, err := h.resolver.LookupNetIP(ctx, "ip", name)
	s.add("address "+name, texts(addrs), err)
	f := pipeline.Finding{Evidence: append(s.evidence(), pipeline.Evidence{Key: "names", Value: shorten(strings.Join(reverse.Names, " | "))})}
	switch {
	case slices.ContainsFunc(addrs, func(a netip.Addr) bool { return mail.Unmap(a) == tx.Client.Addr }):
		f.Result, f.Reason = "pass", fmt.Sprintf("%s leads to the client", name)
	case err != nil && !notFound(err):
		f.Result, f.Reason = pipeline.TempError, fmt.Sprintf("the address of %s could not be looked up", name)
	case reverse.Result == "temperror":
		f.Result, f.Reason = pipeline.TempError, fmt.Sprintf("the name of %s could not be looked up", tx.Client.Addr)
	default:
		f.Result, f.Reason = "unlike", fmt.Sprintf("the client calls itself %s, which the DNS does not call it", name)
	}
	return f, nil
}

func sameName(a, b string) bool {
	return strings.EqualFold(strings.TrimSuffix(a, "."), strings.TrimSuffix(b, "."))
}
