package app

import (
	"os/exec"
	"testing"
)

// What the demo prints is one word to a shell, whatever the directory is called.
func TestShellWord(t *testing.T) {
	for text, want := range map[string]string{
		"/tmp/demo": "/tmp/demo", "": "''", "/tmp/my demo": "'/tmp/my demo'", "it's $HOME": `'it'\''s $HOME'`, "a;b": "'a;b'",
	} {
		got := shellWord(text)
		if got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
		if out, err := exec.CommandContext(t.Context(), "sh", "-c", "printf %s "+got).Output(); err != nil || string(out) != text {
			t.Errorf("%s is %q to a shell: %v", got, out, err)
		}
	}
}
