package identity

import (
	"encoding/json"
	"testing"
)

// FuzzParse: no token makes it fall, and what is read of one was never believed.
func FuzzParse(f *testing.F) {
	f.Add("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.AAAA")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add("...")
	f.Fuzz(func(t *testing.T, token string) {
		p := parse(token)
		if p == nil {
			return
		}
		if p.algorithm != "RS256" && p.algorithm != "ES256" && p.algorithm != "EdDSA" {
			t.Fatalf("%q is read with %s", token, p.algorithm)
		}
		p.claims.scopes()
		p.claims.text("email")
	})
}

// FuzzKeys: no set of keys makes it fall, and all that is found is public.
func FuzzKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AAAA"},{"kty":"OKP","crv":"Ed25519","x":""}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		set, err := parseKeys(b)
		for _, k := range set {
			if !k.IsPublic() || err != nil {
				t.Fatalf("%q: %v", b, err)
			}
			for _, algorithm := range algorithms() {
				fits(k, &parsed{algorithm: string(algorithm)})
			}
		}
	})
}

// FuzzAnswer: nor does an answer about a token.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"active":true,"aud":["a"],"exp":1,"scope":"a b"}`))
	f.Fuzz(func(_ *testing.T, b []byte) {
		var c claims
		if json.Unmarshal(b, &c) == nil {
			c.scopes()
		}
	})
}
