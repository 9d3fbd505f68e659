package filters

import (
	"slices"
	"strings"
	"testing"

	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// TestMalformedSettings: what can't be meant is an error.
func TestMalformedSettings(t *testing.T) {
	for name, o := range map[string]malformedOptions{
		"unknown finding": {Points: []malformedPoints{{"no-such", 1}}},
		"below 0":         {Points: []malformedPoints{{"no-date", -1}}},
		"most below 0":    {Most: -1},
	} {
		if _, err := newMalformed(o, "", nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// malformedFindings returns what the filter finds in a message, by the names of the findings.
func malformedFindings(t *testing.T, message string) (names []string) {
	t.Helper()
	filter, err := newMalformed(malformedOptions{Most: 5}, "mx.test", nil)
	if err != nil {
		t.Fatal(err)
	}
	tx := pipeline.NewTransaction(t.Context(), "id", goldenTime(), mail.Client{}, nil)
	defer tx.Close()
	got, err := filter.Check(t.Context(), pipeline.Query{Tx: tx.WithData(nil, mail.NewMessage([]byte(message)))})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range got.Evidence {
		names = append(names, e.Key)
	}
	return names
}

// TestMalformedStyle: style that is too much work to be looked at is told.
func TestMalformedStyle(t *testing.T) {
	const many = 3000
	sheet := "<style>" + strings.Repeat("p{"+strings.Repeat("color:red;", 10)+"}\n", many) + "</style>"
	for elements, want := range map[int]bool{1: false, many: true} {
		names := malformedFindings(t, "Content-Type: text/html\r\n\r\n"+sheet+strings.Repeat("<p>", elements))
		if slices.Contains(names, "too-much-style") != want {
			t.Errorf("%d elements: found %q", elements, names)
		}
	}
}

// TestMalformedBuried: text in so much else that not all of it can be looked at is told.
func TestMalformedBuried(t *testing.T) {
	hidden := "Content-Type: text/html\r\n\r\n<p hidden>" + strings.Repeat("x ", mail.MaxExtract)
	for name, tt := range map[string]struct {
		message string
		want    bool
	}{
		"little": {hidden + "</p><p>buy", true},
		"text":   {"\r\n" + strings.Repeat("words ", mail.MaxExtract), false},
		"all":    {"Content-Type: text/html\r\n\r\n<!-- " + strings.Repeat("x ", mail.MaxExtract) + "--><p>buy", false},
	} {
		if names := malformedFindings(t, tt.message); slices.Contains(names, "buried-text") != tt.want {
			t.Errorf("%s: found %q", name, names)
		}
	}
}

func FuzzMalformed(f *testing.F) {
	f.Add("From: \"a@b.example\" <c@d.example>\r\nDate: x\r\nReceived: by mx.test\r\nReply-To: ,;<\r\n\r\na\nb")
	filter, err := newMalformed(malformedOptions{Most: 5}, "mx.test", nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, message string) {
		tx := pipeline.NewTransaction(t.Context(), "id", goldenTime(), mail.Client{}, nil)
		defer tx.Close()
		got, err := filter.Check(t.Context(), pipeline.Query{Tx: tx.WithData(nil, mail.NewMessage([]byte(message)))})
		if err != nil || got.Score < 0 || got.Score > 5 || (got.Result == "none") != (got.Reason == "") {
			t.Errorf("%q: %+v, %v", message, got, err)
		}
	})
}
