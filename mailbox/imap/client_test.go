package imap_test

import (
	"bytes"
	"encoding/pem"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	imap2 "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"gatepost/mailbox/imap"
)

const letter = "From: Ann <ann@example.org>\r\nTo: Bob <bob@example.org>\r\nSubject: =?utf-8?q?Caf=C3=A9?=\r\n" +
	"Message-ID: <1@example.org>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" +
	"--b\r\nContent-Type: text/plain\r\n\r\nHello\r\n--b\r\nContent-Type: image/png; name=x.png\r\nContent-Transfer-Encoding: base64\r\n\r\niVBO\r\n--b--\r\n"

// go-imap's client understands what the server says.
func TestGoIMAPClient(t *testing.T) {
	s := start(t)
	c, err := imapclient.DialInsecure(s.addr, nil)
	check(t, err)
	defer c.Close()
	check(t, c.Login("ann@example.org", "secret").Wait())
	folders, err := c.List("", "*", &imap2.ListOptions{ReturnStatus: &imap2.StatusOptions{NumMessages: true}}).Collect()
	check(t, err)
	if len(folders) != 6 || folders[2].Mailbox != "INBOX" || *folders[2].Status.NumMessages != 0 {
		t.Errorf("folders: %+v", folders)
	}
	check(t, c.Create("Entwürfe & mehr", nil).Wait())

	a := c.Append("INBOX", int64(len(letter)), &imap2.AppendOptions{Flags: []imap2.Flag{"$Work"}, Time: time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)})
	_, err = io.WriteString(a, letter)
	check(t, err)
	check(t, a.Close())
	appended, err := a.Wait()
	check(t, err)
	selected, err := c.Select("INBOX", &imap2.SelectOptions{CondStore: true}).Wait()
	check(t, err)
	if selected.NumMessages != 1 || selected.UIDValidity != appended.UIDValidity || selected.UIDNext != 2 || selected.HighestModSeq == 0 {
		t.Errorf("select: %+v", selected)
	}

	section := &imap2.FetchItemBodySection{Part: []int{1}, Peek: true}
	binary := &imap2.FetchItemBinarySection{Part: []int{2}, Peek: true}
	got, err := c.Fetch(imap2.SeqSetNum(1), &imap2.FetchOptions{
		UID: true, Flags: true, InternalDate: true, RFC822Size: true, Envelope: true, ModSeq: true,
		BodyStructure: &imap2.FetchItemBodyStructure{Extended: true},
		BodySection:   []*imap2.FetchItemBodySection{section}, BinarySection: []*imap2.FetchItemBinarySection{binary},
	}).Collect()
	check(t, err)
	m := got[0]
	if m.UID != 1 || m.RFC822Size != int64(len(letter)) || m.InternalDate.Year() != 2020 || m.Envelope.Subject != "Café" ||
		m.Envelope.From[0].Addr() != "ann@example.org" || m.Envelope.MessageID != "1@example.org" || m.ModSeq == 0 {
		t.Errorf("fetch: %+v %+v", m, m.Envelope)
	}
	if body := m.BodyStructure.(*imap2.BodyStructureMultiPart); len(body.Children) != 2 || body.Children[1].(*imap2.BodyStructureSinglePart).Filename() != "x.png" {
		t.Errorf("structure: %+v", m.BodyStructure)
	}
	if string(m.FindBodySection(section)) != "Hello" || string(m.FindBinarySection(binary)) != "\x89PN" {
		t.Errorf("sections: %q %q", m.FindBodySection(section), m.FindBinarySection(binary))
	}

	found, err := c.UIDSearch(&imap2.SearchCriteria{Flag: []imap2.Flag{"$work"}, Header: []imap2.SearchCriteriaHeaderField{{Key: "Subject", Value: "café"}}}, nil).Wait()
	check(t, err)
	if uids := found.AllUIDs(); len(uids) != 1 || uids[0] != 1 {
		t.Errorf("search: %v", uids)
	}
	moved, err := c.Move(imap2.UIDSetNum(1), "Entwürfe & mehr").Wait()
	check(t, err)
	if moved.DestUIDs.String() != "1" {
		t.Errorf("move: %+v", moved)
	}
	check(t, c.Logout().Wait())
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Python's imaplib, over STARTTLS.
func TestPythonClient(t *testing.T) {
	config := certificate(t)
	s := start(t, func(s *imap.Server) { s.TLS = config })
	ca := filepath.Join(t.TempDir(), "ca.pem")
	check(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: config.Certificates[0].Certificate[0]}), 0o600))
	run(t, letter, "python3", "testdata/client.py", s.addr, ca)
}

// curl reads, lists, appends and searches.
func TestCurlClient(t *testing.T) {
	s := start(t)
	url := "imap://" + s.addr + "/"
	user := []string{"-sS", "--max-time", "20", "-u", "ann@example.org:secret"}
	curl := func(input string, args ...string) string {
		t.Helper()
		return run(t, input, "curl", append(user, args...)...)
	}
	curl("", "-T", put(t, letter), url+"INBOX")
	if got := curl("", url+"INBOX;UID=1"); got != letter {
		t.Errorf("message: got %q, want %q", got, letter)
	}
	if got := curl("", url+"INBOX;UID=1;SECTION=1"); got != "Hello" {
		t.Errorf("section: %q", got)
	}
	if got := curl("", url+"INBOX?SUBJECT%20caf"); !strings.Contains(got, "* SEARCH 1") {
		t.Errorf("search: %q", got)
	}
	if got := curl("", url); !strings.Contains(got, `* LIST (\HasNoChildren \Junk) "/" "Junk"`) {
		t.Errorf("list: %q", got)
	}
}

func put(t *testing.T, text string) string {
	path := filepath.Join(t.TempDir(), "letter.eml")
	check(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func run(t *testing.T, input, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = strings.NewReader(input), &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", name, err, out, stderr.Bytes())
	}
	return string(out)
}
