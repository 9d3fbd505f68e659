package lookup

import (
	"errors"
	"strings"
	"testing"
)

// Hashes of "kite-rope é" by doveadm pw of Dovecot 2.3, by crypt(3) of libxcrypt (bcrypt and yescrypt), and by Python's hashlib
// (PBKDF2 and scrypt).
var hashes = []string{
	"{SHA512-CRYPT}$6$fMXIzO9eRyMwV0tg$zxYdjsQP9QzA0T7rn1KXZa9eMUuQa/lyOA3NE7I2MTcGqZ/r1RpWAwv.xD7pQB.vjZE/xpx.Cn7XQp6pFDEYQ1",
	"{SHA256-CRYPT}$5$FTamhR7e9zNoqvtL$ij6om1BTwp7LAz5W/y.tXlS0HaTox1W7Pfff/CZSSZB",
	"$5$rounds=3000$abc$nCuMf2hb9O3m2ACrSmXO2T4VbClit3lRVT4Q3sBbioC",
	"{BLF-CRYPT}$2y$05$bxRLs.L5RU4S.tXmwdQLZ./52sU9kF1Br5j4N1CfNc/bBCnB1xgjK",
	"$2y$05$abcdefghijklmnopqrstuut5dkbGk71V3wh3DmVPCnAlPb1d8gViq",
	"{crypt}$2y$05$2uzPaMa0JOaER7MYhnOPjec3r5v2VZsaVJ/t281f39osKwb3SJg1K",
	"{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$HPp/m9KB1uMNen7bCCz/NA$zEtkCsTl0/2BbcDX5t1LTU4g5JpN0hcurWjjkmPWCkM",
	"{ARGON2I}$argon2i$v=19$m=32768,t=4,p=1$6EExTGJJjJ0llP0ucK7RAQ$dKf+gOfww4Hu+Bs0Iox/KtVKLEezUWys6o28r8Y5LRg",
	"{MD5-CRYPT}$1$Hg6POk7j$K2d67oyDI/2QubQI79q0E1",
	"$y$j9T$abcdefghijkl$RWjL2ynX3XEUGd92IDfi2BDPU2h6YKkllyWX1CanXe7",
	"$pbkdf2-sha256$29000$c2FsdHNhbHRzYWx0$cRDX64W1mGyApWLETCSlZWTeaH4t60uBEFGIl5WTXkU",
	"$scrypt$ln=14,r=8,p=1$c2FsdHNhbHRzYWx0$quoR4lMfolPx+R4pxNBaXnu2K9M9v5LtdWRm0GkBNRg",
	"{SSHA}vVmFtA28og/HGjc/mnB67MGyk0jg865Z",
	"{SSHA256}P2D2XB/Z+bqG+Ks7EVSxXX+/9eOY8FKB+7m3Nhh/4EUsp2it",
	"{ssha512}EDidYhfvb2SNKs/Q92F46lVi2kOXTne6Axx+PTcqKlnyZsJzUtfCs2sHVGcAoAqNLGwpLywMgXqU3XgEKo0z/KCRLp8=",
	"{SSHA512.HEX}4af3aebab49638ccf19039c0452014e86021dbec244197f409476777627fc95b49fbde83b502c2b77f7ac63a127affa482a6671718c75ba41c912f0a367577e8c0ae64f9",
}

func TestHashesOfOthers(t *testing.T) {
	for _, text := range hashes {
		m, err := hashOf(text + "\n")
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		for password, want := range map[string]bool{"kite-rope é": true, "kite-rope e": false, "": false, "kite-rope é ": false} {
			if got, err := m.MatchBytesAdvanced([]byte(password)); got != want || err != nil {
				t.Errorf("%s: %q: got %v, %v", text, password, got, err)
			}
		}
	}
}

// bcrypt takes 72 octets of a password, in every program.
func TestLongPasswordOfBcrypt(t *testing.T) {
	m, err := hashOf("{BLF-CRYPT}$2y$05$c53gfxpIbuMDvlR3LS7bseabeolfmDNclXkTSzI0jafVtNNmeO4lu") // of 80 x
	if err != nil {
		t.Fatal(err)
	}
	if right, err := m.MatchBytesAdvanced([]byte(strings.Repeat("x", 80))); !right || err != nil {
		t.Errorf("got %v, %v", right, err)
	}
}

// What has no salt, costs too much or is broken is refused, and nothing of it is said.
func TestHashesRefused(t *testing.T) {
	for _, text := range []string{
		"", "kite-rope", "{PLAIN}kite-rope", "{PLAIN-MD5}9b6553c9e5dda76f8ab9c687c9e78dc4", "{SHA}urVD4YscHdrC4ORcKcRgScj/lZA=",
		"{PBKDF2}$1$ynrLCbcPrTGw1pWq$5000$ef7e9aa7ea2798a2b56d2f860ee4b98d6ada384b", "{SSHA}", "{SSHA}urVD4YscHdrC4ORcKcRgScj/lZA=", "{SSHA999}xxxx",
		"$argon2id$v=19$m=4194304,t=3,p=1$HPp/m9KB1uMNen7bCCz/NA$zEtkCsTl0/2BbcDX5t1LTU4g5JpN0hcurWjjkmPWCkM",
		"$argon2id$v=19$m=65536,t=3,p=1,m=4194304$HPp/m9KB1uMNen7bCCz/NA$zEtkCsTl0/2BbcDX5t1LTU4g5JpN0hcurWjjkmPWCkM",
		"$argon2id$v=19$m=4194304,t=3,p=1,m=65536$HPp/m9KB1uMNen7bCCz/NA$zEtkCsTl0/2BbcDX5t1LTU4g5JpN0hcurWjjkmPWCkM",
		"$argon2id$v=19$m=65536,t=300000,p=1$HPp/m9KB1uMNen7bCCz/NA$zEtkCsTl0/2BbcDX5t1LTU4g5JpN0hcurWjjkmPWCkM",
		"$argon2id$v=19$m=65536,t=3,p=+1$HPp/m9KB1uMNen7bCCz/NA$zEtkCsTl0/2BbcDX5t1LTU4g5JpN0hcurWjjkmPWCkM",
		"$2y$31$abcdefghijklmnopqrstuut5dkbGk71V3wh3DmVPCnAlPb1d8gViq", "$2y$+31$abcdefghijklmnopqrstuut5dkbGk71V3wh3DmVPCnAlPb1d8gViq",
		"$6$rounds=999999999$fMXIzO9eRyMwV0tg$zxYdjsQP9QzA0T7rn1KXZa9eMUuQa", "$y$jDT$abcdefghijkl$RWjL2ynX3XEUGd92IDfi2BDPU2h6YKkllyWX1CanXe7",
		"$pbkdf2-sha256$290000000$c2FsdHNhbHRzYWx0$cRDX64W1mGyApWLETCSlZWTeaH4t60uBEFGIl5WTXkU", "$scrypt$ln=24,r=8,p=1$c2FsdA$quoR4lMfolPx",
		"$scrypt$ln=14,r=4096,p=1$c2FsdA$quoR4lMfolPx", "$5$abc", "$9$a$b$c", "$$$$",
		"$scrypt$r=1048576$c2FsdA$quoR4lMfolPx+R4pxNBaXnu2K9M9v5LtdWRm0GkBNRg", "$scrypt$ln=20$c2FsdA$quoR4lMfolPx+R4pxNBaXnu2K9M9v5LtdWRm0GkBNRg",
		"$scrypt$ln=1,r=524288,p=16$c2FsdA$quoR4lMfolPx+R4pxNBaXnu2K9M9v5LtdWRm0GkBNRg", "$scrypt$ln=4,r=0,p=1$c2FsdA$quoR4lMfolPx+R4pxNBaXnu2K9M9v5LtdWRm0GkBNRg",
		"$scrypt$ln=4,r=8,p=0$c2FsdA$quoR4lMfolPx+R4pxNBaXnu2K9M9v5LtdWRm0GkBNRg", "$kite-rope$kite$rope",
		"$pbkdf2-sha256$29000$c2FsdHNhbHRzYWx0$cRDX64W1mGyApWI", "$scrypt$ln=14,r=8,p=1$c2FsdHNhbHRzYWx0$quo", "$y$j9T$abcdefghijkl$RWjL2ynX", "$argon2id$v=19$m=65536,t=3,p=1$HPp/m9KB1uMNen7bCCz/NA$zEtk",
		"$pbkdf2-sha256$29000$c2FsdHNhbHRzYWx0$" + strings.Repeat("A", 400),
		"$argon2id$v=19$t=3,m=kite-rope$c2FsdA$AA", "$6$rounds=5000$kite=rope$x", "$argon2id$kite=rope$m=1$c2FsdA$AA", "$6$a$" + strings.Repeat("x", 600),
	} {
		if _, err := hashOf(text); !errors.Is(err, errHash) {
			t.Errorf("%s: %v", text, err)
		} else if strings.Contains(err.Error(), "kite") || strings.Contains(err.Error(), "9b6553") || strings.Contains(err.Error(), "zEtk") {
			t.Errorf("%s: it is told: %v", text, err)
		}
	}
}

// Whatever stands in a database ends in an answer.
func FuzzHash(f *testing.F) {
	for _, text := range hashes {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := hashOf(text)
		if err != nil && !errors.Is(err, errHash) {
			t.Error(err)
		}
		if m != nil && (strings.HasPrefix(text, "{") || strings.HasPrefix(text, "$1$")) && !strings.Contains(text[1:], "$argon") && len(text) < 80 { // what takes no time
			m.MatchBytesAdvanced([]byte("x"))
		}
	})
}
