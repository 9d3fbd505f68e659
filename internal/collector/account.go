package collector

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"gatepost/internal/mail"
)

// Errors by which callers decide.
var (
	ErrInvalid = errors.New("not valid")
	ErrUnknown = errors.New("no such collector")
	ErrExists  = errors.New("there is one of that name")
	ErrTaken   = errors.New("it was taken before") // of a Mark that is there already
	ErrMany    = errors.New("the mailbox has as many as it may")
)

// Settings are what is said of an account, and by whom it may be changed.
type Settings struct {
	Name    string `json:"name"`             // lower-case letters, digits, "-", "." and "_"; unique
	Box     int64  `json:"box"`              // the mailbox's number: whose mail it is, or of Domain the fallback
	Domain  string `json:"domain,omitempty"` // multi-drop: whose addresses are looked for in the header; "": all is Box's
	Added   string `json:"added,omitempty"`  // by whom
	Created int64  `json:"created"`          // Unix seconds

	Protocol    string   `json:"protocol"` // pop3, imap
	Address     string   `json:"address"`  // host:port
	Security    string   `json:"security"` // tls, starttls, none, clear: see package remote
	Fingerprint string   `json:"fingerprint,omitempty"`
	User        string   `json:"user"`
	Folders     []string `json:"folders,omitempty"` // of imap; none: INBOX

	Interval time.Duration `json:"interval"`
	NewOnly  bool          `json:"new_only,omitempty"` // what was there at the first run stays out
	// Remove is when a message goes at the other server: a negative one is never, 0 at once, else so
	// long after it was taken.
	Remove   time.Duration `json:"remove"`
	Messages int           `json:"messages"` // of one run
	Octets   int64         `json:"octets"`   // of one run
	Paused   bool          `json:"paused,omitempty"`

	// Hops is how many Received fields the account's provider writes: the last of those names the
	// client, and what stands below was written by strangers. 0: the first address from the top that is
	// no private one and none of Networks, which are the provider's.
	Hops     int            `json:"hops,omitempty"`
	Networks []netip.Prefix `json:"networks,omitempty"`
	Fields   []string       `json:"fields,omitempty"` // of multi-drop, in order; none: DefaultFields

	// Whole is of an account that is brought as it is, with all folders, flags and dates, and judged by no
	// policy (see Source).
	Whole  bool   `json:"whole,omitempty"`
	For    string `json:"for,omitempty"`    // whose mail it is, where User is a master user
	Follow bool   `json:"follow,omitempty"` // it is visited again and again, until somebody ends that
}

// DefaultFields are where servers write for whom a message of a shared mailbox is.
func DefaultFields() []string { return []string{"Delivered-To", "Envelope-To", "X-Original-To"} }

// An Account is one with what became of it.
type Account struct {
	Settings
	ID       int64
	Password []byte // sealed; nobody here can read it
	Peer     string // the IP address that the session reached; it is not kept
	Token    string // by which a message is known that this account brought before
	Own
	State
}

// Own is what an account has more that the owner of its mailbox set up. Its session reaches no server
// but those that owners may have reached.
type Own struct {
	Owned     bool
	Identity  string    // the account's address, folded
	Confirmed time.Time // since when the owner may send as that; zero: he may not
}

// State is what became of an account's runs.
type State struct {
	Due      time.Time
	Last     time.Time // run; zero: none yet
	Good     time.Time // run without a fault; zero: none yet
	Failing  time.Time // since when runs fail; zero: the last did not
	Failures int       // in a row
	Fault    string    // of the last run
	Told     bool      // the owner was told of it
	Taken    int64     // messages, in all
	Size     int64     // their octets
	Left     int64     // that were there and could not be taken
}

// Bounds of settings.
const (
	MinInterval = time.Minute
	MaxInterval = 7 * 24 * time.Hour
	MaxName     = 64
	MaxFolders  = 50
	MaxMessages = 10_000
	MaxHops     = 20
	MaxNetworks = 100
	maxText     = 255
)

var (
	nameForm  = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*$`)
	fieldForm = regexp.MustCompile(`^[!-9;-~]{1,76}$`)
)

// WholePrefix begins the name of a whole account, behind which is the mailbox's address: no other can have it.
const WholePrefix = "import "

// Check says what is wrong with settings, wrapped in ErrInvalid.
func (s *Settings) Check() error {
	fault := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrInvalid}, args...)...)
	}
	switch {
	case s.Whole != strings.HasPrefix(s.Name, WholePrefix), !s.Whole && (len(s.Name) > MaxName || !nameForm.MatchString(s.Name)):
		return fault("name %.80q: lower-case letters, digits, \"-\", \".\" and \"_\", %d at most", s.Name, MaxName)
	case s.Protocol != "pop3" && s.Protocol != "imap":
		return fault("protocol %.80q: pop3 or imap", s.Protocol)
	case !slices.Contains([]string{"tls", "starttls", "none", "clear"}, s.Security):
		return fault("tls %.80q: tls, starttls, none or clear", s.Security)
	case s.User == "" || len(s.User) > maxText || strings.ContainsAny(s.User, "\r\n\x00"):
		return fault("user name: one to %d octets in one line", maxText)
	case s.Interval < MinInterval || s.Interval > MaxInterval:
		return fault("interval %v: %v to %v", s.Interval, MinInterval, MaxInterval)
	case s.Messages < 1 || s.Messages > MaxMessages:
		return fault("messages of one run: 1 to %d", MaxMessages)
	case s.Octets < 1:
		return fault("octets of one run: 1 or more")
	case s.Hops < 0 || s.Hops > MaxHops:
		return fault("hops: 0 to %d", MaxHops)
	case len(s.Networks) > MaxNetworks:
		return fault("networks: %d at most", MaxNetworks)
	case len(s.Folders) > 0 && s.Protocol == "pop3":
		return fault("folders: POP3 has none")
	case len(s.Folders) > MaxFolders:
		return fault("folders: %d at most", MaxFolders)
	case slices.ContainsFunc(s.Folders, func(f string) bool { return f == "" || len(f) > maxText || strings.ContainsAny(f, "\r\n\x00") }):
		return fault("folders: each of one to %d octets", maxText)
	case slices.ContainsFunc(s.Fields, func(f string) bool { return !fieldForm.MatchString(f) }) || len(s.Fields) > 20:
		return fault("fields: names of header fields, 20 at most")
	}
	return nil
}

// folders are those to look into.
func (s *Settings) folders() []string {
	if s.Protocol == "pop3" {
		return []string{""}
	}
	if len(s.Folders) == 0 {
		return []string{"INBOX"}
	}
	return s.Folders
}

// Recipients are the addresses of the domain that the provider wrote into a message of a shared
// mailbox: of the first of the fields that has any. What stands below the provider's own Received
// fields was written by whoever sent the message.
func (s *Settings) Recipients(h *mail.Header) (list []mail.Path) {
	fields := s.Fields
	if len(fields) == 0 {
		fields = DefaultFields()
	}
	own := provider(h, max(s.Hops, 1))
	for _, name := range fields {
		for _, f := range own {
			if strings.EqualFold(f.Name, name) {
				list = s.addresses(list, f.Value())
			}
		}
		if len(list) > 0 {
			return list
		}
	}
	return nil
}

// provider are the fields above the last of so many Received fields.
func provider(h *mail.Header, received int) []mail.Field {
	for n, f := range h.Fields {
		if strings.EqualFold(f.Name, "Received") {
			if received--; received == 0 {
				return h.Fields[:n]
			}
		}
	}
	return nil // fewer than the provider writes: then it wrote none of these
}

// maxRecipients bounds those of one message.
const maxRecipients = 100

// addresses adds those of a field that are of the domain. Exim's Envelope-To has several.
func (s *Settings) addresses(list []mail.Path, value string) []mail.Path {
	for _, part := range strings.Split(value, ",") {
		part = strings.TrimSpace(part)
		if at := strings.LastIndexByte(part, '<'); at >= 0 {
			part = part[at+1:]
		}
		p, err := mail.ParsePath(strings.TrimRight(part, "> "))
		if err != nil || !strings.EqualFold(p.Domain(), s.Domain) || len(list) >= maxRecipients {
			continue
		}
		if !slices.ContainsFunc(list, func(o mail.Path) bool { return o.Fold() == p.Fold() }) {
			list = append(list, p)
		}
	}
	return list
}
