package filters

import (
	"bytes"
	"context"
	"encoding/base64"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"gatepost/internal/learnt"
	"gatepost/internal/mail"
	"gatepost/internal/picture"
	"gatepost/pipeline"
)

// onePicture is a Learnt that knows one picture.
type onePicture struct{ hash uint64 }

func (o onePicture) Spam(learnt.Kind, []byte) (learnt.Standing, bool) {
	return learnt.Standing{}, false
}

func (o onePicture) NearPicture(hash uint64, distance int) (learnt.Standing, bool) {
	return learnt.Standing{Spam: 2, Sources: []learnt.Source{learnt.Trap}, Networks: 2, Last: time.Unix(1_700_000_000, 0)}, picture.Distance(o.hash, hash) <= distance
}

// patches draws a picture of coloured fields, another for each seed.
func patches(seed uint64) image.Image {
	r := rand.New(rand.NewPCG(seed, 0))
	img := image.NewRGBA(image.Rect(0, 0, 320, 240))
	for y := 0; y < 240; y += 40 {
		for x := 0; x < 320; x += 40 {
			c := color.RGBA{uint8(r.IntN(256)), uint8(r.IntN(256)), uint8(r.IntN(256)), 255}
			for i := range 1600 {
				img.SetRGBA(x+i%40, y+i/40, c)
			}
		}
	}
	return img
}

// withPictures is a message with files attached, each under a name.
func withPictures(files map[string][]byte, names ...string) *mail.Message {
	b := strings.Builder{}
	b.WriteString("From: ann@example.org\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nlook\r\n")
	for _, name := range names {
		b.WriteString("--b\r\nContent-Type: image/png; name=\"" + name + "\"\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
			base64.StdEncoding.EncodeToString(files[name]) + "\r\n")
	}
	b.WriteString("--b--\r\n")
	return mail.NewMessage([]byte(b.String()))
}

// checkContent asks a filter about a message whose content is in.
func checkContent(t *testing.T, f pipeline.Filter, m *mail.Message) (pipeline.Finding, error) {
	t.Helper()
	tx := pipeline.NewTransaction(t.Context(), "id", time.Unix(1_700_000_000, 0), mail.Client{Addr: netip.MustParseAddr("192.0.2.7")}, nil)
	defer tx.Close()
	tx = tx.WithMail("ann@example.org", mail.Params{}).WithRcpt().WithData([]mail.Path{"bob@example.net"}, m)
	return f.Check(context.Background(), pipeline.Query{Tx: tx})
}

func TestImageHash(t *testing.T) {
	var asPNG, asJPEG, other bytes.Buffer
	if err := png.Encode(&asPNG, patches(1)); err != nil {
		t.Fatal(err)
	}
	if err := jpeg.Encode(&asJPEG, patches(1), &jpeg.Options{Quality: 40}); err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(&other, patches(2)); err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"a.png": asPNG.Bytes(), "a.jpg": asJPEG.Bytes(), "b.png": other.Bytes(), "broken.png": asPNG.Bytes()[:300]}
	list, _, err := picture.NewReader(1).Of(t.Context(), withPictures(files, "a.png"))
	if err != nil {
		t.Fatal(err)
	}
	kind := imageHashKind(Deps{Pictures: picture.NewReader(1), Learnt: onePicture{list[0].Hash}})
	f, err := kind.New(kind.Options())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name          string
		files         []string
		result, about string
	}{
		{"the same", []string{"a.png"}, "spam", `"a.png" looks like one that was learnt as spam`},
		{"compressed, behind another", []string{"b.png", "a.jpg"}, "spam", `"a.jpg" looks like one that was learnt as spam`},
		{"another", []string{"b.png"}, "none", ""},
		{"broken", []string{"broken.png"}, "none", ""},
		{"no image", nil, "none", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			found, err := checkContent(t, f, withPictures(files, c.files...))
			if err != nil || found.Result != c.result || found.Reason != c.about {
				t.Errorf("got %s %q, error %v, want %s %q", found.Result, found.Reason, err, c.result, c.about)
			}
			if len(found.Evidence) == 0 && len(c.files) > 0 {
				t.Error("no evidence")
			}
		})
	}
	for _, distance := range []int{-1, 8} {
		if _, err := kind.New(&imageHashOptions{Distance: distance}); err == nil {
			t.Errorf("distance %d was taken", distance)
		}
	}
}
