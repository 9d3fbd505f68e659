package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"

	"gatepost/dnsbl/zone"
	"gatepost/filters"
	"gatepost/internal/access"
	"gatepost/internal/allowance"
	"gatepost/internal/ban"
	"gatepost/internal/bayes/desk"
	"gatepost/internal/blob/segment"
	"gatepost/internal/bulk"
	"gatepost/internal/captcha"
	"gatepost/internal/certificate"
	"gatepost/internal/clock"
	"gatepost/internal/collector"
	"gatepost/internal/complaint"
	"gatepost/internal/config"
	"gatepost/internal/control"
	"gatepost/internal/directory"
	"gatepost/internal/dmarc"
	"gatepost/internal/fingerprint"
	"gatepost/internal/greylist"
	"gatepost/internal/identity"
	"gatepost/internal/intake"
	"gatepost/internal/journal"
	"gatepost/internal/learnt"
	"gatepost/internal/listen"
	"gatepost/internal/lookup"
	"gatepost/internal/metric"
	"gatepost/internal/ocr"
	"gatepost/internal/outbreak"
	"gatepost/internal/pack"
	"gatepost/internal/picture"
	"gatepost/internal/queue"
	"gatepost/internal/relay"
	"gatepost/internal/resolve"
	"gatepost/internal/scripts"
	"gatepost/internal/sent"
	"gatepost/internal/signing"
	"gatepost/internal/srs"
	"gatepost/internal/store"
	"gatepost/internal/systemd"
	"gatepost/internal/token"
	"gatepost/internal/traffic"
	"gatepost/internal/trust"
	"gatepost/internal/web"
	"gatepost/mailbox"
	"gatepost/pipeline"
	"gatepost/quarantine"
	"gatepost/quarantine/challenge"
	"gatepost/quarantine/digest"
)

// An App is one node: a data directory, opened, and all that works on it.
type App struct {
	config        atomic.Pointer[config.Config]
	log           *slog.Logger
	outage        *outage
	level         *slog.LevelVar // from which on is logged; nil: nobody serves
	queued        *queueCount
	backlogs      backlogs
	now           func() time.Time
	clock         *clock.Guard // by which things are old
	lock          *control.Lock
	metrics       *metric.Metrics
	resolver      *resolve.Resolver
	lists         *dnsListWatch
	engines       *engineWatch
	zone          *zone.Server // of the blacklist that is published; nil: none is
	published     zone.Tree    // of the domains in it
	traffic       *traffic.Traffic
	quotas        quotas
	warner        *quotaWarner
	flood         *floodTeller
	letters       letters
	supervisor    systemd.Supervisor
	pictures      *picture.Reader
	ocr           *ocr.Pool
	store         *store.DB
	mailboxes     store.Mailboxes
	blobs         contentStore
	segments      *segment.Store // what blobs is, where contents are in the data directory; else nil
	number        int64          // of this process, no other's, where contents are shared
	days          *segment.Days
	reserve       *reserve
	yielder       *yielder
	backups       atomic.Int64 // that are being made
	journal       *journal.Journal
	directory     *directory.Directory
	greylist      *greylist.Book
	nodeName      string // by which rows of several nodes name the one that has the evidence; "": there is one
	outbreak      *outbreak.Book
	quarantine    *quarantine.Quarantine
	trust         *trust.Book
	scripts       *scriptLessons
	rules         *scripts.Desk
	ledger        *sent.Ledger
	signer        *sent.Signer // of return paths, none of which is signed by default
	keys          *signing.Desk
	routes        routes
	relay         *relay.Relay
	beside        []service // what runs as long as the node does
	lookups       *lookup.Lookups
	carriers      carriers
	hostnames     *hostnames
	srs           *srs.Rewriter
	queue         *queue.Queue
	intake        *intake.Intake
	changes       *mailbox.Changes
	bans          *ban.Bans
	guard         *access.Guard
	seen          *access.Logins
	lost          lostDesk
	identity      *identity.IDs
	allowance     *allowance.Book
	desk          *access.Desk
	captcha       *captcha.Tasks
	site          *web.Server
	pages         func(*config.Config) web.Config
	tokens        *token.Sealer
	digests       *digest.Digests
	digestLinks   digest.Links
	digestWriter  *digest.Writer
	offers        offers
	collector     *collector.Desk
	collecting    atomic.Bool // this process does it
	collectedActs collectedActs
	notifier      *challenge.Notifier
	complaints    *complaint.Desk
	packs         *pack.Keeper
	dmarc         *dmarc.Tally
	learnt        *learnt.Desk
	bayes         *desk.Desk
	moves         *moves
	lister        *lister
	proposals     *proposals
	bulk          *bulk.Window
	documents     fingerprint.Memory // that are not to leave
	certificates  *certificate.Keeper
	handlers      control.Handlers
	notifying     func(*config.Config) challenge.Config
	board         *listen.Board
	edge          edge
	spool         string // where servers receive; "": none was made yet
	reloads       reloads
	handover      Handover
	succession    succession
	dns           []*zone.Listener
	closers       []func() error // in the order of opening
}

// New opens the node's data directory, which no other process may have open
// (control.ErrLocked), and makes policies of the configuration. Nothing listens
// yet.
func New(ctx context.Context, c *config.Config, log *slog.Logger) (*App, error) {
	log, outage := quietly(log)
	a := &App{log: log, outage: outage, now: time.Now, changes: &mailbox.Changes{}, board: listen.NewBoard(log)}
	a.config.Store(c)
	if err := a.open(ctx, c); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	a.handlers = a.operations()
	return a, nil
}

// open opens from the bottom up; what is open when a step fails is closed again.
func (a *App) open(ctx context.Context, c *config.Config) error {
	for _, step := range []func(context.Context, *config.Config) error{
		a.openData,
		a.openStore,
		a.openHostnames,
		a.openContent,
		a.openDirectory,
		a.openCertificates,
		a.openBans,
		a.openIdentity,
		a.openAllowance,
		a.openTeaching,
		a.openBayes,
		a.openProposals,
		a.openComplaints,
		a.openResolver,
		a.openLearnt,
		a.openSigning,
		a.openOutgoing,
		a.openDMARC,
		a.openGreylist,
		a.openOutbreak,
		a.openPacks,
		a.openRules,
		a.openPipeline,
		a.openQuarantine,
		a.openChallenge,
		a.openDigests,
		a.openOffers,
		a.openCollector,
		a.openDesk,
		a.openWeb,
		a.openZone,
	} {
		if err := step(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

func (a *App) openData(_ context.Context, c *config.Config) (err error) {
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return fmt.Errorf("app: data directory: %w", err)
	}
	if a.lock, err = control.Claim(c.Data); err != nil {
		return err
	}
	a.closing(a.lock.Release)
	a.metrics = metric.New()
	a.edge.limits.Set(c.Limits.Connections, c.Limits.ConnectionsPerNetwork, int64(c.Limits.InFlight))
	return nil
}

func (a *App) closing(f func() error) { a.closers = append(a.closers, f) }

func (a *App) openStore(ctx context.Context, c *config.Config) (err error) {
	if c.Store.DSN == "" {
		a.store, err = store.Open(ctx, filepath.Join(c.Data, store.FileName))
	} else {
		a.store, err = openServer(ctx, c, a.log)
	}
	if err != nil {
		return err
	}
	a.closing(a.store.Close)
	a.mailboxes = a.store.Mailboxes()
	a.tokens = token.New(a.store.Secret, a.now)
	a.clock = clock.New(clock.Config{Marks: a.store.Clock(), Log: a.log, Now: func() time.Time { return a.now() }})
	a.metrics.Gauge("store_up", "1 where rows can be stored, 0 where the database is gone or its file broken.", func() float64 {
		if a.store.Err() != nil {
			return 0
		}
		return 1
	})
	a.metrics.Gauge("store_repeats", "Updates that the database had run again, for another's sake or a lost connection.",
		func() float64 { return float64(a.store.Repeats()) })
	return nil
}

// openServer opens the PostgreSQL that the configuration names, as this host's node.
func openServer(ctx context.Context, c *config.Config, log *slog.Logger) (*store.DB, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("app: the host's name: %w", err)
	}
	data, err := filepath.Abs(c.Data)
	if err != nil {
		return nil, fmt.Errorf("app: data directory: %w", err)
	}
	waits := func(err error) { log.Warn("the database can't be reached yet; it is waited for", "error", err) }
	return store.OpenServer(ctx, c.Store.DSN, store.Node{Host: host, PID: os.Getpid(), Data: data, Shared: sharesContent(c)}, waits)
}

func (a *App) openContent(ctx context.Context, c *config.Config) error {
	files, err := segment.OS(filepath.Join(c.Data, blobsDir))
	if err != nil {
		return err
	}
	content := files
	if sharesContent(c) {
		err = a.openBucket(ctx, c)
	} else {
		err = a.openSegments(ctx, c, files)
	}
	if err != nil {
		return err
	}
	var rec segment.Recovery
	a.reserve = newReserve(filepath.Join(c.Data, "reserve"), int64(c.Limits.MinFree), content.Free, a.log)
	a.yielder = a.newYielder(content.Free)
	if files, err = segment.OS(filepath.Join(c.Data, journalDir)); err != nil {
		return err
	}
	if a.days, rec, err = segment.OpenDays(files, segment.Options{MinFree: int64(c.Limits.MinFree)}, a.now); err != nil {
		return err
	}
	a.closing(a.days.Close)
	a.tornEnd("journal", rec)
	evidence, err := a.evidence(c)
	if err != nil {
		return err
	}
	a.journal = journal.New(evidence, a.store.Journal(), a.log)
	a.closing(func() error { a.journal.Close(); return nil })
	a.metrics.Gauge("journal_dropped", "Refused transactions that a flood kept out of the journal.", func() float64 { return float64(a.journal.Dropped()) })
	a.metrics.Gauge("free_octets", "Free disk where content is kept.", func() float64 {
		free, err := content.Free()
		if err != nil {
			return math.NaN()
		}
		return float64(free)
	})
	return nil
}

// tornEnd tells what the end of a log looked like.
func (a *App) tornEnd(what string, rec segment.Recovery) {
	if rec.Cut > 0 {
		a.log.Warn("a torn end was cut off", "log", what, "octets", rec.Cut)
	}
	if len(rec.Damaged) > 0 {
		a.log.Error("the end of a log is damaged: gatepost check store names what is lost", "log", what, "file", rec.Segment,
			"frames", len(rec.Damaged), "disk_errors", rec.Ended, "error", rec.Damaged[0].Damage)
	}
}

func (a *App) openDirectory(ctx context.Context, c *config.Config) (err error) {
	entries := a.store.Directory()
	var rows directory.Rows = entries
	if len(c.Listen.DNS) > 0 {
		rows = rowsSeen{rows, &a.published}
	}
	salts, err := a.store.Secret(ctx, "scram-salts")
	if err != nil {
		return err
	}
	a.directory, err = directory.New(ctx, directory.Config{Rows: rows, Entries: entries, Uses: entries, SaltKey: salts, Hostname: c.Hostname, Elsewhere: elsewhere{a}, Log: a.log, Now: a.now})
	if err != nil {
		return err
	}
	for _, text := range listedBehindOthers(a.directory.Snapshot(), c) {
		a.log.Warn(text)
	}
	return nil
}

func (a *App) openQuarantine(context.Context, *config.Config) error {
	held := a.store.Quarantine()
	prepare := preparer{a.intake, func() time.Duration { return a.config.Load().Queue.Lifetime }, a.directory, a.blobs, a.now, a.quotas}
	a.quarantine = quarantine.New(quarantine.Config{
		Reader: ownedHeld{held, a.directory}, Settler: held, Keeper: held, Preparer: prepare, Lists: heldLists{a.directory},
		Keep: func() time.Duration { return a.config.Load().Journal.Keep }, Log: a.log, Now: func() time.Time { return a.now() }, Old: a.clock.Now,
	})
	return nil
}

func (a *App) openPipeline(_ context.Context, c *config.Config) error {
	a.lists = newDNSListWatch(a.resolver, a.log)
	a.engines = newEngineWatch(spoolDir(c.Data), a.log)
	a.ocr = ocr.NewPool(ocr.Config{Workers: runtime.NumCPU() / 2})
	a.traffic = traffic.New(traffic.Config{GoodMessages: c.History.Messages, GoodAge: c.History.Age, Now: a.now})
	a.quotas = quotas{a.directory, a.mailboxes}
	a.warner = newQuotaWarner(a)
	a.flood = newFloodTeller(a)
	words, err := intake.NewWords()
	if err == nil {
		a.letters, err = newLetters()
	}
	if err != nil {
		return err
	}
	a.intake = &intake.Intake{
		Config:    intakeConfig(c),
		Directory: a.directory, Blobs: timedBlobs{a.blobs, a.metrics}, Store: timedStore{a.store, a.metrics}, Journal: a.journal, Waker: warningWaker{a.changes, a.warner},
		Router: routesBy{a.routes}, Lookups: a.lookups, SRS: a.srs, Returns: a.signer, Ledger: a.ledger, Signer: a.keys, Resolver: a.resolver, Queue: a.queue, Inline: a.queue, Ready: a.ready, Reports: a.queue,
		Rules: a.rules, Letters: a.queue, Words: words,
		Meter:     newMeter(a),
		Senders:   senders{a.directory, a.mailboxes, a.store.Collectors(), a.mayCollect},
		Allowance: sendLimits{a.allowance, a.directory, a.metrics.Submission},
		Histories: a.traffic, Learner: judged{a}, Observer: a.metrics, Log: a.log, Now: a.now, KnownAuth: filters.KnownAuth, Authority: filters.Proof{Resolver: a.resolver}, Hosts: a.hostnames.all,
	}
	a.carriers.bounced = sendLimits{a.allowance, a.directory, a.metrics.Submission}.bounced
	a.carriers.local = intake.Local{In: a.intake, Store: a.store}
	if err := a.setPolicies(c); err != nil {
		return err
	}
	a.lists.count(a.metrics)
	a.engines.count(a.metrics)
	return nil
}

func intakeConfig(c *config.Config) intake.Config {
	return intake.Config{
		Hostname: c.Hostname, SplitRecipients: c.SplitRecipients, QuarantineFor: c.Quarantine.Keep, SubjectMark: c.Quarantine.SubjectMark,
		Lifetime: c.Queue.Lifetime, RelayInline: c.RelayInline, TrustedRelays: c.TrustedRelays,
		HideUsers: c.Submission.HideClient, HoldOutgoing: c.Submission.Spam == "hold",
		ToOwnDomain: c.Challenge.ToOwnDomain, SameWithin: c.Challenge.SameWithin, Zone: c.Digest.Zone,
		ComplaintAddresses: paths(c.Complaints.Addresses), DMARCAddresses: paths(c.DMARC.Addresses),
	}
}

// setPolicies puts a configuration's lists in force for connections from now on.
func (a *App) setPolicies(c *config.Config) error {
	health, engines := a.lists.fresh(), a.engines.fresh()
	deps := a.filterDeps(c, health)
	deps.Engines = engines.engines()
	where, err := countries(c)
	if err != nil {
		return err
	}
	deps.Country = where
	p, err := policies(c, filters.Catalog(deps))
	if err != nil {
		return err
	}
	a.lists.watch(health)
	a.engines.watch(engines)
	a.warnOfTraps(p)
	a.intake.SetPolicies(p)
	return nil
}

// filterDeps is what filters need from outside.
func (a *App) filterDeps(c *config.Config, health filters.ListHealth) filters.Deps {
	return filters.Deps{
		Resolver:   a.resolver,
		Hostname:   c.Hostname,
		Lists:      health,
		Banned:     a.bans,
		Banner:     a.bans,
		Traffic:    a.traffic,
		Greylist:   a.greylist,
		Outbreak:   a.outbreak,
		Packs:      knownPacks{a.packs, a.proposals},
		Trust:      a.trust,
		Ledger:     a.ledger,
		Signed:     a.signer,
		Signs:      a.signsReturns,
		Forwarded:  a.srs,
		Complaints: a.complaints.Memory(),
		Pictures:   a.pictures,
		OCR:        a.ocr,
		Reports:    a.dmarc,
		Learnt:     a.learnt.Memory(),
		Texts:      a.learnt.Memory(),
		Bulk:       a.bulk,
		Bayes:      a.bayes,
		Documents:  &a.documents,
	}
}

// policies compiles a configuration's lists and checks what it says of them.
func policies(c *config.Config, catalog []pipeline.Kind) (*intake.Policies, error) {
	gate, byName, err := c.Compile(catalog)
	if err != nil {
		return nil, err
	}
	return &intake.Policies{Gate: gate, ByName: byName, Default: c.DefaultPolicy, Outgoing: c.Submission.Policy}, nil
}

// Intake returns the machine behind the edge, for those who measure it without a wire.
func (a *App) Intake() *intake.Intake { return a.intake }

// Handle does what a command asks; see package control/ops.
func (a *App) Handle(ctx context.Context, op string, params json.RawMessage) (any, error) {
	return a.handlers.Handle(ctx, op, params)
}

// Close lets go of the data directory, in the reverse order of opening.
func (a *App) Close() error {
	var errs []error
	for i := len(a.closers) - 1; i >= 0; i-- {
		errs = append(errs, a.closers[i]())
	}
	a.closers = nil
	return errors.Join(errs...)
}

// Catalog lists the filters of this version. They can't be asked: nothing
// stands behind them.
func Catalog(c *config.Config) []pipeline.Kind {
	return filters.Catalog(filters.Deps{Hostname: c.Hostname, Packs: namedPacks{c}})
}

// Check says what is wrong with a configuration as far as it can be seen without
// opening anything.
func Check(c *config.Config) error {
	if _, err := policies(c, Catalog(c)); err != nil {
		return err
	}
	if err := checkPasswordRules(c); err != nil {
		return err
	}
	if err := checkLookups(c); err != nil {
		return err
	}
	return checkPacks(c)
}
