package test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/test/machine"
)

// posted delivers messages with these subjects to the mailbox of machine m.
func posted(t *testing.T, m *machine.Machine, to string, subjects ...string) {
	t.Helper()
	p := dialProxy(t, m, "")
	p.want("220", p.answer())
	p.want("250", p.say("EHLO friend.example"))
	for _, subject := range subjects {
		p.want("250", p.say("MAIL FROM:<eva@friends.example>"))
		p.want("250", p.say("RCPT TO:<"+to+">"))
		p.want("354", p.say("DATA"))
		p.want("250", p.say("From: Eva <eva@friends.example>\r\nTo: "+to+"\r\nSubject: "+subject+"\r\nMessage-ID: <"+subject+"@friends.example>\r\nDate: Thu, 26 Nov 2026 10:00:00 +0000\r\n\r\nText of "+subject+"\r\nFrom the second line\r\n."))
	}
}

// runs is a program that ends within five minutes, whatever it waits for, and does not wait
// for what it has started.
func runs(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute) // also in a Cleanup, where t.Context() is over
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// client runs a real mail program in dir, its home.
func client(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := runs(t, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir, "TERM=xterm", "LC_ALL=C.UTF-8", "MAILCHECK=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A synced is one machine, and a Maildir that mbsync keeps equal to a mailbox.
type synced struct {
	t    *testing.T
	dir  string
	imap *reader
}

func (s synced) sync() string {
	s.t.Helper()
	return client(s.t, s.dir, "mbsync", "-V", "-c", filepath.Join(s.dir, "rc"), "-a")
}

// local lists the subjects in a folder of the Maildir, each with its flags.
func (s synced) local(folder string) (list []string) {
	s.t.Helper()
	for _, sub := range []string{"new", "cur"} {
		files, _ := filepath.Glob(filepath.Join(s.dir, "mail", folder, sub, "*"))
		for _, f := range files {
			content, err := os.ReadFile(f)
			if err != nil {
				s.t.Fatal(err)
			}
			_, flags, _ := strings.Cut(filepath.Base(f), ":2,")
			_, subject, _ := strings.Cut(string(content), "\nSubject: ")
			subject, _, _ = strings.Cut(subject, "\n")
			list = append(list, strings.TrimSpace(subject)+" "+flags)
		}
	}
	slices.Sort(list)
	return list
}

// remote is the same of the server's folder.
func (s synced) remote(folder string) (list []string) {
	s.t.Helper()
	s.imap.want("a OK", s.imap.say("EXAMINE "+folder))
	var entry string
	for _, line := range s.imap.say("FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])") {
		if strings.Contains(line, "FETCH") {
			entry = ""
			for _, f := range [][2]string{{`\Flagged`, "F"}, {`\Answered`, "R"}, {`\Seen`, "S"}, {`\Deleted`, "T"}} {
				if strings.Contains(line, f[0]) {
					entry += f[1]
				}
			}
		}
		if subject, ok := strings.CutPrefix(line, "Subject: "); ok {
			list = append(list, subject+" "+entry)
		}
	}
	slices.Sort(list)
	return list
}

func (s synced) equal(folder string, want ...string) {
	s.t.Helper()
	if got := s.local(folder); !slices.Equal(got, want) {
		s.t.Errorf("%s here: %q, want %q", folder, got, want)
	}
	if got := s.remote(folder); !slices.Equal(got, want) {
		s.t.Errorf("%s at the server: %q, want %q", folder, got, want)
	}
}

// TestMbsync changes both sides of a mailbox between runs of mbsync: they converge, and
// a run more finds nothing to do.
func TestMbsync(t *testing.T) {
	t.Parallel()
	m := serve(t, "hostname: mx.test.example\npolicies: [{name: default, pipeline: []}]\n", flowZone)
	ann := domain(t, m, "test.example")
	posted(t, m, ann, "one", "two", "three", "four")
	dir := t.TempDir()
	host, port, _ := net.SplitHostPort(m.IMAP)
	write(t, dir, "rc", fmt.Sprintf(`IMAPAccount a
Host %s
Port %s
User %s
Pass "%s"
SSLType None
AuthMechs LOGIN

IMAPStore far
Account a

MaildirStore near
Path %s/mail/
Inbox %s/mail/INBOX
SubFolders Verbatim

Channel c
Far :far:
Near :near:
Patterns *
Create Both
Remove Both
Expunge Both
CopyArrivalDate yes
SyncState *
`, host, port, ann, password, dir, dir))
	if err := os.Mkdir(filepath.Join(dir, "mail"), 0o700); err != nil {
		t.Fatal(err)
	}
	s := synced{t, dir, readMail(t, m, ann)}
	s.sync()
	s.equal("INBOX", "four ", "one ", "three ", "two ")

	// There: a flag, a deletion, a folder, a message more. Here: a flag, a deletion, a folder, a draft.
	s.imap.want("a OK", s.imap.say("SELECT INBOX"))
	s.imap.want("a OK", s.imap.say(`STORE 1 +FLAGS (\Seen \Answered)`))
	s.imap.want("a OK", s.imap.say(`STORE 2 +FLAGS (\Deleted)`))
	s.imap.want("a OK", s.imap.say(`EXPUNGE`))
	s.imap.want("a OK", s.imap.say(`CREATE Work/Été`))
	posted(t, m, ann, "five")
	for _, name := range []string{"cur", "new", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, "mail", "Plans", name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "mail", "Plans", "cur"), "1.local:2,S", "From: ann@test.example\nSubject: mine\n\nText\n")
	flag := func(subject, flags string) {
		t.Helper()
		for _, sub := range []string{"new", "cur"} {
			files, _ := filepath.Glob(filepath.Join(dir, "mail", "INBOX", sub, "*"))
			for _, f := range files {
				if content, _ := os.ReadFile(f); strings.Contains(string(content), "Subject: "+subject) {
					base, _, _ := strings.Cut(filepath.Base(f), ":2,")
					if err := os.Rename(f, filepath.Join(dir, "mail", "INBOX", "cur", base+":2,"+flags)); err != nil {
						t.Fatal(err)
					}
					return
				}
			}
		}
		t.Fatalf("no message %q here", subject)
	}
	flag("three", "FS")
	flag("four", "T")
	s.sync()
	s.equal("INBOX", "five ", "one RS", "three FS")
	s.equal("Plans", "mine S")
	if _, err := os.Stat(filepath.Join(dir, "mail", "Work", "&AMk-t&AOk-", "cur")); err != nil {
		t.Errorf("the folder that was made at the server: %v", err)
	}

	before := s.imap.say("STATUS INBOX (HIGHESTMODSEQ UIDNEXT)")
	s.sync()
	s.equal("INBOX", "five ", "one RS", "three FS")
	if after := s.imap.say("STATUS INBOX (HIGHESTMODSEQ UIDNEXT)"); !slices.Equal(before, after) {
		t.Errorf("a run with nothing to do changed %q to %q", before, after)
	}
}

// TestFetchers: fetchmail and getmail fetch an inbox by IMAP and by POP3, and what was
// fetched is fetched by nobody again.
func TestFetchers(t *testing.T) {
	t.Parallel()
	m := serve(t, "hostname: mx.test.example\npolicies: [{name: default, pipeline: []}]\n", flowZone)
	ann := domain(t, m, "test.example")
	fetchmail := func(protocol, addr string) string {
		dir := t.TempDir()
		host, port, _ := net.SplitHostPort(addr)
		write(t, dir, "rc", fmt.Sprintf("set no bouncemail\npoll %s protocol %s port %s user \"%s\" password \"%s\" sslproto '' nokeep fetchall mda \"cat >> %s/got\"\n", host, protocol, port, ann, password, dir))
		client(t, dir, "fetchmail", "--nosyslog", "-f", filepath.Join(dir, "rc"), "--pidfile", filepath.Join(dir, "pid"))
		got, _ := os.ReadFile(filepath.Join(dir, "got"))
		return string(got)
	}
	getmail := func(retriever, addr, more string) string {
		dir := t.TempDir()
		host, port, _ := net.SplitHostPort(addr)
		write(t, dir, "rc", fmt.Sprintf("[retriever]\ntype = %s\nserver = %s\nport = %s\nusername = %s\npassword = %s\n%s\n[destination]\ntype = MDA_external\npath = /bin/sh\narguments = (\"-c\", \"cat >> %s/got\")\nallow_root_commands = true\n[options]\ndelete = true\nverbose = 2\n", retriever, host, port, ann, password, more, dir))
		client(t, dir, "getmail", "--getmaildir", dir, "--rcfile", "rc")
		got, _ := os.ReadFile(filepath.Join(dir, "got"))
		return string(got)
	}
	for _, c := range []struct {
		name  string
		fetch func() string
	}{
		{"fetchmail IMAP", func() string { return fetchmail("imap", m.IMAP) }},
		{"fetchmail POP3", func() string { return fetchmail("pop3", m.POP3) }},
		{"getmail IMAP", func() string { return getmail("SimpleIMAPRetriever", m.IMAP, "mailboxes = (\"INBOX\",)") }},
		{"getmail POP3", func() string { return getmail("SimplePOP3Retriever", m.POP3, "") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			posted(t, m, ann, "first", "second")
			got := c.fetch()
			if strings.Count(got, "Subject: first\n") != 1 || strings.Count(got, "Subject: second\n") != 1 || !strings.Contains(got, "From the second line") {
				t.Errorf("got %q", got)
			}
			r := readMail(t, m, ann)
			r.want(" 0 EXISTS", r.say("SELECT INBOX"))
		})
	}
}

// TestMutt: mutt opens the inbox, saves a message to a folder that it makes, flags one and
// deletes one.
func TestMutt(t *testing.T) {
	t.Parallel()
	m := serve(t, "hostname: mx.test.example\npolicies: [{name: default, pipeline: []}]\n", flowZone)
	ann := domain(t, m, "test.example")
	posted(t, m, ann, "stays", "goes", "moves")
	dir := t.TempDir()
	write(t, dir, "rc", fmt.Sprintf(`set imap_user="%s"
set imap_pass="%s"
set folder="imap://%s/"
set spoolfile="imap://%s/INBOX"
set ssl_starttls=no ssl_force_tls=no
set sort=mailbox-order delete=yes confirmcreate=no confirmappend=no quit=yes mark_old=no
set header_cache="%s/cache" imap_qresync=yes imap_condstore=yes
push "/~s stays<enter><flag-message>/~s goes<enter><delete-message>/~s moves<enter><save-message><kill-line>=Saved/Here<enter><sync-mailbox><quit>"
`, ann, password, m.IMAP, m.IMAP, dir))
	client(t, dir, "script", "-qec", "stty rows 24 cols 80; exec mutt -n -F "+filepath.Join(dir, "rc"), "/dev/null")
	r := readMail(t, m, ann)
	r.want(" 1 EXISTS", r.say("SELECT INBOX"))
	r.want(`\Flagged`, r.say("FETCH 1 FLAGS"))
	r.want("Subject: stays", r.say("FETCH 1 BODY.PEEK[HEADER.FIELDS (SUBJECT)]"))
	r.want(" 1 EXISTS", r.say("SELECT Saved/Here"))
	r.want("Subject: moves", r.say("FETCH 1 BODY.PEEK[HEADER.FIELDS (SUBJECT)]"))
}

// TestProgramsAreTold: what a mail program asks for by the address is answered over the
// pages, and the records for the domain's zone name the same servers.
func TestProgramsAreTold(t *testing.T) {
	t.Parallel()
	m := serve(t, "hostname: mx.test.example\npolicies: [{name: default, pipeline: []}]\nclients: {services: [imaps://mail.test.example, submission://mail.test.example]}\nweb: {url: https://mail.test.example}\n", flowZone)
	domain(t, m, "test.example")
	run(t, m, "", "host", "add", "far", "--address", "192.0.2.7:25", "--roles", "smtp-in")
	run(t, m, "", "domain", "add", "passes.example", "--host", "far")
	if got, want := run(t, m, "", "domain", "records", "test.example"), "test.example. IN MX 10 mx.test.example.\n_imaps._tcp.test.example. IN SRV 10 1 993 mail.test.example.\n"; !strings.HasPrefix(got, want) {
		t.Errorf("records: got\n%s\nwant\n%s", got, want)
	}
	if got, want := run(t, m, "", "domain", "records", "passes.example"), "passes.example. IN MX 10 mx.test.example.\n"; got != want { // it has no mailboxes here
		t.Errorf("records: got\n%s\nwant\n%s", got, want)
	}
	curl := func(args ...string) string {
		return client(t, t.TempDir(), "curl", append([]string{"-sS"}, args...)...)
	}
	web := "http://" + m.Web
	if got := curl("-H", "Host: autoconfig.test.example", web+"/mail/config-v1.1.xml"); !strings.Contains(got, "<hostname>mail.test.example</hostname>") || !strings.Contains(got, "<port>993</port>") {
		t.Errorf("Thunderbird is told %s", got)
	}
	question := "<Autodiscover><Request><EMailAddress>ann@test.example</EMailAddress></Request></Autodiscover>"
	if got := curl("-H", "Content-Type: text/xml", "-d", question, web+"/autodiscover/autodiscover.xml"); !strings.Contains(got, "<LoginName>ann@test.example</LoginName>") {
		t.Errorf("Outlook is told %s", got)
	}
	if got := curl("-o", "/dev/null", "-w", "%{http_code}", web+"/mail/config-v1.1.xml?emailaddress=ann@passes.example"); got != "404" {
		t.Errorf("of a domain without mailboxes here: %s", got)
	}
}
