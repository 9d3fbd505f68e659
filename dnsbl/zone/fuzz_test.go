package zone

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/miekg/dns"
)

// FuzzPacket holds that any packet is answered with what another implementation can read,
// with its own question and in bounds; and that what that implementation takes for an
// ordinary question is answered as one.
func FuzzPacket(f *testing.F) {
	for _, name := range []string{"7.2.0.192.bl.example.org.", "evil.example.bl.example.org.", "bl.example.org.", ".", "2.0.192.bl.example.org."} {
		for _, typ := range []uint16{dns.TypeA, dns.TypeTXT, dns.TypeANY, dns.TypeIXFR, dns.TypeOPT} {
			m := new(dns.Msg).SetQuestion(name, typ)
			b, _ := m.Pack()
			f.Add(b)
			b, _ = m.SetEdns0(4096, true).Pack()
			f.Add(b)
		}
	}
	s := newServer(f, example(), nil)
	f.Fuzz(func(t *testing.T, packet []byte) {
		var r reply
		before := bytes.Clone(packet)
		b := s.datagram(&r, nil, packet, client)
		if !bytes.Equal(before, packet) {
			t.Fatal("the packet was changed")
		}
		var asked, a dns.Msg
		readable := asked.Unpack(packet) == nil
		if len(b) == 0 {
			if readable && !asked.Response {
				t.Fatalf("no answer to %v", &asked)
			}
			return
		}
		if err := a.Unpack(b); err != nil {
			t.Fatalf("answer %x to %x: %v", b, packet, err)
		}
		if !a.Response || a.RecursionAvailable || len(b) > ednsSize || len(a.Question) > 1 {
			t.Fatalf("answer %v", &a)
		}
		again, err := a.Pack()
		if err != nil || len(again) < headerSize || !bytes.Equal(again[:4], b[:4]) {
			t.Fatalf("packed again %x, was %x: %v", again, b, err)
		}
		if readable {
			asOrdinary(t, packet, &asked, &a)
		}
	})
}

// asOrdinary compares an answer with what miekg/dns would begin it with.
func asOrdinary(t *testing.T, packet []byte, asked, a *dns.Msg) {
	if asked.Opcode != dns.OpcodeQuery || len(asked.Question) != 1 || len(asked.Answer)+len(asked.Ns) > 0 || len(asked.Extra) > 1 {
		return
	}
	counts := []uint16{uint16(len(asked.Answer)), uint16(len(asked.Ns)), uint16(len(asked.Extra))}
	for i, n := range counts { // miekg/dns takes a packet that ends before its counts do
		if binary.BigEndian.Uint16(packet[6+2*i:]) != n {
			return
		}
	}
	q := asked.Question[0]
	if len(asked.Extra) == 1 && asked.IsEdns0() == nil || asked.Len() != len(packet) || q.Qtype == dns.TypeOPT {
		return // another thing, or with pointers or something behind
	}
	if e := asked.IsEdns0(); e != nil && (e.Hdr.Name != "." || e.Version() != 0) {
		return
	}
	want := new(dns.Msg).SetReply(asked)
	switch {
	case a.Rcode == dns.RcodeFormatError:
		t.Fatalf("%x is no fault: %v", packet, asked)
	case a.Id != want.Id, a.RecursionDesired != want.RecursionDesired, a.CheckingDisabled != want.CheckingDisabled:
		t.Fatalf("head %v, want %v", &a.MsgHdr, &want.MsgHdr)
	case len(a.Question) != 1 || a.Question[0] != q:
		t.Fatalf("question %v, want %v", a.Question, q)
	case (a.IsEdns0() != nil) != (asked.IsEdns0() != nil):
		t.Fatalf("EDNS: %v to %v", a, asked)
	}
}
