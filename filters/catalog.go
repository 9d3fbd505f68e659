package filters

import (
	"context"
	"net"
	"net/netip"
	"runtime"
	"time"

	"gatepost/dnsbl"
	"gatepost/internal/mail"
	"gatepost/internal/picture"
	"gatepost/internal/traffic"
	"gatepost/pipeline"
)

// Deps is what filters need from outside.
type Deps struct {
	Resolver Resolver
	Hostname string           // what this host calls itself
	Lists    ListHealth       // nil: every DNS list is believed
	Banned   Banned           // nil: nobody is
	Greylist Greylist         // nil: nobody is deferred
	Traffic  *traffic.Traffic // nil: counters of the catalogue's own
	Banner   Banner           // nil: nobody is banned

	Reports DMARCReports // nil: nobody is told what came in his name

	Complaints Complaints // nil: nobody complained of anybody

	Trust  Trust  // nil: nobody is trusted
	Ledger Ledger // nil: nothing was sent
	Signed Signed // nil: no return path was
	// Signs returns since when what an address sends leaves under signed return paths; zero: it does not. Nil: nobody's does.
	Signs     func(rcpt mail.Path) time.Time
	Forwarded Forwarded // nil: nothing was sent on

	Packs   Packs   // nil: none can be read
	Country Country // nil: nobody's is known

	Pictures *picture.Reader // nil: one of the catalogue's own
	OCR      OCR             // nil: no text can be read in pictures
	Learnt   Learnt          // nil: nothing was learnt
	Texts    LearntTexts     // nil: the same
	Bulk     Bulk            // nil: nothing is counted
	Bayes    Bayes           // nil: it knows nothing
	Engines  Engines         // of others, that look at mail
	Outbreak Outbreak        // nil: nothing is counted

	Documents Documents // nil: none is confidential
}

// A ListHealth probes the DNS lists that it is told to watch, notes what they answer about
// mail, and says why one is not to be believed. *dnsbl.Health is one.
type ListHealth interface {
	Watch(dnsbl.List)
	Trouble(dnsbl.List) error
	Note([]dnsbl.Answer)
}

// A Resolver asks the DNS. Its errors are *net.DNSError: IsNotFound where there
// are no such records; every other error means that it could not tell, be there records
// beside it or not (see isStale). *net.Resolver has these methods.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
	LookupMX(ctx context.Context, name string) ([]*net.MX, error)
	LookupNetIP(ctx context.Context, network, name string) ([]netip.Addr, error)
	LookupAddr(ctx context.Context, addr string) ([]string, error)
}

// Catalog lists every filter in the default order.
func Catalog(d Deps) []pipeline.Kind {
	if d.Traffic == nil {
		d.Traffic = traffic.New(traffic.Config{})
	}
	if d.Pictures == nil {
		d.Pictures = picture.NewReader(runtime.NumCPU())
	}
	d.Resolver = remember(d.Resolver)
	kinds := []pipeline.Kind{
		ipBanKind(d),
		earlyTalkerKind(d),
		rateKind(d),
		ipAllowKind(),
		senderAllowKind(d),
		autoAllowKind(d),
		authorAllowKind(d),
		spfKind(d),
		dhapKind(d),
		greylistKind(d),
		ipBlockKind(),
		senderBlockKind(),
		rdnsKind(d),
		nullSenderKind(d),
		selfSenderKind(d),
		honeypotKind(d),
		ipComplaintKind(d),
		senderComplaintKind(d),
		mxKind(d),
		dnsblKind(d),
		antivirusKind(d),
		attachmentKind(),
		dkimKind(d),
		arcKind(d),
		dmarcKind(d),
		emptyKind(),
		keywordAllowKind(d),
		keywordsKind(d),
		logicKind(d),
		ocrKind(d),
		imageHashKind(d),
		checksumKind(d),
		uriblKind(d),
		attachmentHashKind(d),
		bayesKind(d),
		spamassassinKind(d),
		rspamdKind(d),
		milterKind(d),
		scriptKind(d),
		languageKind(),
		heloKind(d),
		malformedKind(d),
		phishKind(d),
		fingerprintKind(d),
	}
	for i := range kinds {
		kinds[i].Doc = docOf(kinds[i].Name)
	}
	return kinds
}
