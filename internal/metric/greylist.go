package metric

import "github.com/prometheus/client_golang/prometheus"

// Greylist counts what becomes of mail that was asked to come again. It is a
// greylist.Observer.
type Greylist struct {
	waited  prometheus.Histogram
	lost    prometheus.Counter
	waiting prometheus.Gauge
}

// Greylist adds the numbers of greylisting; it is called once.
func (m *Metrics) Greylist() Greylist {
	g := Greylist{
		waited: histogram(m.registry, "greylist_wait_seconds", "How long after its first attempt mail passed that was asked to come again.",
			[]float64{60, 300, 360, 480, 600, 900, 1200, 1800, 3600, 7200, 14400}),
		lost:    counter(m.registry, "greylist_lost_total", "Triplets of client, sender and recipient that were asked to come again and did not."),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: "greylist_waiting", Help: "Triplets that are waited for, as of the last minute."}),
	}
	m.registry.MustRegister(g.waiting)
	return g
}

// Waited counts a triplet that passed.
func (g Greylist) Waited(seconds float64) { g.waited.Observe(seconds) }

// Lost counts triplets that did not come again.
func (g Greylist) Lost(n int) { g.lost.Add(float64(n)) }

// Waiting tells how many are waited for.
func (g Greylist) Waiting(n int) { g.waiting.Set(float64(n)) }
