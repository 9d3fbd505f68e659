// Package gatepost holds what is shipped with the program: config.yaml, with
// every setting that exists and its default. The program lives in cmd/gatepost.
package gatepost

import _ "embed"

//go:embed config.yaml
var configYAML string

// Config returns config.yaml as it was when the program was built: the defaults
// of every setting, which a file of one's own changes one by one.
func Config() []byte { return []byte(configYAML) }
