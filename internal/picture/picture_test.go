package picture

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/skip2/go-qrcode"
	"golang.org/x/image/bmp"
	xdraw "golang.org/x/image/draw"
	"golang.org/x/image/math/f64"

	"gatepost/internal/mail"
	"gatepost/test/rounds"
)

// scene draws a picture that has something at all scales, another for each seed.
func scene(seed uint64, w, h int) *image.RGBA {
	r := rand.New(rand.NewPCG(seed, 1))
	img := image.NewRGBA(image.Rect(0, 0, 640, 480))
	draw.Draw(img, img.Rect, image.NewUniform(color.RGBA{uint8(r.IntN(256)), uint8(r.IntN(256)), 200, 255}), image.Point{}, draw.Src)
	for range 25 {
		x, y := r.IntN(600), r.IntN(440)
		box := image.Rect(x, y, x+20+r.IntN(200), y+20+r.IntN(150))
		draw.Draw(img, box, image.NewUniform(color.RGBA{uint8(r.IntN(256)), uint8(r.IntN(256)), uint8(r.IntN(256)), 255}), image.Point{}, draw.Src)
	}
	return resize(img, w, h)
}

func resize(img image.Image, w, h int) *image.RGBA {
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	xdraw.BiLinear.Scale(out, out.Rect, img, img.Bounds(), draw.Src, nil)
	return out
}

func encodePNG(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func encodeJPEG(t testing.TB, img image.Image, quality int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// letter is a message with one image of a type, or an octet stream with a name.
func letter(file []byte, fields string) *mail.Message {
	return mail.NewMessage([]byte("From: ann@example.org\r\nMIME-Version: 1.0\r\n" + fields + "\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
		base64.StdEncoding.EncodeToString(file) + "\r\n"))
}

func look(t *testing.T, m *mail.Message) Picture {
	t.Helper()
	list, whole, err := NewReader(1).Of(context.Background(), m)
	if err != nil || len(list) != 1 || !whole {
		t.Fatalf("pictures %v, whole %v, error %v", list, whole, err)
	}
	return list[0]
}

const pngType = "Content-Type: image/png"

func TestHashSurvivesWhatMailersDo(t *testing.T) {
	for seed := range uint64(rounds.Of(t, 3)) {
		img := scene(seed, 640, 480)
		want := look(t, letter(encodePNG(t, img), pngType))
		if !want.Hashed {
			t.Fatal("no hash")
		}
		noisy := resize(img, 640, 480)
		r := rand.New(rand.NewPCG(seed, 2))
		for i := range noisy.Pix {
			if i%4 != 3 {
				noisy.Pix[i] = uint8(min(255, max(0, int(noisy.Pix[i])+r.IntN(21)-10)))
			}
		}
		var animated bytes.Buffer
		if err := gif.Encode(&animated, img, nil); err != nil {
			t.Fatal(err)
		}
		var bitmap bytes.Buffer
		if err := bmp.Encode(&bitmap, img); err != nil {
			t.Fatal(err)
		}
		for name, file := range map[string][]byte{
			"jpeg":     encodeJPEG(t, img, 60),
			"smaller":  encodePNG(t, resize(img, 200, 150)),
			"larger":   encodeJPEG(t, resize(img, 1600, 1200), 80),
			"squeezed": encodePNG(t, resize(img, 500, 480)),
			"noise":    encodePNG(t, noisy),
			"gif":      animated.Bytes(),
			"bmp":      bitmap.Bytes(),
		} {
			got := look(t, letter(file, "Content-Type: image/x-anything"))
			if d := Distance(got.Hash, want.Hash); !got.Hashed || d > Near {
				t.Errorf("%s of scene %d: distance %d, problem %q", name, seed, d, got.Problem)
			}
		}
	}
}

func TestHashTellsPicturesApart(t *testing.T) {
	var hashes []uint64
	for seed := range uint64(60) {
		h, ok := hash(shrink(scene(seed, 400, 300), maxSide))
		if !ok {
			t.Fatal("no hash")
		}
		hashes = append(hashes, h)
	}
	for i, a := range hashes {
		for j, b := range hashes[:i] {
			if d := Distance(a, b); d <= 2*Near {
				t.Errorf("scenes %d and %d: distance %d", i, j, d)
			}
		}
	}
}

func TestPlainPicturesHaveNoHash(t *testing.T) {
	plain := image.NewGray(image.Rect(0, 0, 200, 200))
	speck := image.NewGray(image.Rect(0, 0, 200, 200))
	speck.Pix[50] = 200
	clear := image.NewNRGBA(image.Rect(0, 0, 200, 200)) // black, and wholly transparent
	for name, img := range map[string]image.Image{"black": plain, "one dot": speck, "transparent": clear, "a mark": scene(1, 12, 12)} {
		if p := look(t, letter(encodePNG(t, img), pngType)); p.Hashed || p.Problem != "" {
			t.Errorf("%s: hash %v, problem %q", name, p.Hashed, p.Problem)
		}
	}
}

func code(t testing.TB, text string, size int) image.Image {
	t.Helper()
	q, err := qrcode.New(text, qrcode.Medium)
	if err != nil {
		t.Fatal(err)
	}
	return q.Image(size)
}

func TestCodes(t *testing.T) {
	const link = "https://login.example.com/verify?id=42"
	plain := code(t, link, 300)
	inverse := image.NewGray(plain.Bounds())
	for i := range inverse.Pix {
		inverse.Pix[i] = 255 - shade(plain.At(i%300, i/300))
	}
	q, _ := qrcode.New(link, qrcode.Low)
	q.DisableBorder = true
	turned := image.NewRGBA(image.Rect(0, 0, 500, 500))
	draw.Draw(turned, turned.Rect, image.White, image.Point{}, draw.Src)
	sin, cos := math.Sin(0.35), math.Cos(0.35)
	xdraw.BiLinear.Transform(turned, f64.Aff3{cos, -sin, 150, sin, cos, 30}, plain, plain.Bounds(), draw.Over, nil)
	page := scene(3, 900, 700)
	draw.Draw(page, image.Rect(100, 50, 300, 250), code(t, link, 200), image.Point{}, draw.Src)
	draw.Draw(page, image.Rect(500, 300, 800, 600), code(t, "https://two.example.net/", 300), image.Point{}, draw.Src)
	mirror := image.NewGray(plain.Bounds())
	for i := range mirror.Pix {
		mirror.Pix[i] = shade(plain.At(299-i%300, i/300))
	}
	long := strings.Repeat("https://example.org/0123456789?", 20)
	for _, c := range []struct {
		name string
		file []byte
		want []string
	}{
		{"plain", encodePNG(t, plain), []string{link}},
		{"light on dark", encodePNG(t, inverse), []string{link}},
		{"a dot a pixel, no margin", encodePNG(t, q.Image(-1)), []string{link}},
		{"turned", encodePNG(t, turned), []string{link}},
		{"two in a picture, as JPEG", encodeJPEG(t, page, 70), []string{link, "https://two.example.net/"}},
		{"mirrored", encodePNG(t, mirror), []string{link}},
		{"large", encodePNG(t, code(t, link, 2000)), []string{link}},
		{"long", encodePNG(t, code(t, long, 600)), []string{long}},
		{"none", encodePNG(t, scene(4, 600, 400)), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := look(t, letter(c.file, "Content-Type: application/octet-stream; name=\"a.PNG\""))
			if fmt.Sprint(unordered(got.Codes)) != fmt.Sprint(unordered(c.want)) || got.Problem != "" {
				t.Errorf("got %q, problem %q, want %q", got.Codes, got.Problem, c.want)
			}
		})
	}
}

func unordered(list []string) map[string]bool {
	set := map[string]bool{}
	for _, s := range list {
		set[s] = true
	}
	return set
}

// A picture full of corners must not cost more than one with a few.
func TestManyCorners(t *testing.T) {
	img := image.NewGray(image.Rect(0, 0, 1000, 1000))
	for i := range img.Pix {
		x, y := i%1000%9, i/1000%9
		ring := max(abs(x-4), abs(y-4))
		img.Pix[i] = 255
		if ring <= 1 || ring == 3 {
			img.Pix[i] = 0
		}
	}
	dark, _ := binarize(img)
	found := findCorners(dark)
	if len(found) != maxCorners {
		t.Fatalf("%d corners", len(found))
	}
	if got := codes(img); got != nil {
		t.Errorf("codes %q", got)
	}
}

func TestHostileFiles(t *testing.T) {
	whole := encodePNG(t, scene(1, 100, 100))
	huge := append([]byte(nil), whole...)
	copy(huge[16:], []byte{0, 0, 0x80, 0, 0, 0, 0x80, 0}) // width and height of the header, whose sum no longer fits
	var wide bytes.Buffer
	if err := png.Encode(&wide, image.NewGray16(image.Rect(0, 0, 4000, 3000))); err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string][]byte{
		"nothing":           nil,
		"no image":          []byte("hello"),
		"header only":       whole[:40],
		"cut in the middle": whole[:len(whole)/2],
		"a lying header":    huge,
		"too many pixels":   wide.Bytes(),
	} {
		if p := look(t, letter(file, pngType)); p.Problem == "" || p.Hashed {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

func TestProgressiveCostsMore(t *testing.T) {
	baseline := encodeJPEG(t, scene(1, 64, 64), 80)
	progressive := bytes.Replace(baseline, []byte{0xff, 0xc0}, []byte{0xff, 0xc2}, 1)
	for name, c := range map[string]struct {
		file []byte
		want int64
	}{"baseline": {baseline, 3}, "progressive": {progressive, 15}, "no frame": {baseline[:8], 15}} {
		if got := cost(image.Config{}, "jpeg", c.file); got != c.want {
			t.Errorf("%s: %d octets a pixel, want %d", name, got, c.want)
		}
	}
}

// scans is a progressive JPEG of n scans, each of which says in two octets that nothing changes.
func scans(n int) []byte {
	const side = 904
	b := []byte{0xff, 0xd8, 0xff, 0xdb, 0, 67, 0}
	b = append(b, bytes.Repeat([]byte{1}, 64)...)
	b = append(b, 0xff, 0xc2, 0, 11, 8, side>>8, side&0xff, side>>8, side&0xff, 1, 1, 0x11, 0)
	b = append(b, 0xff, 0xc4, 0, 20, 0x10, 1) // one code, of one bit,
	b = append(b, make([]byte, 15)...)
	b = append(b, 0xe0) // for a run of 2^14 blocks and more that end
	for range n {
		b = append(b, 0xff, 0xda, 0, 8, 1, 1, 0, 1, 63, 0, 0, 1)
	}
	return append(b, 0xff, 0xd9)
}

func TestScansAreBounded(t *testing.T) {
	if p := look(t, letter(scans(20), "Content-Type: image/jpeg")); p.Problem != "" {
		t.Errorf("twenty scans: %q", p.Problem)
	}
	if p := look(t, letter(scans(5000), "Content-Type: image/jpeg")); !strings.Contains(p.Problem, "too many scans") {
		t.Errorf("five thousand scans: %q", p.Problem)
	}
}

func TestEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	g := &guarded{ctx: ctx, r: bytes.NewReader(make([]byte, 100))}
	if _, err := g.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := g.Read(make([]byte, 10)); !errors.Is(err, context.Canceled) {
		t.Errorf("read on: %v", err)
	}
}

func TestInlineAndMany(t *testing.T) {
	file := base64.StdEncoding.EncodeToString(encodePNG(t, code(t, "https://inline.example/", 200)))
	html := "<img src=\"data:image/png;base64," + file + "\"> data:image/png,plain data:image/gif;base64,"
	m := mail.NewMessage([]byte("Content-Type: text/html\r\n\r\n" + html))
	if p := look(t, m); p.Part != nil || fmt.Sprint(p.Codes) != "[https://inline.example/]" {
		t.Errorf("%+v", p)
	}
	many := strings.Repeat("--b\r\nContent-Type: image/png\r\n\r\nx\r\n", MaxPictures+1)
	list, whole, err := NewReader(2).Of(context.Background(), mail.NewMessage([]byte("Content-Type: multipart/mixed; boundary=b\r\n\r\n"+many+"--b--\r\n")))
	if len(list) != MaxPictures || whole || err != nil {
		t.Errorf("%d pictures, whole %v, error %v", len(list), whole, err)
	}
}

func TestPlacesAreLimited(t *testing.T) {
	r := NewReader(1)
	r.places <- struct{}{}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := r.Of(ctx, letter(encodePNG(t, scene(1, 100, 100)), pngType)); err == nil {
		t.Error("read without a place")
	}
}

func FuzzPicture(f *testing.F) {
	f.Add(encodePNG(f, scene(1, 60, 60)))
	f.Add(encodeJPEG(f, code(f, "https://example.org/", 120), 50))
	f.Add([]byte("GIF89a"))
	f.Add([]byte("RIFF\x10\x00\x00\x00WEBPVP8L"))
	f.Fuzz(func(t *testing.T, file []byte) {
		list, _, err := NewReader(1).Of(context.Background(), letter(file, pngType))
		if err != nil || len(list) != 1 {
			t.Fatalf("%v, error %v", list, err)
		}
		if n := len(list[0].Codes); n > MaxCodes {
			t.Errorf("%d codes", n)
		}
	})
}

func BenchmarkPicture(b *testing.B) {
	for name, file := range map[string][]byte{
		"photo": encodeJPEG(b, scene(1, 1600, 1200), 85), "code": encodePNG(b, code(b, "https://example.org/some/where", 400)),
	} {
		m := letter(file, pngType)
		r := NewReader(1)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := r.Of(context.Background(), m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestBinarize: the pixels are taken as they lie in memory, and say what they say one by one.
func TestBinarize(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, size := range []image.Point{{30, 30}, {300, 40}, {129, 301}} {
		g := image.NewGray(image.Rectangle{Max: size})
		for i := range g.Pix {
			g.Pix[i] = uint8(r.Uint32())
		}
		want, err := gozxing.NewHybridBinarizer(gozxing.NewLuminanceSourceFromImage(g)).GetBlackMatrix()
		if err != nil {
			t.Fatal(err)
		}
		got, err := binarize(g)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%v: other dots than one by one (%v)", size, err)
		}
	}
}
