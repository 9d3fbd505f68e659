package door_test

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"

	"gatepost/internal/door"
	"gatepost/internal/door/doortest"
)

func users() doortest.Users {
	return doortest.Users{"ann": {"secret", "kite-rope"}, "a=b,c": {"secret"}}
}

// never is what asks a client of whom no more is expected.
func never(t *testing.T) func(string) (string, error) {
	return func(challenge string) (string, error) {
		t.Helper()
		t.Errorf("it was asked %q", challenge)
		return "", door.ErrCancelled
	}
}

func encoded(s string) *string {
	s = base64.StdEncoding.EncodeToString([]byte(s))
	return &s
}

// TestPlain: RFC 4616.
func TestPlain(t *testing.T) {
	sasl := door.SASL{Auth: users()}
	for _, tt := range []struct {
		response string
		err      error
	}{
		{"\x00ann\x00secret", nil},
		{"ann\x00ann\x00kite-rope", nil},
		{"\x00ann\x00Secret", door.ErrLogin},
		{"\x00later\x00x", door.ErrLater},
		{"bob\x00ann\x00secret", door.ErrIdentity},
		{"\x00\x00secret", door.ErrResponse},
		{"ann\x00secret", door.ErrResponse},
		{"\x00ann\x00secret\x00", door.ErrResponse},
	} {
		login, err := sasl.Authenticate(t.Context(), "plain", encoded(tt.response), never(t))
		if !errors.Is(err, tt.err) || err == nil && (login != door.Login{Box: 3, Address: "ann"}) {
			t.Errorf("%q: got %+v, %v", tt.response, login, err)
		}
	}
	bad := "?"
	if _, err := sasl.Authenticate(t.Context(), "PLAIN", &bad, never(t)); !errors.Is(err, door.ErrBase64) {
		t.Errorf("no base64: %v", err)
	}
	if _, err := sasl.Authenticate(t.Context(), "GSSAPI", nil, never(t)); !errors.Is(err, door.ErrMechanism) {
		t.Errorf("no mechanism: %v", err)
	}
}

// prove logs in by SCRAM, with the server's last word asked for as IMAP and POP3 do.
func prove(t *testing.T, sasl door.SASL, mechanism string, c *doortest.Client) (door.Login, error) {
	asked := 0
	ask := func(challenge string) (string, error) {
		switch asked++; asked {
		case 1:
			return c.First(), nil
		case 2:
			return c.Final(challenge)
		}
		return "", c.Check(challenge)
	}
	login, err := sasl.Authenticate(t.Context(), mechanism, nil, ask)
	if err == nil {
		err = login.Confirm(ask)
	}
	return login, err
}

// TestSCRAM: RFC 5802, RFC 7677, and tls-exporter of RFC 9266.
func TestSCRAM(t *testing.T) {
	const bare, plus = "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"
	tied := []byte("what both ends of TLS know")
	for name, tt := range map[string]struct {
		mechanism string
		client    doortest.Client
		binding   []byte
		err       error
	}{
		"right":                         {bare, doortest.Client{User: "ann", Password: "secret"}, nil, nil},
		"another password of the same":  {bare, doortest.Client{User: "ann", Password: "kite-rope"}, nil, nil},
		"a name with = and ,":           {bare, doortest.Client{User: "a=b,c", Password: "secret"}, nil, nil},
		"for himself":                   {bare, doortest.Client{User: "ann", Password: "secret", GS2: "n,a=ann,"}, nil, nil},
		"for somebody else":             {bare, doortest.Client{User: "ann", Password: "secret", GS2: "n,a=bob,"}, nil, door.ErrIdentity},
		"wrong":                         {bare, doortest.Client{User: "ann", Password: "Secret"}, nil, door.ErrLogin},
		"unknown":                       {bare, doortest.Client{User: "bob", Password: "secret"}, nil, door.ErrLogin},
		"too many before":               {bare, doortest.Client{User: "later", Password: "secret"}, nil, door.ErrLater},
		"nobody":                        {bare, doortest.Client{User: "", Password: "secret"}, nil, door.ErrResponse},
		"no nonce":                      {bare, doortest.Client{User: "ann", Password: "secret", Nonce: "a b"}, nil, door.ErrResponse},
		"too long":                      {bare, doortest.Client{User: "ann", Password: "secret", Nonce: strings.Repeat("n", 5000)}, nil, door.ErrResponse},
		"the client can bind, not we":   {bare, doortest.Client{User: "ann", Password: "secret", GS2: "y,,"}, nil, nil},
		"both can, and somebody hid it": {bare, doortest.Client{User: "ann", Password: "secret", GS2: "y,,"}, tied, door.ErrBinding},
		"it need not":                   {bare, doortest.Client{User: "ann", Password: "secret"}, tied, nil},
		"bound":                         {plus, doortest.Client{User: "ann", Password: "secret", GS2: "p=tls-exporter,,", Binding: tied}, tied, nil},
		"bound elsewhere":               {plus, doortest.Client{User: "ann", Password: "secret", GS2: "p=tls-exporter,,", Binding: []byte("x")}, tied, door.ErrBinding},
		"bound otherwise":               {plus, doortest.Client{User: "ann", Password: "secret", GS2: "p=tls-unique,,", Binding: tied}, tied, door.ErrBinding},
		"bound without a word":          {plus, doortest.Client{User: "ann", Password: "secret"}, tied, door.ErrBinding},
		"unbound that says it is bound": {bare, doortest.Client{User: "ann", Password: "secret", GS2: "p=tls-exporter,,", Binding: tied}, tied, door.ErrResponse},
		"where nothing binds":           {plus, doortest.Client{User: "ann", Password: "secret", GS2: "p=tls-exporter,,"}, nil, door.ErrMechanism},
	} {
		t.Run(name, func(t *testing.T) {
			sasl := door.SASL{Auth: users(), Binding: func() []byte { return tt.binding }}
			login, err := prove(t, sasl, tt.mechanism, &tt.client)
			if !errors.Is(err, tt.err) || err == nil && login.Address != tt.client.User {
				t.Errorf("got %+v, %v, want %v", login, err, tt.err)
			}
		})
	}
}

// TestSCRAMOrder: a proof can't be shown twice, nor before the server said its part.
func TestSCRAMOrder(t *testing.T) {
	c := doortest.Client{User: "ann", Password: "secret"}
	start := func() (*door.Exchange, string) {
		x, err := door.SASL{Auth: users()}.Begin("SCRAM-SHA-256")
		if err != nil {
			t.Fatal(err)
		}
		b, _ := base64.StdEncoding.DecodeString(c.First())
		said, done, err := x.Next(t.Context(), b)
		if done || err != nil {
			t.Fatalf("first: %v, %v", done, err)
		}
		return x, *encoded(string(said))
	}
	next := func(x *door.Exchange, response string) error {
		b, _ := base64.StdEncoding.DecodeString(response)
		_, _, err := x.Next(t.Context(), b)
		return err
	}
	x, said := start()
	proof, err := c.Final(said)
	if err != nil {
		t.Fatal(err)
	}
	if err := next(x, proof); err != nil {
		t.Errorf("the proof: %v", err)
	}
	if err := next(x, proof); !errors.Is(err, door.ErrResponse) {
		t.Errorf("the proof once more: %v", err)
	}
	if other, _ := start(); !errors.Is(next(other, proof), door.ErrResponse) {
		t.Error("the proof of one exchange is good in another")
	}
	if other, _ := start(); !errors.Is(next(other, c.First()), door.ErrResponse) {
		t.Error("the first message was taken as a proof")
	}
}

// TestMechanisms: who keeps no keys offers no SCRAM.
func TestMechanisms(t *testing.T) {
	var simple door.Authenticator = struct{ door.Authenticator }{}
	for _, tt := range []struct {
		sasl door.SASL
		want string
	}{
		{door.SASL{Auth: simple}, "PLAIN"},
		{door.SASL{Auth: users()}, "SCRAM-SHA-256 PLAIN"},
		{door.SASL{Auth: users(), Binding: func() []byte { return []byte{1} }}, "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN"},
	} {
		if got := tt.sasl.Mechanisms(); !slices.Equal(got, strings.Fields(tt.want)) {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

// FuzzSCRAM: no message of a client ends an exchange well but a proof.
func FuzzSCRAM(f *testing.F) {
	f.Add("n,,n=ann,r=abc", "c=biws,r=abcdef,p=AAAA", false)
	f.Add("p=tls-exporter,a=ann,n=ann,r=abc,x=y", "c=,r=,x=1,p=", true)
	f.Add("y,,n=a=2Cb,r=~", ",p=,p=", false)
	f.Fuzz(func(t *testing.T, first, final string, plus bool) {
		mechanism := "SCRAM-SHA-256"
		if plus {
			mechanism += "-PLUS"
		}
		x, err := door.SASL{Auth: users(), Binding: func() []byte { return []byte("b") }}.Begin(mechanism)
		if err != nil {
			t.Fatal(err)
		}
		said, done, err := x.Next(t.Context(), []byte(first))
		if err != nil {
			return
		}
		if done || !strings.HasPrefix(string(said), "r=") || len(said) > 2*4096 {
			t.Fatalf("%q: %q, %v", first, said, done)
		}
		if _, done, err = x.Next(t.Context(), []byte(final)); done || err == nil {
			t.Fatalf("%q, %q: %v, %v", first, final, done, err)
		}
	})
}
