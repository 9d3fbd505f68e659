package config

import (
	"net/url"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// An IdentityProvider is a system whose tokens open mailboxes.
type IdentityProvider struct {
	Name             string
	Issuer           string   // URL, exactly as it stands in tokens
	Audience         []string // of which a token names one
	Scope            string   // what a token must allow, parted by spaces; "": nothing more
	Claim            string   // of a token, with the mailbox's address
	Domains          []string // whose mailboxes it may open, in A-labels after Load; "*": all
	Keys             string   // URL of its key set, "": as its metadata says
	Introspection    string   // URL, "": tokens are verified by keys
	ClientID         string   // with which it is asked there
	ClientSecretFile string   // holds the secret alone
	CA               string   // PEM file, "": the system's authorities
	Line             int      // where it stands
}

// identityList is the path of the list of providers.
const identityList = "identity_providers"

// maxProviders bounds how many there are.
const maxProviders = 1000

// identityProviders reads the list; what is wrong is told with its line.
func (l *loader) identityProviders(file string, n *yaml.Node) (list []IdentityProvider) {
	for _, item := range l.items(file, identityList, n) {
		at := place{file, item.Line}
		if item.Kind != yaml.MappingNode {
			l.problems.add(at, "an identity provider is a mapping with name, issuer, audience and domains")
			continue
		}
		p := l.identityProvider(file, item)
		switch {
		case slices.ContainsFunc(list, func(o IdentityProvider) bool { return o.Name == p.Name }):
			l.problems.add(at, "an identity provider named %q is there already", p.Name)
		case slices.ContainsFunc(list, func(o IdentityProvider) bool { return o.Issuer == p.Issuer }):
			l.problems.add(at, "the issuer %q is there already: name all domains and audiences there", p.Issuer)
		case len(list) == maxProviders:
			l.problems.add(at, "more than %d identity providers", maxProviders)
		}
		list = append(list, p)
	}
	return list
}

func (l *loader) identityProvider(file string, n *yaml.Node) IdentityProvider {
	p := IdentityProvider{Line: n.Line, Claim: "email"}
	texts := map[string]*string{
		"name": &p.Name, "issuer": &p.Issuer, "scope": &p.Scope, "claim": &p.Claim, "keys": &p.Keys, "introspection": &p.Introspection,
		"client_id": &p.ClientID, "client_secret_file": &p.ClientSecretFile, "ca": &p.CA,
	}
	lists := map[string]*[]string{"audience": &p.Audience, "domains": &p.Domains}
	known := []string{"audience", "domains"}
	for name := range texts {
		known = append(known, name)
	}
	slices.Sort(known)
	for key, value := range l.pairs(file, "an identity provider", n) {
		at := place{file, key.Line}
		switch {
		case texts[key.Value] != nil:
			*texts[key.Value] = l.text(at, key.Value, value)
		case lists[key.Value] != nil:
			for _, item := range l.items(file, key.Value, value) {
				*lists[key.Value] = append(*lists[key.Value], l.text(at, key.Value, item))
			}
		default:
			l.problems.add(at, "unknown key %q in an identity provider%s", key.Value, pipeline.Suggest(key.Value, known))
		}
	}
	l.checkIdentityProvider(place{file, n.Line}, &p)
	return p
}

func (l *loader) checkIdentityProvider(at place, p *IdentityProvider) {
	wrong := func(format string, args ...any) {
		l.problems.add(at, "identity provider %s: "+format, append([]any{p.Name}, args...)...)
	}
	switch {
	case p.Name == "":
		l.problems.add(at, "an identity provider needs a name")
	case !askable(p.Issuer):
		wrong("issuer %q is no https address, as it stands in its tokens (iss)", p.Issuer)
	case p.Claim == "":
		wrong("claim names no claim of its tokens, such as email")
	case len(p.Audience) == 0 && (p.Introspection == "" || p.Scope == ""):
		wrong("audience is missing: for whom its tokens must be (aud), so that those for other programs open no mailbox")
	case len(p.Domains) == 0:
		wrong("domains is missing: whose mailboxes it may open, [\"*\"] for all of this system")
	case p.Keys != "" && p.Introspection != "":
		wrong("keys and introspection exclude one another: tokens are verified here, or it is asked about each")
	case p.Keys != "" && !askable(p.Keys):
		wrong("keys %q is no https address", p.Keys)
	case p.Introspection != "" && !askable(p.Introspection):
		wrong("introspection %q is no https address", p.Introspection)
	case p.Introspection != "" && (p.ClientID == "" || p.ClientSecretFile == ""):
		wrong("introspection needs client_id and client_secret_file")
	case p.Introspection == "" && (p.ClientID != "" || p.ClientSecretFile != ""):
		wrong("client_id and client_secret_file are for introspection, which is not set")
	}
	for i, d := range p.Domains {
		name, err := mail.ParseDomain(d)
		switch {
		case d == "*":
		case err != nil:
			wrong("domains: %q is no domain", d)
		default:
			p.Domains[i] = name
		}
	}
}

// askable reports whether a token's secrets may go to an address: over HTTPS, or on this machine.
func askable(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || strings.Contains(address, "#") {
		return false
	}
	host := u.Hostname()
	return u.Scheme == "https" || u.Scheme == "http" && (host == "::1" || strings.HasPrefix(host, "127."))
}
