package filters

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"gatepost/internal/mail"
	"gatepost/internal/outbreak"
	"gatepost/pipeline"
)

// What a partner sends to a firm's people one by one is no outbreak; the same to people of ten firms is, if it
// can do harm. What is suspect is released by an operator alone.
func TestSuspectFiles(t *testing.T) {
	zipped := func(name, content string) string {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	program := "MZ" + strings.Repeat("\x00\x01 program ", 20)
	letters := strings.Repeat("a letter to all of you ", 20)
	firms := func(i int) mail.Path { return mail.Path(fmt.Sprintf("ann@firm%d.example", i)) }
	for name, tt := range map[string]struct {
		content string
		to      func(int) mail.Path
		want    string
	}{
		"a program, to ten firms":             {program, firms, "suspect"},
		"a program, to ten of a firm":         {program, func(i int) mail.Path { return mail.Path(fmt.Sprintf("u%d@firm.example", i)) }, "none"},
		"to ten branches of a firm":           {program, func(i int) mail.Path { return mail.Path(fmt.Sprintf("ann@b%d.firm.example", i)) }, "none"},
		"an archive of letters, to ten":       {zipped("letter.txt", letters), firms, "none"},
		"an archive of archives of letters":   {zipped("in.zip", zipped("letter.txt", letters)), firms, "none"},
		"an archive with a program, to ten":   {zipped("letter.exe", program), firms, "suspect"},
		"the same, in another archive":        {zipped("in.zip", zipped("letter.exe", program)), firms, "suspect"},
		"an archive that nobody here unpacks": {zipped("in.arj", "\x60\xea\x2c\x00\x22\x06\x01\x00\x10\x00\x02\x00"+letters), firms, "suspect"},
	} {
		t.Run(name, func(t *testing.T) {
			book := outbreak.New(outbreak.Config{Now: goldenTime})
			kind := attachmentHashKind(Deps{Outbreak: book})
			f, err := kind.New(kind.Options())
			if err != nil {
				t.Fatal(err)
			}
			text := "From: partner@far.example\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n" +
				"Content-Disposition: attachment; filename=f\r\n\r\n" + base64.StdEncoding.EncodeToString([]byte(tt.content)) + "\r\n"
			for i := range 10 {
				tx := pipeline.NewTransaction(t.Context(), "id", goldenTime(), mail.Client{Addr: netip.MustParseAddr("192.0.2.7")}, nil).
					WithMail("partner@far.example", mail.Params{}).WithRcpt().WithData([]mail.Path{tt.to(i)}, mail.NewMessage([]byte(text)))
				q := pipeline.Query{Tx: tx, Recipient: tt.to(i)}
				found, err := f.Check(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				if want := map[bool]string{true: tt.want, false: "none"}[i == 9]; found.Result != want {
					t.Errorf("to %s: %s %s, want %s", tt.to(i), found.Result, found.Reason, want)
				}
				if err := f.(pipeline.Recorder).Record(t.Context(), q, found); err != nil {
					t.Fatal(err)
				}
				tx.Close()
			}
			for _, r := range kind.Results {
				if r.Guards != (r.Word == "suspect" || r.Word == "virus") {
					t.Errorf("%s: guarded %v", r.Word, r.Guards)
				}
			}
		})
	}
}
