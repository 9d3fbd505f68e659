package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestContent(t *testing.T) {
	whole := []string{"endpoint=https://s3.example.org", "bucket=mail", "access_key=a", "secret_key=s"}
	for _, c := range []struct {
		name string
		sets []string
		want string
	}{
		{"none", nil, ""},
		{"whole", whole, ""},
		{"with a prefix", append(whole[:4:4], "prefix=a/b/"), ""},
		{"a bucket nowhere", []string{"bucket=mail"}, "does not say where"},
		{"no address", append(whole[:4:4], "endpoint=s3.example.org"), "no address such as"},
		{"an address with a path", append(whole[:4:4], "endpoint=https://s3.example.org/mail"), "no address such as"},
		{"no bucket's name", append(whole[:4:4], "bucket=Mail_"), "no bucket's name"},
		{"no prefix", append(whole[:4:4], "prefix=/a"), "of the form path/"},
		{"no keys", whole[:2], "set one of them"},
		{"a key twice", append(whole[:4:4], "secret_key_file=/k"), "both set"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var sets []string
			for _, set := range c.sets {
				sets = append(sets, "content.s3."+set)
			}
			_, err := Load("", sets, nil)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestKeys(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	for text, ok := range map[string]bool{"secret\n": true, "": false, "two words\n": false} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		access, secret, err := S3{AccessKey: "name", SecretKeyFile: file}.Keys()
		if (err == nil) != ok || ok && (access != "name" || secret != "secret") {
			t.Errorf("%q: got %q, %q, %v", text, access, secret, err)
		}
	}
}
