// Package proxy reads what a load balancer says in front of a connection that it passes on:
// who the client is (the PROXY protocol, versions 1 and 2,
// https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt). Anybody can say such things:
// only peers that are trusted are believed, and they must say it, since who is silent has a
// client's word for the header.
package proxy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// A Header is what a load balancer says about the connection it passes on. Without
// addresses it speaks for itself, as in a health check.
type Header struct{ Source, Destination netip.AddrPort }

// ErrNoHeader is the cause of Parse's errors.
var ErrNoHeader = errors.New("proxy: no PROXY header")

const (
	signature = "\r\n\r\n\x00\r\nQUIT\n" // begins version 2
	maxLine   = 107                      // octets of a version 1 header at most
	maxLength = 4096                     // octets behind the fixed part of version 2 that we take
)

// MaxHeader is how many octets Parse reads at most.
const MaxHeader = 16 + maxLength

// Trusted reports whether a peer is in one of the networks whose word is taken.
func Trusted(networks []netip.Prefix, peer netip.Addr) bool {
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(peer) })
}

// Parse reads a header of either version and not an octet behind it, MaxHeader octets at
// most. The caller sets a time limit. It fails with ErrNoHeader, which wraps io.EOF where nothing came at all.
func Parse(in io.Reader) (Header, error) {
	var first [1]byte
	if _, err := io.ReadFull(in, first[:]); err != nil {
		return Header{}, fmt.Errorf("%w: %w", ErrNoHeader, err)
	}
	in = io.MultiReader(bytes.NewReader(first[:]), in)
	switch first[0] {
	case 'P':
		return parseText(in)
	case signature[0]:
		return parseBinary(in)
	}
	return Header{}, fmt.Errorf("%w: it begins with %q", ErrNoHeader, first[:]) // at once: who has none may send no more
}

// parseText reads version 1: PROXY TCP4 192.0.2.7 198.51.100.1 1025 25.
func parseText(in io.Reader) (Header, error) {
	line, err := readShortLine(in, maxLine)
	if err != nil {
		return Header{}, fmt.Errorf("%w: %w", ErrNoHeader, err)
	}
	f := strings.Split(line, " ")
	if len(f) >= 2 && f[0] == "PROXY" && f[1] == "UNKNOWN" {
		return Header{}, nil
	}
	if len(f) != 6 || f[0] != "PROXY" || f[1] != "TCP4" && f[1] != "TCP6" {
		return Header{}, fmt.Errorf("%w: %q", ErrNoHeader, line)
	}
	source, ok1 := parseEndpoint(f[2], f[4], f[1] == "TCP6")
	destination, ok2 := parseEndpoint(f[3], f[5], f[1] == "TCP6")
	if !ok1 || !ok2 {
		return Header{}, fmt.Errorf("%w: addresses in %q", ErrNoHeader, line)
	}
	return Header{source, destination}, nil
}

// readShortLine reads up to CRLF, limit octets at most, and never reads on.
func readShortLine(in io.Reader, limit int) (string, error) {
	var line []byte
	for len(line) < limit {
		var c [1]byte
		if _, err := io.ReadFull(in, c[:]); errors.Is(err, io.EOF) {
			return "", io.ErrUnexpectedEOF
		} else if err != nil {
			return "", err
		}
		line = append(line, c[0])
		if bytes.HasSuffix(line, []byte("\r\n")) {
			return string(line[:len(line)-2]), nil
		}
	}
	return "", errors.New("no end of line")
}

func parseEndpoint(addr, port string, six bool) (netip.AddrPort, bool) {
	a, err := netip.ParseAddr(addr)
	if err != nil || a.Is6() != six || a.Zone() != "" {
		return netip.AddrPort{}, false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return netip.AddrPortFrom(a, uint16(n)), err == nil
}

// parseBinary reads version 2: a signature, version and command, family
// and protocol, the length of the rest; then addresses, ports, and extensions
// that are of no use here.
func parseBinary(in io.Reader) (Header, error) {
	var fixed [16]byte
	if _, err := io.ReadFull(in, fixed[:]); err != nil {
		return Header{}, fmt.Errorf("%w: %w", ErrNoHeader, err)
	}
	length := int(binary.BigEndian.Uint16(fixed[14:]))
	if string(fixed[:12]) != signature || fixed[12]>>4 != 2 || length > maxLength {
		return Header{}, fmt.Errorf("%w: % x", ErrNoHeader, fixed)
	}
	rest := make([]byte, length)
	if _, err := io.ReadFull(in, rest); err != nil {
		return Header{}, fmt.Errorf("%w: %w", ErrNoHeader, err)
	}
	switch command := fixed[12] & 0xf; {
	case command == 0: // LOCAL
		return Header{}, nil
	case command != 1: // PROXY
		return Header{}, fmt.Errorf("%w: command %d", ErrNoHeader, command)
	}
	return parseAddresses(fixed[13], rest)
}

func parseAddresses(family byte, b []byte) (Header, error) {
	size := 4
	switch family {
	case 0x00: // unspecified: the proxy can't tell
		return Header{}, nil
	case 0x11: // TCP over IPv4
	case 0x21: // TCP over IPv6
		size = 16
	default:
		return Header{}, fmt.Errorf("%w: family %#x", ErrNoHeader, family)
	}
	if len(b) < 2*size+4 {
		return Header{}, fmt.Errorf("%w: %d octets of addresses", ErrNoHeader, len(b))
	}
	source, _ := netip.AddrFromSlice(b[:size])
	destination, _ := netip.AddrFromSlice(b[size : 2*size])
	ports := b[2*size:]
	return Header{
		netip.AddrPortFrom(source, binary.BigEndian.Uint16(ports)),
		netip.AddrPortFrom(destination, binary.BigEndian.Uint16(ports[2:])),
	}, nil
}
