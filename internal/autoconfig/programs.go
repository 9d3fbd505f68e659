package autoconfig

import (
	"bytes"
	"crypto/sha1"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// MaxQuestion is how many octets of a question of Outlook's are read.
const MaxQuestion = 16 << 10

// ErrQuestion: not a question of Outlook's, or without an address.
var ErrQuestion = errors.New("not an Autodiscover request")

// Question reads the address out of what Outlook posts ([MS-OXDSCLI] §2.2.3.1).
func Question(r io.Reader) (address string, err error) {
	var q struct {
		Request struct {
			Address string `xml:"EMailAddress"`
			Schema  string `xml:"AcceptableResponseSchema"`
		}
	}
	if err := xml.NewDecoder(io.LimitReader(r, MaxQuestion)).Decode(&q); err != nil {
		return "", fmt.Errorf("%w: %w", ErrQuestion, err)
	}
	if q.Request.Schema != "" && q.Request.Schema != outlookSchema { // phones ask for ActiveSync, which is not here
		return "", fmt.Errorf("%w: schema %.100q", ErrQuestion, q.Request.Schema)
	}
	if !strings.Contains(q.Request.Address, "@") {
		return "", ErrQuestion
	}
	return q.Request.Address, nil
}

const outlookSchema = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"

type mozillaServer struct {
	Type     string `xml:"type,attr"`
	Host     string `xml:"hostname"`
	Port     int    `xml:"port"`
	Socket   string `xml:"socketType"`
	User     string `xml:"username"`
	Password string `xml:"authentication"`
}

// Thunderbird returns config-v1.1.xml. Thunderbird puts the address in by itself.
func (s Site) Thunderbird() ([]byte, error) {
	type provider struct {
		ID       string          `xml:"id,attr"`
		Domain   string          `xml:"domain"`
		Name     string          `xml:"displayName"`
		Short    string          `xml:"displayShortName"`
		Incoming []mozillaServer `xml:"incomingServer"`
		Outgoing []mozillaServer `xml:"outgoingServer"`
	}
	p := provider{ID: s.Domain, Domain: s.Domain, Name: s.Name, Short: s.Name}
	server := func(service Service) mozillaServer {
		socket := "STARTTLS"
		if service.Protocol.Implicit() {
			socket = "SSL"
		}
		return mozillaServer{service.Protocol.Kind(), service.Host, service.Port, socket, "%EMAILADDRESS%", "password-cleartext"}
	}
	for _, service := range s.of("imap", "pop3") {
		p.Incoming = append(p.Incoming, server(service))
	}
	for _, service := range s.of("smtp") {
		p.Outgoing = append(p.Outgoing, server(service))
	}
	return document("", struct {
		XMLName  xml.Name `xml:"clientConfig"`
		Version  string   `xml:"version,attr"`
		Provider provider `xml:"emailProvider"`
	}{Version: "1.1", Provider: p})
}

// Outlook returns the answer to a question for an address ([MS-OXDSCLI] §2.2.4.1).
func (s Site) Outlook(address string) ([]byte, error) {
	type protocol struct {
		Type       string
		Server     string
		Port       int
		LoginName  string
		SPA        string
		SSL        string
		Encryption string
		Auth       string `xml:"AuthRequired"`
	}
	type account struct {
		AccountType string
		Action      string
		Protocol    []protocol
	}
	a := account{AccountType: "email", Action: "settings"}
	for _, service := range s.of("imap", "pop3", "smtp") {
		encryption := "TLS" // by STARTTLS
		if service.Protocol.Implicit() {
			encryption = "SSL"
		}
		a.Protocol = append(a.Protocol, protocol{strings.ToUpper(service.Protocol.Kind()), service.Host, service.Port, address, "off", "on", encryption, "on"})
	}
	type response struct {
		XMLName xml.Name `xml:"http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a Response"`
		Account account
	}
	return document("", struct {
		XMLName  xml.Name `xml:"http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006 Autodiscover"`
		Response response
	}{Response: response{Account: a}})
}

// Apple returns a configuration profile for an address (a .mobileconfig; Apple's
// Configuration Profile Reference, payload com.apple.mail.managed). The device asks for the
// password. A profile takes the place of one with its identifier, so each address has its own:
// who has two mailboxes of a domain has both on his telephone. It fails where the site has no IMAP or POP3, or nothing to send by.
func (s Site) Apple(address string) ([]byte, error) {
	in, out := s.of("imap"), s.of("smtp")
	kind := "EmailTypeIMAP"
	if len(in) == 0 {
		in, kind = s.of("pop3"), "EmailTypePOP"
	}
	if len(in) == 0 || len(out) == 0 {
		return nil, fmt.Errorf("autoconfig: no profile for %s: there is no IMAP or POP3, or no submission", s.Domain)
	}
	id := reversed(s.Domain) + ".mail." + uuid("identifier "+address)
	account := dict{
		{"EmailAccountDescription", address}, {"EmailAccountType", kind}, {"EmailAddress", address},
		{"IncomingMailServerAuthentication", "EmailAuthPassword"}, {"IncomingMailServerHostName", in[0].Host}, {"IncomingMailServerPortNumber", in[0].Port},
		{"IncomingMailServerUseSSL", true}, {"IncomingMailServerUsername", address},
		{"OutgoingMailServerAuthentication", "EmailAuthPassword"}, {"OutgoingMailServerHostName", out[0].Host}, {"OutgoingMailServerPortNumber", out[0].Port},
		{"OutgoingMailServerUseSSL", true}, {"OutgoingMailServerUsername", address}, {"OutgoingPasswordSameAsIncomingPassword", true},
		{"PayloadDisplayName", address}, {"PayloadIdentifier", id + ".account"}, {"PayloadType", "com.apple.mail.managed"},
		{"PayloadUUID", uuid("account " + address)}, {"PayloadVersion", 1},
	}
	return document(`<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">`+"\n", struct {
		XMLName xml.Name `xml:"plist"`
		Version string   `xml:"version,attr"`
		Dict    dict     `xml:"dict"`
	}{Version: "1.0", Dict: dict{
		{"PayloadContent", account}, {"PayloadDisplayName", s.Name}, {"PayloadIdentifier", id},
		{"PayloadType", "Configuration"}, {"PayloadUUID", uuid("profile " + address)}, {"PayloadVersion", 1},
	}})
}

// A dict is a property list's: keys and values in turn.
type dict []struct {
	key   string
	value any
}

// MarshalXML implements xml.Marshaler.
func (d dict) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	element := func(name string) xml.StartElement { return xml.StartElement{Name: xml.Name{Local: name}} }
	if err := e.EncodeToken(start); err != nil {
		return err
	}
	for _, item := range d {
		err := e.EncodeElement(item.key, element("key"))
		switch v := item.value.(type) {
		case bool:
			err = errors.Join(err, e.EncodeElement("", element(fmt.Sprint(v))))
		case int:
			err = errors.Join(err, e.EncodeElement(v, element("integer")))
		case dict: // a profile's content is a list, of one
			err = errors.Join(err, e.EncodeElement(struct {
				Dict dict `xml:"dict"`
			}{v}, element("array")))
		default:
			err = errors.Join(err, e.EncodeElement(v, element("string")))
		}
		if err != nil {
			return err
		}
	}
	return e.EncodeToken(start.End())
}

func document(doctype string, v any) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(xml.Header + doctype)
	e := xml.NewEncoder(&b)
	e.Indent("", "  ")
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("autoconfig: %w", err)
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// reversed turns a domain's labels round, as identifiers of profiles have them.
func reversed(domain string) string {
	labels := strings.Split(domain, ".")
	slices.Reverse(labels)
	return strings.Join(labels, ".")
}

// uuid is the same for the same thing (RFC 9562 §5.5), so that a profile that is
// installed again takes the old one's place.
func uuid(of string) string {
	h := sha1.Sum([]byte("gatepost " + of))
	h[6], h[8] = h[6]&0x0f|0x50, h[8]&0x3f|0x80
	return strings.ToUpper(fmt.Sprintf("%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16]))
}
