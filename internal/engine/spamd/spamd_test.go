package spamd

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"gatepost/internal/engine"
	"gatepost/internal/mail"
	"gatepost/test/peer"
)

const gtube = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"

func request(body string) engine.Request {
	return engine.Request{
		ID: "0123456789abcdefghij", Time: time.Unix(1_795_389_633, 0), Host: "mx.example.net",
		Client: mail.Client{Addr: netip.MustParseAddr("192.0.2.7"), Helo: "mail.example.org", ESMTP: true}, ClientName: "mail.example.org",
		Envelope: mail.Envelope{ReversePath: "ann@example.org", Recipients: []mail.Path{"bob@example.net"}},
		Message: mail.NewMessage([]byte("From: Ann <ann@example.org>\r\nTo: bob@example.net\r\nSubject: lunch\r\n" +
			"Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@example.org>\r\n\r\n" + body + "\r\n")),
	}
}

func limited(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// TestSpamd asks Debian's spamd.
func TestSpamd(t *testing.T) {
	e, err := peer.StartSpamd()
	if errors.Is(err, peer.ErrMissing) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Stop)
	g, err := Grade(limited(t), e.Addr, request(gtube))
	if err != nil || !g.Spam || g.Score < 900 || g.Required != 5 || !has(g, "GTUBE") {
		t.Errorf("GTUBE: got %+v, %v\n%s", g, err, e.Log())
	}
	g, err = Grade(limited(t), e.Addr, request("at noon?"))
	if err != nil || g.Spam || g.Score > 5 || has(g, "GTUBE") {
		t.Errorf("harmless: got %+v, %v", g, err)
	}
	if has(g, "NO_RELAYS") || has(g, "NO_RECEIVED") {
		t.Errorf("it does not see the client: %+v", g)
	}
	r := request(strings.Repeat("filler\r\n", 1000) + gtube)
	r.Most = 1000
	if g, err = Grade(limited(t), e.Addr, r); err != nil || has(g, "GTUBE") {
		t.Errorf("beyond the bound: got %+v, %v", g, err)
	}
	if info, err := Probe(limited(t), e.Addr); err != nil || !strings.HasPrefix(info.Version, "SPAMD/") {
		t.Errorf("probe: got %+v, %v", info, err)
	}
	e.Freeze()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if g, err := Grade(ctx, e.Addr, request(gtube)); err == nil {
		t.Errorf("frozen: got %+v and no error", g)
	}
	e.Thaw()
	e.Kill()
	if g, err := Grade(limited(t), e.Addr, request(gtube)); err == nil {
		t.Errorf("killed: got %+v and no error", g)
	}
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	if g, err := Grade(limited(t), e.Addr, request(gtube)); err != nil || !g.Spam {
		t.Errorf("started again: got %+v, %v\n%s", g, err, e.Log())
	}
}

func has(g engine.Grade, name string) bool {
	for _, x := range g.Tests {
		if x.Name == name {
			return true
		}
	}
	return false
}

func TestSend(t *testing.T) {
	r := request("at noon?")
	r.User = "bob@example.net"
	var b bytes.Buffer
	if err := send(&b, r); err != nil {
		t.Fatal(err)
	}
	head, message, _ := strings.Cut(b.String(), "\r\n\r\n")
	if head != "REPORT SPAMC/1.5\r\nContent-length: 343\r\nUser: bob@example.net" || len(message) != 343 {
		t.Errorf("got %q and %d octets", head, len(message))
	}
	if want := "Return-Path: <ann@example.org>\r\nReceived: from mail.example.org (mail.example.org [192.0.2.7]) by"; !strings.HasPrefix(message, want) {
		t.Errorf("got %q, want %q…", message, want)
	}
	r.User = "bob\r\nX: y"
	if err := send(io.Discard, r); err == nil {
		t.Error("a user that makes a line of his own is taken")
	}
}

const ok = "SPAMD/1.1 0 EX_OK\r\n"

func TestRead(t *testing.T) {
	for _, c := range []struct {
		name, answer, wrong string
		want                engine.Grade
	}{
		{name: "spam", answer: ok + "Content-length: 10\r\nSpam: True ; 7.2 / 5.0\r\n\r\nSpam detection\n\n 2.5 URI_HEX   URI: hex\n-0.0 SPF_PASS SPF: ok\n* 1.0 A  x\n  bla 1.0 B\n",
			want: engine.Grade{Score: 7.2, Required: 5, Spam: true, Tests: []engine.Test{{Name: "URI_HEX", Points: 2.5, Text: "URI: hex"}, {Name: "SPF_PASS", Text: "SPF: ok"}, {Name: "A", Points: 1, Text: "x"}}}},
		{name: "ham", answer: ok + "spam: False ; -1 / 5\r\n\r\n", want: engine.Grade{Score: -1, Required: 5}},
		{name: "error", answer: "SPAMD/1.0 75 EX_TEMPFAIL\r\n\r\n", wrong: "EX_TEMPFAIL"},
		{name: "nonsense", answer: "HTTP/1.1 200 OK\r\n\r\n", wrong: "answered"},
		{name: "no judgement", answer: ok + "\r\n", wrong: "without a judgement"},
		{name: "no number", answer: ok + "Spam: True ; x / 5.0\r\n\r\n", wrong: "no judgement"},
		{name: "infinite", answer: ok + "Spam: True ; +Inf / 5.0\r\n\r\n", wrong: "no judgement"},
		{name: "no word", answer: ok + "Spam: Perhaps ; 1 / 5.0\r\n\r\n", wrong: "no judgement"},
		{name: "cut", answer: ok + "Spam: True ; 7.2", wrong: "unexpected EOF"},
		{name: "nothing", answer: "", wrong: "unexpected EOF"},
		{name: "long line", answer: strings.Repeat("x", 2000), wrong: "more than"},
		{name: "long head", answer: ok + strings.Repeat("a: b\r\n", 100), wrong: "more than"},
	} {
		g, err := read(strings.NewReader(c.answer))
		if (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.wrong)
		}
		if err == nil && (g.Score != c.want.Score || g.Required != c.want.Required || g.Spam != c.want.Spam || len(g.Tests) != len(c.want.Tests)) {
			t.Errorf("%s: got %+v, want %+v", c.name, g, c.want)
		}
		for i := range min(len(g.Tests), len(c.want.Tests)) {
			if g.Tests[i] != c.want.Tests[i] {
				t.Errorf("%s: got %+v, want %+v", c.name, g.Tests[i], c.want.Tests[i])
			}
		}
	}
}

// TestEndless: an answer that never ends costs little.
func TestEndless(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		io.WriteString(c, ok+"Spam: True ; 7 / 5\r\n\r\n")
		for line := strings.Repeat(" 1.0 RULE  text\n", 1000); err == nil; {
			_, err = io.WriteString(c, line)
		}
	}()
	g, err := Grade(limited(t), l.Addr().String(), request("x"))
	if err != nil || len(g.Tests) != engine.MaxTests {
		t.Errorf("got %d tests, %v", len(g.Tests), err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(ok + "Content-length: 10\r\nSpam: True ; 7.2 / 5.0\r\n\r\n 2.5 URI_HEX   URI: hex\n"))
	f.Add([]byte("SPAMD/1.0 75 EX_TEMPFAIL\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := read(bytes.NewReader(b))
		if err == nil && !finite(g.Score, g.Required) || len(g.Tests) > engine.MaxTests {
			t.Errorf("got %+v", g)
		}
	})
}
