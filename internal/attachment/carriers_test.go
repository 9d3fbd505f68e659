package attachment

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gatepost/internal/mail"
)

// signature is what the scanner of these tests looks for, in what is packed, too.
const signature = "a-virus-has-this"

// infected scans as engines do: whatever it is given, with what is in it.
func infected(t *testing.T) func(context.Context, *mail.Message) bool {
	return func(_ context.Context, file *mail.Message) bool {
		b, err := io.ReadAll(file.Reader())
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Contains(b, []byte(signature))
	}
}

// Nobody can have somebody else's file known as a virus, wherever he puts one.
func TestCarriersAreWhatIsInfectedAlone(t *testing.T) {
	virus, honest := "MZ"+strings.Repeat("\x00\x01virus", 40)+signature, "MZ"+strings.Repeat("\x00\x01honest", 40)
	zip := string(zipped(t, named{"honest.exe", []byte(honest)}))
	both := string(zipped(t, named{"honest.exe", []byte(honest)})) + signature
	part := func(head, content string) string {
		return "--b\r\n" + head + "\r\n\r\n" + content + "\r\n"
	}
	file := func(content string) string {
		return part("Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=f", strings.NewReplacer("\n", "\r\n").Replace(content))
	}
	packed := func(content string) string {
		var b strings.Builder
		for i := range len(content) {
			b.WriteString("=" + strings.ToUpper(strconv.FormatUint(uint64(content[i])+0x100, 16)[1:]) + "=\r\n")
		}
		return part("Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: quoted-printable\r\nContent-Disposition: attachment; filename=f", b.String())
	}
	for name, tt := range map[string]struct {
		body string
		want []string
	}{
		"in the text":                    {part("Content-Type: text/plain", signature) + packed(zip), nil},
		"in the page":                    {part("Content-Type: text/html", "<p>"+signature) + packed(honest), nil},
		"in a short file without a flag": {file(signature) + packed(zip), nil},
		"before the first part":          {signature + "\r\n" + packed(honest), nil},
		"the file":                       {part("Content-Type: text/plain", "hello") + packed(virus), []string{virus}},
		"beside another's":               {packed(honest) + packed(virus) + packed(zip), []string{virus}},
		"two":                            {packed(virus) + packed("MZ"+virus), []string{virus, "MZ" + virus}},
		"twice":                          {packed(virus) + packed(virus), []string{virus}},
		"in an archive of honest":        {packed(both), []string{both}},
		"nowhere":                        {packed(honest), nil},
	} {
		t.Run(name, func(t *testing.T) {
			var want []Sum
			for _, content := range tt.want {
				want = append(want, sha256.Sum256([]byte(content)))
			}
			m := mail.NewMessage([]byte("From: a@example.org\r\nSubject: " + signature + "\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + tt.body + "--b--\r\n"))
			if got := Carriers(t.Context(), m, infected(t)); !slices.Equal(got, want) {
				t.Errorf("got %x, want %x", got, want)
			}
		})
	}
}

// What a message of many attachments costs is bounded.
func TestCarriersAskAboutFew(t *testing.T) {
	var files []named
	for i := range 2 * maxAsked {
		files = append(files, named{"f", []byte("MZ" + strings.Repeat("\x00\x01program", 40) + strconv.Itoa(i))})
	}
	asked := 0
	Carriers(t.Context(), message(files...), func(context.Context, *mail.Message) bool { asked++; return true })
	if asked != maxAsked {
		t.Errorf("asked about %d", asked)
	}
}
