// Package identity says who somebody is who shows a token of an identity provider: a system of a
// customer's, such as Keycloak or Entra, where people log in, with second factors and all, and which
// gives their mail programs tokens for that (OAuth 2.0, RFC 6749, OpenID Connect).
//
//	ids := identity.New(identity.Config{Log: log})
//	err := ids.Set([]identity.Provider{{Name: "work", Issuer: "https://id.example.org/realms/work",
//		Audience: []string{"mail"}, Domains: []string{"example.org"}, Claim: "email"}})
//	person, err := ids.Who(ctx, "example.org", token)
//
// A token is believed in one of two ways. A JWT (RFC 7519) is verified here, by the keys that its issuer
// publishes (RFC 7517); they are kept, and asked for again when they are old or a token names one that is
// not among them. Where the provider has an introspection endpoint (RFC 7662) it is asked about each
// token instead, be it a JWT or opaque, so that what was revoked is known within a minute.
//
// Each provider vouches for some domains, and its word on another's people is nothing. A token is never
// shown to a provider but its own.
//
// What verifies signatures is go-jose; which algorithms and keys are good enough is said here. While a
// provider can't be asked, nobody can tell (ErrUnavailable): that is no wrong password. Its known keys
// are good for a day all the same.
package identity
