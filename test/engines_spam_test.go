package test

import (
	"strings"
	"testing"
	"time"

	mta "gatepost/test/peer"
)

// SpamAssassin, Rspamd and OpenDKIM judge mail on their own: what they say is in the trace. One
// that is killed adds nothing, and mail goes on.
func TestSpamEngines(t *testing.T) {
	t.Parallel()
	spamd, rspamd := anEngine(t, mta.StartSpamd), anEngine(t, mta.StartRspamd)
	opendkim := anEngine(t, func() (*mta.Engine, error) { return mta.StartOpenDKIM("s._domainkey.example.org v=DKIM1; p=\n") })
	config := `
hostname: mx.test.example
policies:
  - name: default
    required_score: 100
    pipeline:
      - {filter: spamassassin, servers: ["SPAMD"]}
      - {filter: rspamd, servers: [RSPAMD], on: {reject: spam}}
      - {filter: milter, name: opendkim, servers: [OPENDKIM], early: true}
`
	m := serve(t, strings.NewReplacer("SPAMD", spamd.Addr, "RSPAMD", rspamd.Socket, "OPENDKIM", opendkim.Socket).Replace(config), flowZone)
	ann := domain(t, m, "test.example")
	marked := heard(t, m, ann, note("marked", "the word peerspam"), "250")
	followed(t, m, marked.id(t), ann+" delivered")
	sees(t, "the trace", run(t, m, "", "journal", "show", marked.id(t)), "SpamAssassin gives", "Rspamd gives", "opendkim", "accept")
	gtube := "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
	held := heard(t, m, ann, note("gtube", gtube), "250")
	followed(t, m, held.id(t), ann+" held rspamd")

	for _, e := range []*mta.Engine{spamd, rspamd, opendkim} {
		e.Kill()
	}
	alone := heard(t, m, ann, note("alone", gtube), "250")
	followed(t, m, alone.id(t), ann+" delivered")
	sees(t, "the trace", run(t, m, "", "journal", "show", alone.id(t)), "SpamAssassin can't be asked now", "Rspamd can't be asked now", "the milter can't be asked now")
	until(t, 30*time.Second, "all are in trouble", func() bool { return strings.Count(run(t, m, "", "engines"), " trouble ") == 3 })
	if err := opendkim.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, 90*time.Second, "the milter is asked again", func() bool { return strings.Count(run(t, m, "", "engines"), " trouble ") == 2 })
}
