package config

import (
	"testing"
)

func TestX(t *testing.T) {
	c, err := Load("../../config.yaml", []string{"listen.smtp=127.0.0.1:0,[::1]:0", "limits.in_flight=1 GiB", "listen.web="}, []string{"GATEPOST_PROXY_TRUSTED=10.0.0.0/8,::1"})
	t.Logf("%+v %v", c, err)
	_, err = load("x", []byte("listen:\n  smpt: []\n  imap: 5\nlimits:\n  errors: x\n  min_free: 3x\n  answer_timeout: 5\npolicies: [{name: a, pipeline: [{filter: x, on: {a: 1}, timeout: x}]}]"), []string{"listen.smt=1"}, []string{"GATEPOST_X=1"})
	t.Logf("%v", err)
	_, err = load("x", []byte("hostname: 12\nlisten:\n  imap: 5\n  smtp: [1]\nlimits:\n  errors: x\n  min_free: 3x\n  answer_timeout: 5\nproxy: {trusted: [1,2]}\nsplit_recipients: 1"), nil, nil)
	t.Logf("%v", err)
}
