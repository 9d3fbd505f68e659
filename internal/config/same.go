package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	"gatepost/pipeline"
)

// PolicySum is equal for configurations whose gate and policies are, wherever they stand in
// their files; "" where it can't be told.
func (c *Config) PolicySum() string {
	specs := append([]pipeline.Spec{c.Gate}, c.Policies...)
	for i := range specs {
		specs[i].Line, specs[i].Entries = 0, slices.Clone(specs[i].Entries)
		for j := range specs[i].Entries {
			specs[i].Entries[j].Line, specs[i].Entries[j].Lines = 0, nil
		}
	}
	text, err := json.Marshal(specs)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
