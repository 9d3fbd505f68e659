package filters

import (
	"encoding/base64"
	"testing"

	"github.com/skip2/go-qrcode"

	"gatepost/internal/picture"
)

// withCode is a message whose only link is a QR code in its picture.
func withCode(t *testing.T, text string) string {
	t.Helper()
	png, err := qrcode.Encode(text, qrcode.Medium, 256)
	if err != nil {
		t.Fatal(err)
	}
	return "From: ann@example.org\nSubject: your account\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n" +
		"--b\nContent-Type: text/plain\n\nPlease scan.\n--b\nContent-Type: image/png\nContent-Transfer-Encoding: base64\n\n" +
		base64.StdEncoding.EncodeToString(png) + "\n--b--\n"
}

// TestFieldNote13LinksInPictures: a link that stands in a QR code alone is asked about, and
// looked at for tricks, as any other.
func TestFieldNote13LinksInPictures(t *testing.T) {
	dns := &listDNS{say: map[string]func(string) string{"d.example": func(name string) string {
		if name == "paypa1.com" {
			return "127.0.0.2"
		}
		return ""
	}}}
	d := Deps{Resolver: dns, Pictures: picture.NewReader(1)}
	lists, err := newURIBL(d, uriblOptions{Lists: []uriblList{{Zone: "d.example"}}, Share: 0.5, Lookups: 10})
	if err != nil {
		t.Fatal(err)
	}
	tricks, err := newPhish(d, *defaultPhish())
	if err != nil {
		t.Fatal(err)
	}
	q := inContent(t, withCode(t, "https://login.paypa1.com/x?y=z"))
	if f, err := lists.Check(t.Context(), q); err != nil || f.Reason != "paypa1.com, in picture, is listed by d.example" {
		t.Errorf("uribl: %s, %v", f.Reason, err)
	}
	resembling := tricks.(phish)
	resembling.resolver = noDNS{}
	if f, err := resembling.Check(t.Context(), q); err != nil || f.Reason != "login.paypa1.com looks like paypal.com" {
		t.Errorf("phish: %s, %v", f.Reason, err)
	}
}
