package filters

import (
	"fmt"

	"gatepost/rules"
)

// fakePacks are sections of a case.
type fakePacks func(section string) string

func (p fakePacks) Pack(name string) (*rules.Pack, error) {
	text, err := p.File(name)
	if err != nil {
		return nil, err
	}
	return rules.ParsePack(text)
}

func (p fakePacks) File(name string) (string, error) {
	if text := p(name); text != "" {
		return text, nil
	}
	return "", fmt.Errorf("there is no %s", name)
}
