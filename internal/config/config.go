// Package config turns what an admin wrote into values: config.yaml, the
// environment, and --set flags, the later over the earlier, all over the defaults
// of the config.yaml that is built in. Load is the way in.
//
// It is strict. A key that does not exist, a value of the wrong kind, a number
// out of range are Problems: each tells file and line and what was meant, and all
// are told at once, so that one run of `gatepost check` shows everything there is
// to mend.
//
// The result is a plain struct; nothing looks into files or the environment
// afterwards. A reload is another Load. What the filters' settings mean is not
// known here: policies are handed on as pipeline.Specs, which Compile checks
// against the catalogue.
package config

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"gatepost/pipeline"
)

// A Config is every setting. The comments in config.yaml say what they do; here
// stand the units and what zero means.
type Config struct {
	Hostname        string         `key:"hostname"` // never empty after Load: the system's name takes its place
	Data            string         `key:"data"`     // the data directory
	DefaultPolicy   string         `key:"default_policy"`
	SplitRecipients bool           `key:"split_recipients"`
	RelayInline     bool           `key:"relay_inline"`
	TrustedRelays   []netip.Prefix `key:"trusted_relays"`
	Store           Store          `key:"store"`
	Content         Content        `key:"content"`
	Listen          Listen         `key:"listen"`
	TLS             TLS            `key:"tls"`
	Proxy           Proxy          `key:"proxy"`
	Resolver        Resolver       `key:"resolver"`
	Limits          Limits         `key:"limits"`
	Queue           Queue          `key:"queue"`
	Submission      Submission     `key:"submission"`
	Relay           Relay          `key:"relay"`
	Sent            Sent           `key:"sent"`
	Signing         Signing        `key:"signing"`
	Sieve           Sieve          `key:"sieve"`
	Folders         Folders        `key:"folders"`
	Sharing         Sharing        `key:"sharing"`
	Quarantine      Quarantine     `key:"quarantine"`
	Quota           Quota          `key:"quota"`
	Collector       Collector      `key:"collector"`
	Keeping         Keeping        `key:"keeping"`
	History         History        `key:"history"`
	Challenge       Challenge      `key:"challenge"`
	Complaints      Complaints     `key:"complaints"`
	DMARC           DMARC          `key:"dmarc"`
	Clients         Clients        `key:"clients"`
	Digest          Digest         `key:"digest"`
	Web             Web            `key:"web"`
	Passwords       Passwords      `key:"passwords"`
	Bans            Bans           `key:"bans"`
	Journal         Journal        `key:"journal"`
	Log             Log            `key:"log"`
	DNSBLZone       DNSBLZone      `key:"dnsbl_zone"`
	GeoIP           GeoIP          `key:"geoip"`

	Gate     pipeline.Spec   `key:"-"`
	Policies []pipeline.Spec `key:"-"`
	Lookups  []Lookup        `key:"-"`
	Packs    []Pack          `key:"-"`

	IdentityProviders []IdentityProvider `key:"-"`
	SendingAddresses  []SendingAddress   `key:"-"`

	gateFile, policiesFile string // where the two lists stand, for Compile
}

// Listen has the listeners of each protocol. An empty list is off.
type Listen struct {
	SMTP       []Listener `key:"smtp"`
	Submission []Listener `key:"submission"`
	SMTPS      []Listener `key:"smtps"`
	IMAP       []Listener `key:"imap"`
	IMAPS      []Listener `key:"imaps"`
	POP3       []Listener `key:"pop3"`
	POP3S      []Listener `key:"pop3s"`
	Sieve      []Listener `key:"sieve"`
	Web        []Listener `key:"web"`
	Webs       []Listener `key:"webs"`
	DNS        []Listener `key:"dns"`
}

// Proxy has the networks whose PROXY protocol header is believed.
type Proxy struct {
	Trusted []netip.Prefix `key:"trusted"`
}

// Resolver says whom to ask for DNS.
type Resolver struct {
	Servers   []string      `key:"servers"` // IP or IP:port, three at most; empty: those of /etc/resolv.conf
	Timeout   time.Duration `key:"timeout"` // for one question to one server
	Cache     int           `key:"cache"`   // answers kept
	Memory    Size          `key:"cache_memory"`
	Stale     time.Duration `key:"stale"`             // 0: never
	Questions int           `key:"message_questions"` // of one transaction
	Wait      time.Duration `key:"message_time"`      // of one transaction
	Validates bool          `key:"validates"`
}

// Limits bound what strangers can make this node do.
type Limits struct {
	MessageSize           Size          `key:"message_size"`
	LineSize              Size          `key:"line_size"`               // of content, with its CRLF
	Recipients            int           `key:"recipients"`              // in one transaction
	Connections           int           `key:"connections"`             // of one protocol, in all
	ConnectionsPerNetwork int           `key:"connections_per_network"` // a /24 or /64
	Errors                int           `key:"errors"`                  // refusals between two accepted messages of a connection
	MaxReceived           int           `key:"max_received"`            // Received fields from which a message is a loop
	CommandTimeout        time.Duration `key:"command_timeout"`
	DataTimeout           time.Duration `key:"data_timeout"`    // for the next octets of content
	ContentTimeout        time.Duration `key:"content_timeout"` // for all of the content
	AnswerTimeout         time.Duration `key:"answer_timeout"`  // from the end of data to the reply
	DrainTimeout          time.Duration `key:"drain_timeout"`   // for transactions under way when the program is stopped
	IMAPTimeout           time.Duration `key:"imap_timeout"`    // of a mail program that says nothing
	POP3Timeout           time.Duration `key:"pop3_timeout"`
	InFlight              Size          `key:"in_flight"`  // messages being received or judged, together
	SpoolOver             Size          `key:"spool_over"` // larger messages are received onto disk
	MinFree               Size          `key:"min_free"`   // free disk below which mail is refused for now
}

// Store says where rows are kept.
type Store struct {
	DSN string `key:"dsn"` // "": SQLite in the data directory; else postgres://…
}

// Content says where messages' octets are kept.
type Content struct {
	S3 S3 `key:"s3"`
}

// S3 is the bucket for contents that several nodes share; without an endpoint they are in the data directory. Each
// of the keys stands here or in a file.
type S3 struct {
	Endpoint      string `key:"endpoint"` // https://host, or http://
	Region        string `key:"region"`
	Bucket        string `key:"bucket"`
	Prefix        string `key:"prefix"` // "" or path/
	PathStyle     bool   `key:"path_style"`
	AccessKey     string `key:"access_key"`
	AccessKeyFile string `key:"access_key_file"`
	SecretKey     string `key:"secret_key"`
	SecretKeyFile string `key:"secret_key_file"`
	Cache         Size   `key:"cache"` // of the data directory's disk
}

// Queue says how long and how hard what is carried on is tried.
type Queue struct {
	Retry       time.Duration `key:"retry"`        // after the first failure
	RetryMax    time.Duration `key:"retry_max"`    // after many
	Lifetime    time.Duration `key:"lifetime"`     // of a transfer
	DelayNotice time.Duration `key:"delay_notice"` // 0: never
	Parallel    int           `key:"parallel"`     // connections to one destination
	Connections int           `key:"connections"`  // in all
}

// Submission says what people may send who have logged in. A limit of 0 is none.
type Submission struct {
	Policy     string        `key:"policy"`      // "": none of its own
	Spam       string        `key:"spam"`        // reject, hold
	HideClient bool          `key:"hide_client"` // from Received and all other fields
	PerMinute  int           `key:"per_minute"`  // messages of one log-in
	PerHour    int           `key:"per_hour"`
	PerDay     int           `key:"per_day"`
	Recipients int           `key:"recipients"` // different ones in a day
	LockAt     int           `key:"lock_at"`    // times PerHour, PerDay or Recipients; 0: never
	Hold       time.Duration `key:"hold"`       // at most (RFC 4865); 0: not offered
}

// Relay says how mail leaves.
type Relay struct {
	Smarthost string       `key:"smarthost"` // name of a mail host, "": by MX
	Source    []netip.Addr `key:"source"`    // one of each family at most
	Port      int          `key:"port"`      // of servers found by MX
	IPv6      bool         `key:"ipv6"`
	DANE      bool         `key:"dane"`
	MTASTS    bool         `key:"mta_sts"`
	Reports   bool         `key:"tls_reports"`
	CA        string       `key:"ca"` // PEM file, "": the system's authorities

	HostPorts    []int          `key:"host_ports"`    // that domains' own mail hosts may have
	HostNetworks []netip.Prefix `key:"host_networks"` // that are not public, and where those may be all the same
}

// Quarantine says how long messages are held, and what becomes of spam that is not.
type Quarantine struct {
	Keep        time.Duration `key:"keep"`
	JunkKeep    time.Duration `key:"junk_keep"`    // 0: for ever
	SubjectMark string        `key:"subject_mark"` // before the subject of what is tagged
}

// Quota says what follows from a mailbox that is full, or nearly.
type Quota struct {
	Over string `key:"over"` // defer, refuse
	Warn int    `key:"warn"` // percent, from which on the owner is told; 0: never
}

// Collector says how mail is fetched from accounts elsewhere.
type Collector struct {
	AtOnce    int           `key:"at_once"`    // accounts
	RunTime   time.Duration `key:"run_time"`   // of one visit
	TellAfter time.Duration `key:"tell_after"` // of failing, from which on the owner is told; 0: never

	Owned    int            `key:"owned"`    // accounts of a mailbox that its owner may set up, where the domain lets him
	Networks []netip.Prefix `key:"networks"` // that are not public, and that owners may reach all the same
	Ports    []int          `key:"ports"`    // that owners may reach
}

// Keeping says how long mail stays that its owner does not want any more.
type Keeping struct {
	Trash       time.Duration `key:"trash"`        // 0: for ever
	Deleted     time.Duration `key:"deleted"`      // 0: not at all
	DeletedMost Size          `key:"deleted_most"` // of one mailbox
	Closed      time.Duration `key:"closed"`       // 0: for ever
}

// History says from when on the history of a client network is good: what it spares a
// network, the filters rate, early-talker and honeypot say.
type History struct {
	Messages int           `key:"messages"` // accepted and no spam, within a week
	Age      time.Duration `key:"age"`      // since the first of them
}

// Challenge says how senders of held mail are told.
type Challenge struct {
	PerHour     int           `key:"per_hour"`      // notices of the whole node
	Again       time.Duration `key:"again"`         // between notices to one sender for one recipient domain
	ToOwnDomain bool          `key:"to_own_domain"` // notices to senders in the recipient's own domain
	Allow       string        `key:"allow"`         // domain, mailbox, none
	AllowFor    time.Duration `key:"allow_for"`
	SameWithin  time.Duration `key:"same_within"` // the same message again is the same held row for so long
}

// Sieve is about the rules of mailboxes.
type Sieve struct {
	Global string `key:"global"` // a directory; "": none
}

// Folders are those that mailboxes are made with beside the standard ones, in NFC after Load.
type Folders struct {
	More   []string `key:"more"`
	French []string `key:"french"` // as many as More, in mailboxes whose language is French; none: the same
}

// Sharing is about folders of others.
type Sharing struct {
	Show string `key:"show"` // from when on they are listed: ShowOffered or ShowAccepted
}

// When a folder that is shared with somebody is listed.
const (
	ShowOffered  = "offered"  // at once, until he declines it
	ShowAccepted = "accepted" // once he has accepted it; a group's at once
)

// Complaints says which complaints are taken, and how they weigh.
type Complaints struct {
	Addresses []string       `key:"addresses"` // folded after Load
	Reporters []string       `key:"reporters"` // domains, in A-labels after Load
	Spare     []netip.Prefix `key:"spare"`
	Threshold float64        `key:"threshold"`
	HalfLife  time.Duration  `key:"half_life"`
	People    int            `key:"people"`
	Share     float64        `key:"share"` // 0 to 1; 0: it is not asked
	Shared    []string       `key:"shared"`
	Keep      time.Duration  `key:"keep"`
}

// DMARC says which domains are told what came in their name, and where others tell of ours.
type DMARC struct {
	Reports      bool          `key:"reports"`
	Organization string        `key:"organization"` // "": the host name
	Contact      string        `key:"contact"`      // "": postmaster at the host name
	Addresses    []string      `key:"addresses"`    // folded after Load
	Keep         time.Duration `key:"keep"`
}

// Clients says what mail programs are told of where mailboxes are.
type Clients struct {
	Services []string `key:"services"` // as autoconfig.ParseService reads them; []: what listens
}

// Digest has what holds for domains that say nothing else.
type Digest struct {
	Hours    []int  `key:"hours"` // 0 to 23; empty: no digests
	Zone     string `key:"zone"`
	Language string `key:"language"`
}

// Web says how the pages are reached.
type Web struct {
	URL     string         `key:"url"`     // base of every link sent, without a slash at the end; "": none is sent
	Proxies []netip.Prefix `key:"proxies"` // whose X-Forwarded-For is believed
	Metrics []netip.Prefix `key:"metrics"` // who is shown /metrics
}

// Passwords says which ones people may choose.
type Passwords struct {
	Length int    `key:"length"` // characters at least
	Leaked string `key:"leaked"` // file of hashes, see package password; "": none
}

// Bans says how long clients are kept out, who never is, and what they are told.
type Bans struct {
	Ladder  []time.Duration `key:"ladder"`  // of the first ban, the second …
	Memory  time.Duration   `key:"memory"`  // after its end, for which a ban makes the next one longer
	Most    int             `key:"most"`    // active at once
	Contact string          `key:"contact"` // an address or URL; "": the page /ban below web.url, or postmaster@hostname
	Never   []netip.Prefix  `key:"never"`
}

// Signing says how the keys of domains are replaced.
type Signing struct {
	Keep   time.Duration `key:"keep"`   // how long the record of a replaced key stays; a week or more
	Rotate time.Duration `key:"rotate"` // at which age keys are replaced by themselves; 0: never
}

// Sent says how long what was sent is remembered.
type Sent struct {
	Keep time.Duration `key:"keep"`
}

// Journal says how long evidence is kept.
type Journal struct {
	Keep time.Duration `key:"keep"`
}

// GeoIP says how it is known in which country a client is.
type GeoIP struct {
	File string `key:"file"` // a MaxMind database, "": it is not known
}

// DNSBLZone says how the node's blacklist is published (listen.dns).
type DNSBLZone struct {
	Origin      string         `key:"origin"`
	NS          []string       `key:"ns"`      // host names; empty: this node's
	Contact     string         `key:"contact"` // "": postmaster at this node
	TTL         time.Duration  `key:"ttl"`
	NegativeTTL time.Duration  `key:"negative_ttl"`
	Allow       []netip.Prefix `key:"allow"`
	PerSecond   int            `key:"per_second"` // answers to one network over UDP; 0: any number
	URL         string         `key:"url"`        // with %s for who is listed
	Publish     []string       `key:"publish"`    // entries, bans, complaints
}

// Log says what goes to standard output, and how.
type Log struct {
	Level  string `key:"level"`  // debug, info, warn, error
	Format string `key:"format"` // text, json
}

// Compile makes the gate and the policies for a node with this catalogue of
// filters. The error is Problems, with file and line of each.
func (c *Config) Compile(catalog []pipeline.Kind) (gate *pipeline.Policy, policies map[string]*pipeline.Policy, err error) {
	var all Problems
	gate, problems := pipeline.CompileGate(catalog, c.Gate)
	all.compiled(c.gateFile, problems)
	policies, problems = pipeline.Compile(catalog, c.Policies)
	all.compiled(c.policiesFile, problems)
	return gate, policies, all.sorted().err()
}

func (ps *Problems) compiled(file string, problems []pipeline.Problem) {
	for _, p := range problems {
		ps.add(place{file, p.Line}, "%s", strings.Join(strings.Fields(p.Text), " "))
	}
}

// asksCountry reports whether a rule of a policy has the word.
func (c *Config) asksCountry() bool {
	for _, p := range c.Policies {
		for _, e := range p.Entries {
			if strings.Contains(fmt.Sprint(e.Settings["rules"]), "country") {
				return true
			}
		}
	}
	return false
}

// Warnings tells what is no mistake but will not be as it was written.
func (c *Config) Warnings() (texts []string) {
	if c.GeoIP.File == "" && c.asksCountry() {
		texts = append(texts, "geoip.file: a rule asks for country, and no database is named: it is \"\" of everybody")
	}
	if c.DNSBLZone.Origin != "" && len(c.Listen.DNS) == 0 {
		texts = append(texts, "dnsbl_zone.origin: listen.dns is off, so nothing is published")
	}
	for _, p := range c.Policies {
		texts = append(texts, unguarded(p)...)
	}
	for _, u := range c.Lookups {
		if u.bare() {
			texts = append(texts, fmt.Sprintf("lookups: %s: %s goes over the network without TLS: whoever is on the way reads the password of user, and those of the people that log in by it, and can answer in the directory's place; set starttls: true, or use ldaps://", u.Name, u.LDAP))
		}
		if hosts, mode := u.exposed(); len(hosts) > 0 {
			texts = append(texts, fmt.Sprintf("lookups: %s: PostgreSQL at %s is asked without TLS that is verified (sslmode=%s): whoever is on the way can read what is asked and answered, hashes of passwords too, and can answer in its place; set sslmode=verify-full", u.Name, strings.Join(hosts, ", "), mode))
		}
	}
	if text := c.Strange(c.Submission.Policy); text != "" {
		texts = append(texts, "submission.policy: "+text)
	}
	return texts
}
