package metric

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// A Row hands over one number of a Table with the values of its labels.
type Row func(value float64, labels ...string)

// Table adds numbers with labels that are asked for when somebody looks: of each DNS list,
// of each fate of a question. The name goes without "gatepost_" and is added once; one that
// ends in _total only grows. rows has the same labels every time, in their order, and no two
// rows with the same values.
func (m *Metrics) Table(name, help string, labels []string, rows func(Row)) {
	kind := prometheus.GaugeValue
	if strings.HasSuffix(name, "_total") {
		kind = prometheus.CounterValue
	}
	desc := prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
	m.registry.MustRegister(table{desc, kind, rows})
}

// A table is a prometheus.Collector.
type table struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	rows func(Row)
}

// Describe implements prometheus.Collector.
func (t table) Describe(to chan<- *prometheus.Desc) { to <- t.desc }

// Collect implements prometheus.Collector.
func (t table) Collect(to chan<- prometheus.Metric) {
	t.rows(func(value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(t.desc, t.kind, value, labels...)
	})
}
