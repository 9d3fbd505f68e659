package test

import (
	"strings"
	"testing"
)

// poplibScript fetches and deletes as Python's poplib does, over STLS with CAPA.
const poplibScript = `
import poplib, ssl, sys
host, port = sys.argv[1].rsplit(":", 1)
p = poplib.POP3(host, int(port), timeout=20)
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
p.stls(context)
assert "UIDL" in p.capa(), p.capa()
p.user(sys.argv[2])
p.pass_(sys.argv[3])
count, size = p.stat()
print(count, len(p.uidl()[1]))
for n in range(1, count + 1):
    print([l for l in p.retr(n)[1] if l.startswith(b"Subject: ")][0].decode())
    p.dele(n)
p.quit()
`

// TestPOP3: curl and Python's poplib read an inbox; what one deletes the other does not find.
func TestPOP3(t *testing.T) {
	t.Parallel()
	m := serve(t, "hostname: mx.test.example\npolicies: [{name: default, pipeline: []}]\n", flowZone)
	ann := domain(t, m, "test.example")
	p := dialProxy(t, m, "")
	p.want("220", p.answer())
	p.want("250", p.say("EHLO friend.example"))
	for _, subject := range []string{"one", "two"} {
		p.want("250", p.say("MAIL FROM:<eva@friends.example>"))
		p.want("250", p.say("RCPT TO:<"+ann+">"))
		p.want("354", p.say("DATA"))
		p.want("250", p.say("Subject: "+subject+"\r\n\r\n..a dot\r\n."))
	}
	curl := func(path string) string {
		out, err := runs(t, "curl", "-sS", "-u", ann+":"+password, "pop3://"+m.POP3+path).CombinedOutput()
		if err != nil {
			t.Fatalf("curl %s: %v\n%s", path, err, out)
		}
		return string(out)
	}
	if got := curl("/"); !strings.HasPrefix(got, "1 ") || !strings.Contains(got, "\n2 ") {
		t.Errorf("LIST by curl: %q", got)
	}
	if got := curl("/2"); !strings.Contains(got, "Subject: two\r\n\r\n.a dot\r\n") {
		t.Errorf("RETR by curl: %q", got)
	}
	out, err := runs(t, "python3", "-c", poplibScript, m.POP3, ann, password).CombinedOutput()
	if want := "2 2\nSubject: one\nSubject: two\n"; err != nil || string(out) != want {
		t.Errorf("poplib: %v\n%s\nwant %s", err, out, want)
	}
	if got := curl("/"); strings.TrimSpace(got) != "" {
		t.Errorf("after all were deleted: %q", got)
	}
}
