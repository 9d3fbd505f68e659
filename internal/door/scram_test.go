package door

import (
	"encoding/base64"
	"testing"
)

// TestProof: the exchange of RFC 7677 §3.
func TestProof(t *testing.T) {
	decode := func(s string) []byte {
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	// Of the password "pencil", as PostgreSQL and others make them.
	keys := Keys{Stored: decode("WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="), Server: decode("wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=")}
	spoken := []byte("n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096," +
		"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0")
	proof := decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
	if !proves(keys, proof, spoken) {
		t.Error("the proof of the RFC does not fit")
	}
	if got := base64.StdEncoding.EncodeToString(sign(keys.Server, spoken)); got != "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=" {
		t.Errorf("server signature %s", got)
	}
	proof[3]++
	if proves(keys, proof, spoken) || proves(Keys{}, proof, spoken) {
		t.Error("another proof fits, or one without keys")
	}
}
