package smtpd

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
)

// A proxyHeader is what a load balancer says about the connection it passes on
// (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt). Without
// addresses it speaks for itself, as in a health check.
type proxyHeader struct{ source, destination netip.AddrPort }

var errProxy = errors.New("smtpd: no PROXY header")

const (
	proxySignature = "\r\n\r\n\x00\r\nQUIT\n" // begins version 2
	proxyLine      = 107                      // octets of a version 1 header at most
	proxyLength    = 4096                     // octets behind the fixed part of version 2 that we take
	proxyBuffer    = 16 + proxyLength
)

// parseProxy reads a header of either version and nothing behind it.
func parseProxy(in *bufio.Reader) (proxyHeader, error) {
	first, err := in.Peek(1)
	if err != nil {
		return proxyHeader{}, fmt.Errorf("%w: %w", errProxy, err)
	}
	if first[0] == 'P' {
		return parseProxyText(in)
	}
	return parseProxyBinary(in)
}

// parseProxyText reads version 1: PROXY TCP4 192.0.2.7 198.51.100.1 1025 25.
func parseProxyText(in *bufio.Reader) (proxyHeader, error) {
	line, err := readShortLine(in, proxyLine)
	if err != nil {
		return proxyHeader{}, fmt.Errorf("%w: %w", errProxy, err)
	}
	f := strings.Split(line, " ")
	if len(f) >= 2 && f[0] == "PROXY" && f[1] == "UNKNOWN" {
		return proxyHeader{}, nil
	}
	if len(f) != 6 || f[0] != "PROXY" || f[1] != "TCP4" && f[1] != "TCP6" {
		return proxyHeader{}, fmt.Errorf("%w: %q", errProxy, line)
	}
	source, ok1 := parseEndpoint(f[2], f[4], f[1] == "TCP6")
	destination, ok2 := parseEndpoint(f[3], f[5], f[1] == "TCP6")
	if !ok1 || !ok2 {
		return proxyHeader{}, fmt.Errorf("%w: addresses in %q", errProxy, line)
	}
	return proxyHeader{source, destination}, nil
}

// readShortLine reads up to CRLF, limit octets at most, and never reads on.
func readShortLine(in *bufio.Reader, limit int) (string, error) {
	var line []byte
	for len(line) < limit {
		c, err := in.ReadByte()
		if err != nil {
			return "", err
		}
		line = append(line, c)
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

// parseProxyBinary reads version 2: a signature, version and command, family
// and protocol, the length of the rest; then addresses, ports, and extensions
// that are of no use here.
func parseProxyBinary(in *bufio.Reader) (proxyHeader, error) {
	var fixed [16]byte
	if _, err := io.ReadFull(in, fixed[:]); err != nil {
		return proxyHeader{}, fmt.Errorf("%w: %w", errProxy, err)
	}
	length := int(binary.BigEndian.Uint16(fixed[14:]))
	if string(fixed[:12]) != proxySignature || fixed[12]>>4 != 2 || length > proxyLength {
		return proxyHeader{}, fmt.Errorf("%w: % x", errProxy, fixed)
	}
	rest := make([]byte, length)
	if _, err := io.ReadFull(in, rest); err != nil {
		return proxyHeader{}, fmt.Errorf("%w: %w", errProxy, err)
	}
	switch command := fixed[12] & 0xf; {
	case command == 0: // LOCAL
		return proxyHeader{}, nil
	case command != 1: // PROXY
		return proxyHeader{}, fmt.Errorf("%w: command %d", errProxy, command)
	}
	return parseProxyAddresses(fixed[13], rest)
}

func parseProxyAddresses(family byte, b []byte) (proxyHeader, error) {
	size := 4
	switch family {
	case 0x00: // unspecified: the proxy can't tell
		return proxyHeader{}, nil
	case 0x11: // TCP over IPv4
	case 0x21: // TCP over IPv6
		size = 16
	default:
		return proxyHeader{}, fmt.Errorf("%w: family %#x", errProxy, family)
	}
	if len(b) < 2*size+4 {
		return proxyHeader{}, fmt.Errorf("%w: %d octets of addresses", errProxy, len(b))
	}
	source, _ := netip.AddrFromSlice(b[:size])
	destination, _ := netip.AddrFromSlice(b[size : 2*size])
	ports := b[2*size:]
	return proxyHeader{
		netip.AddrPortFrom(source, binary.BigEndian.Uint16(ports)),
		netip.AddrPortFrom(destination, binary.BigEndian.Uint16(ports[2:])),
	}, nil
}
