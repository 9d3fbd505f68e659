package filters

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/emersion/go-msgauth/authres"

	"gatepost/pipeline"
)

// rdns asks for the client's name in the DNS and whether that name leads back to the
// client's address (iprev, RFC 8601 §2.7.3). A name that looks as if a provider had
// made it for a customer's line answers "generic": one with the client's address in
// it, in decimal or hexadecimal, forwards or backwards, or with a word such as
// "dynamic", "dhcp", "pool" or "dsl"; unless it also says "static", "mail", "smtp",
// "mx", "mta", "out" or "relay". A client on a private network or loopback that has
// no name answers "private".
type rdns struct {
	resolver Resolver
	looks    nameLooks
}

func rdnsKind(d Deps) pipeline.Kind {
	return pipeline.Kind{
		Name: "rdns", Stage: pipeline.Connect, Scope: pipeline.PerMessage, Waits: true, Told: true,
		Results: []pipeline.Result{
			{Word: "pass", Effect: "none", Doc: "the client has a name that leads back to it"},
			{Word: "nofwd", Effect: "score 1.5", Doc: "it has a name that does not lead back"},
			{Word: "none", Effect: "spam", Doc: "it has no name"},
			{Word: "generic", Effect: "score 1.5", Doc: "its name leads back, but looks like that of a customer's line"},
			{Word: "private", Effect: "none", Doc: "it has no name, nor can be asked for one: a private address"},
			{Word: "temperror", Effect: "none", Doc: "the DNS did not answer"},
		},
		New: func(any) (pipeline.Filter, error) { return rdns{d.Resolver, newNameLooks()}, nil },
	}
}

// Check implements pipeline.Filter.
func (r rdns) Check(ctx context.Context, q pipeline.Query) (pipeline.Finding, error) {
	client := q.Tx.Client.Addr
	a, err := iprevFact(ctx, q.Tx, r.resolver)
	if err != nil {
		return pipeline.Finding{}, err
	}
	return a.told.make(func() pipeline.Finding { return r.judge(a, client) }), nil
}

// judge says what follows from the client's name.
func (r rdns) judge(a iprevAnswer, client netip.Addr) pipeline.Finding {
	f := pipeline.Finding{Result: a.Result, Evidence: a.Seen, Auth: []authres.Result{a.Auth}}
	if a.Name != "" {
		f.Evidence = append(f.Evidence, pipeline.Evidence{Key: "name", Value: a.Name})
	}
	switch {
	case a.Result == "none" && isLocal(client):
		f.Result, f.Reason = "private", fmt.Sprintf("%s is an address of a private network", client)
	case a.Result == "none":
		f.Reason = fmt.Sprintf("%s has no name in the DNS", client)
	case a.Result == "nofwd" && len(a.Names) == 0:
		f.Reason = fmt.Sprintf("what the DNS calls %s is no host's name", client)
	case a.Result == "nofwd":
		f.Reason = fmt.Sprintf("the name of %s, %s, does not lead back to it", client, a.Names[0])
	case a.Result == "temperror":
		f.Reason = fmt.Sprintf("the name of %s could not be looked up", client)
	case r.looks.generic(a.Name, client):
		f.Result, f.Reason = "generic", fmt.Sprintf("%s is named %s, like a customer's line", client, a.Name)
	default:
		f.Reason = client.String() + " is named " + a.Name
	}
	return f
}

// nameLooks tells names that machines made from names that people gave, by the words that
// stand in them between other characters than letters.
type nameLooks struct{ line, server map[string]bool }

func newNameLooks() nameLooks {
	set := func(words string) map[string]bool {
		m := map[string]bool{}
		for _, w := range strings.Fields(words) {
			m[w] = true
		}
		return m
	}
	return nameLooks{
		line: set("dyn dynamic dynip dhcp pool pools ppp pppoe dsl adsl vdsl sdsl xdsl cable dial dialup dialin broadband" +
			" cust customer client clients residential ftth home"),
		server: set("static mail mailout smtp mx mta out outbound relay"),
	}
}

// has reports whether one of the words stands in a name.
func has(words map[string]bool, name string) bool {
	for i := 0; i < len(name); i++ {
		begin := i
		for i < len(name) && name[i] >= 'a' && name[i] <= 'z' {
			i++
		}
		if words[name[begin:i]] {
			return true
		}
	}
	return false
}

// generic reports whether a name looks like that of a customer's line.
func (l nameLooks) generic(name string, client netip.Addr) bool {
	name = strings.ToLower(name)
	host := strings.TrimSuffix(name, organisation(name))
	if has(l.server, host) {
		return false
	}
	return has(l.line, host) || hasAddress(host, client)
}

// hasAddress reports whether the name holds the address: its octets with any signs
// between them or padded to three digits, in either order, or its hexadecimal digits.
func hasAddress(host string, client netip.Addr) bool {
	if client.Is6() {
		b := client.As16()
		digits := strings.Map(hexOnly, host)
		return strings.Contains(digits, fmt.Sprintf("%x", b[:8])) || strings.Contains(digits, fmt.Sprintf("%x", b[8:]))
	}
	b := client.As4()
	for _, o := range [][4]byte{b, {b[3], b[2], b[1], b[0]}} {
		if strings.Contains(host, fmt.Sprintf("%02x%02x%02x%02x", o[0], o[1], o[2], o[3])) ||
			strings.Contains(host, fmt.Sprintf("%03d%03d%03d%03d", o[0], o[1], o[2], o[3])) ||
			hasOctets(host, o) {
			return true
		}
	}
	return false
}

// hasOctets looks for the four numbers, one after the other, in the name.
func hasOctets(host string, o [4]byte) bool {
	numbers := strings.FieldsFunc(host, func(r rune) bool { return r < '0' || r > '9' })
	for i := 0; i+4 <= len(numbers); i++ {
		n := 0
		for n < 4 && strings.TrimLeft(numbers[i+n], "0") == strings.TrimLeft(fmt.Sprint(o[n]), "0") {
			n++
		}
		if n == 4 {
			return true
		}
	}
	return false
}

func hexOnly(r rune) rune {
	if '0' <= r && r <= '9' || 'a' <= r && r <= 'f' {
		return r
	}
	return -1
}
