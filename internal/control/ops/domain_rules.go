package ops

// DomainRules are a domain's own rules for mail in one direction.
type DomainRules struct {
	Domain    string `json:"domain"`
	Direction string `json:"direction"` // in, out, local
	Content   string `json:"content"`   // a Sieve script; "": there are none
}

// DomainRulesShow asks for a domain's rules. Result: DomainRules.
type DomainRulesShow struct {
	Domain    string `json:"domain"`
	Direction string `json:"direction"`
}

// DomainRulesPut puts others in their place. Result: DomainRules.
type DomainRulesPut struct {
	Domain    string `json:"domain"`
	Direction string `json:"direction"`
	Content   string `json:"content"`
}

// DomainRulesCheck asks whether rules could run; they are not kept. Result: Nothing.
type DomainRulesCheck struct {
	Direction string `json:"direction"`
	Content   string `json:"content"`
}

// DomainRulesRemove removes a domain's rules. Result: Nothing.
type DomainRulesRemove struct {
	Domain    string `json:"domain"`
	Direction string `json:"direction"`
}

// Op names the operation.
func (DomainRulesShow) Op() string { return "domain.rules.show" }

// Op names the operation.
func (DomainRulesPut) Op() string { return "domain.rules.put" }

// Op names the operation.
func (DomainRulesCheck) Op() string { return "domain.rules.check" }

// Op names the operation.
func (DomainRulesRemove) Op() string { return "domain.rules.remove" }
