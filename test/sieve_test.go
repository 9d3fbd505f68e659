package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestManageSieve: sieve-connect, over STARTTLS, keeps the scripts of a mailbox.
func TestManageSieve(t *testing.T) {
	t.Parallel()
	m := serve(t, "hostname: mx.test.example\npolicies: [{name: default, pipeline: []}]\n", flowZone)
	ann := domain(t, m, "test.example")
	host, port, _ := strings.Cut(m.Sieve, ":")
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := write("good.sieve", "require \"fileinto\";\nif header :contains \"subject\" \"tank\" { fileinto \"Archive\"; }\n")
	bad := write("bad.sieve", "keep;\nfileinto \"Archive\";\n")
	connect := func(args ...string) (string, error) {
		cmd := runs(t, "sieve-connect", append([]string{"--server", host, "--port", port, "--user", ann, "--passwordfd", "0", "--nosslverify"}, args...)...)
		cmd.Stdin = strings.NewReader(password + "\n")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	for _, tt := range []struct {
		args []string
		want string
		fail bool
	}{
		{[]string{"--upload", "--localsieve", good, "--remotesieve", "main"}, "", false},
		{[]string{"--upload", "--localsieve", bad, "--remotesieve", "other"}, `line 2: fileinto works only behind: require`, true},
		{[]string{"--activate", "--remotesieve", "main"}, "", false},
		{[]string{"--list"}, `"main" ACTIVE`, false},
		{[]string{"--download", "--localsieve", filepath.Join(dir, "back.sieve"), "--remotesieve", "main"}, "", false},
		{[]string{"--delete", "--remotesieve", "main"}, "active", true},
		{[]string{"--upload", "--localsieve", good, "--remotesieve", "gatepost"}, "", false},
		{[]string{"--delete", "--remotesieve", "gatepost"}, "", false},
	} {
		out, err := connect(tt.args...)
		if (err != nil) != tt.fail || !strings.Contains(out, tt.want) {
			t.Fatalf("sieve-connect %q: %v\n%s\nwant %q", tt.args, err, out, tt.want)
		}
	}
	if got := run(t, m, "", "vacation", "set", ann, "--text", "away"); !strings.Contains(got, "then:     main") {
		t.Errorf("vacation set says %s", got)
	}
	if out, err := connect("--list"); err != nil || !strings.Contains(out, `"gatepost" ACTIVE`) {
		t.Errorf("with a vacation: %v\n%s", err, out)
	}
	run(t, m, "", "vacation", "off", ann)
	if got := run(t, m, "", "sieve", "show", ann); !strings.Contains(got, "tank") {
		t.Errorf("behind the vacation: %s", got)
	}
	back, err := os.ReadFile(filepath.Join(dir, "back.sieve"))
	if want := "fileinto \"Archive\""; err != nil || !strings.Contains(string(back), want) {
		t.Errorf("came back: %q, %v", back, err)
	}
}
