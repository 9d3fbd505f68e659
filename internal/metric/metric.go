// Package metric counts what a node does, for Prometheus, and says whether it is
// well. It has no state of the process's own: a Metrics is made, handed to those
// who count, and asked through its Handler:
//
//	/metrics   every number, in Prometheus' text form
//	/healthz   200 while the program runs
//	/readyz    200 when the node can take mail, else 503 and why not, a reason a line
//
// The packages that count declare small interfaces of their own (smtpd.Observer,
// intake.Observer); *Metrics implements them without knowing them. Labels are words
// of the program, never of strangers: what a client says can't make a new series.
package metric

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Metrics are the node's numbers. All methods are safe for use by many goroutines
// and return at once.
type Metrics struct {
	registry     *prometheus.Registry
	connections  *prometheus.CounterVec
	replies      *prometheus.CounterVec
	content      *prometheus.CounterVec
	contentBytes prometheus.Counter
	transactions *prometheus.CounterVec
	transaction  prometheus.Histogram
	results      *prometheus.CounterVec
	filters      *prometheus.HistogramVec
	commits      prometheus.Histogram
	puts         prometheus.Histogram
	attempts     *prometheus.CounterVec
	notices      *prometheus.CounterVec
	told         *prometheus.CounterVec
	answered     *prometheus.CounterVec
	carried      *prometheus.CounterVec
	tlsFailures  *prometheus.CounterVec
	lookups      *prometheus.CounterVec
	exchanges    *prometheus.CounterVec
	exchange     *prometheus.HistogramVec
	bans         *prometheus.CounterVec
	banned       *prometheus.CounterVec
	outside      *prometheus.CounterVec
	submission   *prometheus.CounterVec
	collected    *prometheus.CounterVec
	collections  *prometheus.CounterVec
}

// New returns Metrics with all counts at nought.
func New() *Metrics {
	r := prometheus.NewRegistry()
	m := &Metrics{
		registry:    r,
		connections: counters(r, "smtp_connections_total", "SMTP connections by what became of them at the gate.", "fate"),
		replies:     counters(r, "smtp_replies_total", "SMTP replies by the command that they answer.", "verb", "code"),
		content:     counters(r, "smtp_messages_total", "Contents received whole, in memory or spooled to disk.", "in"),
		contentBytes: counter(r, "smtp_content_bytes_total",
			"Bytes of content received whole."),
		transactions: counters(r, "transactions_total", "Mail transactions by outcome.", "outcome"),
		transaction: histogram(r, "transaction_seconds", "Time from MAIL to the end of a transaction.",
			prometheus.ExponentialBuckets(0.005, 3, 10)),
		results: counters(r, "filter_results_total", "Results of filters in walks.", "filter", "result"),
		commits: histogram(r, "store_commit_seconds", "Time that a change waited until it was durable in the store.",
			prometheus.ExponentialBuckets(0.0005, 2.5, 10)),
		puts: histogram(r, "blob_put_seconds", "Time that content waited until it was durable.",
			prometheus.ExponentialBuckets(0.0005, 2.5, 10)),
	}
	m.attempts = counters(r, "queue_attempts_total", "Attempts at a recipient of what is carried on, by what became of it.", "fate")
	m.notices = counters(r, "queue_reports_total", "Reports to senders about what is carried on, and those that were not sent.", "kind")
	m.told = counters(r, "challenge_total", "What senders of held mail heard: the link in the answer (reply), in a notice, due to get one, or why nothing.", "told")
	m.answered = counters(r, "challenge_answers_total", "Answers to challenges: right, wrong, over (too old, or used), limited, failed (right, and not delivered).", "answer")
	m.carried = counters(r, "relay_recipients_total", "Recipients whose message another server took, by how secure the connection was.", "security")
	m.tlsFailures = counters(r, "relay_tls_failures_total", "Sessions with servers elsewhere that were not as secure as asked, by the results of RFC 8460.", "result")
	m.filters = histograms(r, "filter_seconds", "Time that filters took.", prometheus.ExponentialBuckets(0.0001, 5, 8), "filter")
	m.lookups = counters(r, "dns_questions_total", "Questions to the DNS by what was told: cached, found, no-name, no-data, stale, failed.", "told")
	m.exchanges = counters(r, "dns_exchanges_total", "Tries at DNS servers by what became of them: answered, failed, silent, given-up.", "server", "fate")
	m.exchange = histograms(r, "dns_exchange_seconds", "Time that DNS servers took for their answers, good or not.", prometheus.ExponentialBuckets(0.0005, 2.5, 10), "server")
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.bans = counters(r, "bans_imposed_total", "Bans that this node imposed, by cause.", "cause")
	m.banned = counters(r, "bans_refused_total", "Connections and log-ins refused because the address is banned, by door.", "door")
	m.submission = counters(r, "submission_limits_total", "What the limits of log-ins did: later (put off), stopped (refused since the log-in is stopped), locked (log-ins that they stopped).", "what")
	m.collected = counters(r, "collected_total", "Messages of accounts elsewhere by what became of them: taken, known, or, where they stay, too-large, looped, bad.", "fate")
	m.collections = counters(r, "collections_total", "Visits to accounts elsewhere: good, failed.", "result")
	m.outside = counters(r, "listener_refused_total", "Connections closed at once because they came from elsewhere than the listener's networks, by protocol.", "protocol")
	return m
}

const namespace = "gatepost"

func counter(r *prometheus.Registry, name, help string) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help})
	r.MustRegister(c)
	return c
}

func counters(r *prometheus.Registry, name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
	r.MustRegister(c)
	return c
}

func histogram(r *prometheus.Registry, name, help string, buckets []float64) prometheus.Histogram {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets})
	r.MustRegister(h)
	return h
}

func histograms(r *prometheus.Registry, name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, labels)
	r.MustRegister(h)
	return h
}

// Connection counts an SMTP connection by what became of it at the gate.
func (m *Metrics) Connection(fate string) { m.connections.WithLabelValues(fate).Inc() }

// Submission counts what the limits of log-ins did: later, stopped, locked; onward: rules sent nothing on.
func (m *Metrics) Submission(what string) { m.submission.WithLabelValues(what).Inc() }

// Collected counts a message of an account elsewhere.
func (m *Metrics) Collected(fate string) { m.collected.WithLabelValues(fate).Inc() }

// Collection counts a visit to an account elsewhere.
func (m *Metrics) Collection(good bool) {
	result := "good"
	if !good {
		result = "failed"
	}
	m.collections.WithLabelValues(result).Inc()
}

// Reply counts an SMTP reply; verb is the command that it answers, "" for none.
func (m *Metrics) Reply(verb string, code int) {
	m.replies.WithLabelValues(known(verb), strconv.Itoa(code)).Inc()
}

// known keeps what clients invent out of the labels.
func known(verb string) string {
	switch verb {
	case "", "HELO", "EHLO", "MAIL", "RCPT", "DATA", "BDAT", "RSET", "NOOP", "QUIT", "VRFY", "EXPN", "HELP", "STARTTLS", "AUTH":
		return verb
	}
	return "other"
}

// Content counts a content that was received whole.
func (m *Metrics) Content(octets int64, spooled bool) {
	in := "memory"
	if spooled {
		in = "file"
	}
	m.content.WithLabelValues(in).Inc()
	m.contentBytes.Add(float64(octets))
}

// Transaction counts a mail transaction and the time it took.
func (m *Metrics) Transaction(outcome string, seconds float64) {
	m.transactions.WithLabelValues(outcome).Inc()
	m.transaction.Observe(seconds)
}

// Step counts one entry of a walk.
func (m *Metrics) Step(filter, result string, seconds float64) {
	m.results.WithLabelValues(filter, result).Inc()
	m.filters.WithLabelValues(filter).Observe(seconds)
}

// Commit counts a durable change of the store and the time it waited.
func (m *Metrics) Commit(seconds float64) { m.commits.Observe(seconds) }

// Put counts a content made durable and the time it waited.
func (m *Metrics) Put(seconds float64) { m.puts.Observe(seconds) }

// Attempt counts an attempt at carrying mail on to one recipient.
func (m *Metrics) Attempt(fate string) { m.attempts.WithLabelValues(fate).Inc() }

// Notice counts a report to a sender, or one that is not sent.
func (m *Metrics) Notice(kind string) { m.notices.WithLabelValues(kind).Inc() }

// Told counts what the sender of held mail hears.
func (m *Metrics) Told(what string) { m.told.WithLabelValues(what).Inc() }

// Answered counts an answer to a challenge.
func (m *Metrics) Answered(answer string) { m.answered.WithLabelValues(answer).Inc() }

// Carried counts a recipient whose message another server took, by how secure the
// connection was.
func (m *Metrics) Carried(security string) { m.carried.WithLabelValues(security).Inc() }

// TLSFailed counts a session with a server elsewhere that was not as secure as asked.
func (m *Metrics) TLSFailed(result string) { m.tlsFailures.WithLabelValues(result).Inc() }

// Question counts a question to the DNS by what was told.
func (m *Metrics) Question(told string) { m.lookups.WithLabelValues(told).Inc() }

// Exchange counts a try at a DNS server, one of the few that are configured, and the time
// that an answer took.
func (m *Metrics) Exchange(server, fate string, seconds float64) {
	m.exchanges.WithLabelValues(server, fate).Inc()
	if fate == "answered" || fate == "failed" {
		m.exchange.WithLabelValues(server).Observe(seconds)
	}
}

// BanImposed counts a ban, by its cause.
func (m *Metrics) BanImposed(cause string) { m.bans.WithLabelValues(cause).Inc() }

// OutOfNetwork counts who comes to a listener from elsewhere than its networks.
func (m *Metrics) OutOfNetwork(protocol string) { m.outside.WithLabelValues(protocol).Inc() }

// BanRefused counts who is refused because of a ban, by the door.
func (m *Metrics) BanRefused(door string) { m.banned.WithLabelValues(door).Inc() }

// Gauges adds a number for each of some words of the program, as Gauge does for one.
func (m *Metrics) Gauges(name, help, label string, words []string, value func(word string) float64) {
	for _, word := range words {
		opts := prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help, ConstLabels: prometheus.Labels{label: word}}
		m.registry.MustRegister(prometheus.NewGaugeFunc(opts, func() float64 { return value(word) }))
	}
}

// Gauge adds a number that is asked for when somebody looks: bytes in flight, free
// disk. The name goes without "gatepost_"; one name is added once.
func (m *Metrics) Gauge(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, value))
}

// InFlight has the bytes of messages being received or judged asked of octets.
func (m *Metrics) InFlight(octets func() int64) {
	m.Gauge("in_flight_bytes", "Bytes of messages being received or judged.", func() float64 { return float64(octets()) })
}
