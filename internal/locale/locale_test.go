package locale

import (
	"strings"
	"testing"
	"testing/fstest"
)

func files(en, fr string) fstest.MapFS {
	return fstest.MapFS{"en/a.txt": {Data: []byte(en)}, "fr/a.txt": {Data: []byte(fr)}}
}

const (
	english = "# heads\nhello = Hello %s\nheld = %d messages\nheld.one = %d message\nlong = one\n  two\nswap = %s then %s\nset = He said: \"why?\"\n"
	french  = "hello = Bonjour %s\nheld = %d messages\nheld.one = %d message\nlong = un deux\nswap = %[2]s après %[1]s\nset = Il a dit : « pourquoi ? » ; oui !\n"
)

func TestText(t *testing.T) {
	c, err := New(files(english, french), "en", "fr")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		lang, key string
		args      []any
		want      string
	}{
		{"en", "hello", []any{"Ann"}, "Hello Ann"},
		{"fr", "hello", []any{"Ann"}, "Bonjour Ann"},
		{"de", "hello", []any{"Ann"}, "Hello Ann"},
		{"en", "held", []any{0}, "0 messages"},
		{"fr", "held", []any{0}, "0 message"},
		{"en", "held", []any{1}, "1 message"},
		{"en", "long", nil, "one two"},
		{"fr", "swap", []any{"a", "b"}, "b après a"},
		{"en", "set", nil, "He said: \"why?\""},
		{"fr", "set", nil, "Il a dit\u00a0: «\u00a0pourquoi\u202f?\u00a0»\u202f; oui\u202f!"},
		{"en", "nothing", nil, "[nothing]"},
	} {
		if got := c.Text(tt.lang, tt.key, tt.args...); got != tt.want {
			t.Errorf("%s %s: got %q, want %q", tt.lang, tt.key, got, tt.want)
		}
	}
}

func TestMatch(t *testing.T) {
	c, err := New(files(english, french), "en", "fr")
	if err != nil {
		t.Fatal(err)
	}
	for wish, want := range map[string]string{
		"fr-CA": "fr", "de, fr;q=0.5": "fr", "de": "en", "": "en", "en-GB,fr": "en", "nonsense;;q": "en",
	} {
		if got := c.Match("", wish); got != want {
			t.Errorf("%q: got %s, want %s", wish, got, want)
		}
	}
	if got := c.Match("fr", "en"); got != "fr" {
		t.Errorf("got %s, want the first wish", got)
	}
}

func TestNewRefuses(t *testing.T) {
	for name, tt := range map[string]struct{ en, fr, want string }{
		"a text that is missing": {english, strings.Replace(french, "long = un deux\n", "", 1), "fr has no text for long"},
		"a text too many":        {english, french + "more = x\n", "only fr has a text for more"},
		"other verbs":            {english, strings.Replace(french, "Bonjour %s", "Bonjour", 1), "in hello"},
		"a key twice":            {english + "hello = x\n", french, "each key once"},
		"no text":                {english + "hm\n", french, "want KEY = TEXT"},
		"nothing to go on with":  {"  x\n" + english, french, "goes on with nothing"},
	} {
		if _, err := New(files(tt.en, tt.fr), "en", "fr"); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want …%s", name, err, tt.want)
		}
	}
}
