package door_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"

	"gatepost/internal/door"
)

// bearers are users whose passwords are tokens.
func bearers() door.SASL {
	u := users()
	u["tokens"] = []string{"tokens"}
	return door.SASL{Auth: u}
}

// TestBearer: RFC 7628, and XOAUTH2. What goes wrong is told first, and answered by the client, and then
// fails; whether the answer is as it should be changes nothing.
func TestBearer(t *testing.T) {
	invalid := map[string]string{"status": "invalid_token", "scope": "mail", "openid-configuration": "https://id.example.org/.well-known/openid-configuration"}
	malformed := map[string]string{"status": "invalid_request"}
	for name, tt := range map[string]struct {
		mechanism, message string
		told               map[string]string // nil: nothing
		err                error
	}{
		"right":                   {"OAUTHBEARER", "n,a=ann,\x01host=mail.example.org\x01port=143\x01auth=Bearer secret\x01\x01", nil, nil},
		"in other letters":        {"oauthbearer", "y,a=ann,\x01auth=BEARER  secret\x01\x01", nil, nil},
		"of who says no name":     {"OAUTHBEARER", "n,,\x01auth=Bearer tokens\x01\x01", nil, nil},
		"a name with = and ,":     {"OAUTHBEARER", "n,a=a=3Db=2Cc,\x01auth=Bearer secret\x01\x01", nil, nil},
		"wrong":                   {"OAUTHBEARER", "n,a=ann,\x01auth=Bearer secrets\x01\x01", invalid, door.ErrLogin},
		"unknown":                 {"OAUTHBEARER", "n,a=bob,\x01auth=Bearer secret\x01\x01", invalid, door.ErrLogin},
		"too many before":         {"OAUTHBEARER", "n,a=later,\x01auth=Bearer secret\x01\x01", nil, door.ErrLater},
		"nothing":                 {"OAUTHBEARER", "", malformed, door.ErrResponse},
		"the answer to an error":  {"OAUTHBEARER", "\x01", malformed, door.ErrResponse},
		"no token":                {"OAUTHBEARER", "n,a=ann,\x01\x01", malformed, door.ErrResponse},
		"an empty token":          {"OAUTHBEARER", "n,a=ann,\x01auth=Bearer \x01\x01", malformed, door.ErrResponse},
		"two tokens":              {"OAUTHBEARER", "n,a=ann,\x01auth=Bearer x\x01auth=Bearer secret\x01\x01", malformed, door.ErrResponse},
		"another scheme":          {"OAUTHBEARER", "n,a=ann,\x01auth=Basic secret\x01\x01", malformed, door.ErrResponse},
		"a token with a space":    {"OAUTHBEARER", "n,a=ann,\x01auth=Bearer sec ret\x01\x01", malformed, door.ErrResponse},
		"bound to the connection": {"OAUTHBEARER", "p=tls-exporter,a=ann,\x01auth=Bearer secret\x01\x01", malformed, door.ErrResponse},
		"no header":               {"OAUTHBEARER", "auth=Bearer secret\x01\x01", malformed, door.ErrResponse},
		"without its end":         {"OAUTHBEARER", "n,a=ann,\x01auth=Bearer secret\x01", malformed, door.ErrResponse},
		"a bad name":              {"OAUTHBEARER", "n,a=an=n,\x01auth=Bearer secret\x01\x01", malformed, door.ErrResponse},
		"too long":                {"OAUTHBEARER", "n,a=ann,\x01auth=Bearer " + strings.Repeat("s", 10_000) + "\x01\x01", malformed, door.ErrResponse},
		"right, the old way":      {"XOAUTH2", "user=ann\x01auth=Bearer secret\x01\x01", nil, nil},
		"wrong, the old way":      {"XOAUTH2", "user=ann\x01auth=Bearer secrets\x01\x01", map[string]string{"status": "401", "schemes": "bearer", "scope": "mail"}, door.ErrLogin},
		"malformed, the old way":  {"XOAUTH2", "n,a=ann,\x01auth=Bearer secret\x01\x01", map[string]string{"status": "400", "schemes": "bearer"}, door.ErrResponse},
	} {
		t.Run(name, func(t *testing.T) {
			for _, answer := range []string{"AQ==", "", "no base64", "*"} {
				var told map[string]string
				login, err := bearers().Authenticate(t.Context(), tt.mechanism, encoded(tt.message), func(challenge string) (string, error) {
					text, err := base64.StdEncoding.DecodeString(challenge)
					if told != nil || err != nil || json.Unmarshal(text, &told) != nil {
						t.Errorf("it says %q", challenge)
					}
					if answer == "*" {
						return "", door.ErrCancelled
					}
					return answer, nil
				})
				if !maps.Equal(told, tt.told) || !errors.Is(err, tt.err) || err == nil && login.Address == "" {
					t.Errorf("got %+v, %v, told %v; want %v, told %v", login, err, told, tt.err, tt.told)
				}
			}
		})
	}
}

// TestBearerOffered: who has no provider takes no tokens.
func TestBearerOffered(t *testing.T) {
	if got := strings.Join(bearers().Mechanisms(), " "); got != "SCRAM-SHA-256 OAUTHBEARER XOAUTH2 PLAIN" {
		t.Errorf("got %s", got)
	}
	if _, err := (door.SASL{Auth: users()}).Begin("OAUTHBEARER"); !errors.Is(err, door.ErrMechanism) {
		t.Errorf("got %v", err)
	}
}

// FuzzBearer: no message but one with a right token is let in.
func FuzzBearer(f *testing.F) {
	f.Add("n,a=ann,\x01host=x\x01auth=Bearer secrets\x01\x01", false)
	f.Add("user=ann\x01auth=Bearer secrets\x01\x01", true)
	f.Add("\x01\x01", false)
	f.Fuzz(func(t *testing.T, message string, old bool) {
		mechanism := "OAUTHBEARER"
		if old {
			mechanism = "XOAUTH2"
		}
		x, err := bearers().Begin(mechanism)
		if err != nil {
			t.Fatal(err)
		}
		said, done, err := x.Next(t.Context(), []byte(message))
		known := strings.Contains(message, "secret") || strings.Contains(message, "kite-rope") || strings.Contains(message, "tokens")
		if done && !known || done && err != nil || len(said) > 1000 {
			t.Fatalf("%q: %q, %v, %v", message, said, done, err)
		}
		if done || err != nil {
			return
		}
		if _, done, err = x.Next(t.Context(), []byte{1}); done || err == nil {
			t.Fatalf("%q: %v, %v", message, done, err)
		}
	})
}
