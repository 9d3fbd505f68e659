package config

import (
	"reflect"
	"slices"

	"gatepost/pipeline"
)

// Succeed makes c the configuration that follows old, where settings that are fixed stay
// what they were. It returns the paths of those that change, and of those that would:
// "limits.errors", "policies".
func (c *Config) Succeed(old *Config, fixed func(path string) bool) (changed, held []string) {
	each(reflect.ValueOf(c).Elem(), reflect.ValueOf(old).Elem(), "", func(path string, v, before reflect.Value) {
		switch {
		case same(v, before):
		case fixed(path):
			held = append(held, path)
			v.Set(before)
		default:
			changed = append(changed, path)
		}
	})
	for _, list := range []struct {
		path  string
		equal bool
	}{
		{"gate", specSum(c.Gate) == specSum(old.Gate)},
		{"policies", specSum(c.Policies...) == specSum(old.Policies...)},
		{"packs", reflect.DeepEqual(c.Packs, old.Packs)},
		{sendingList, slices.EqualFunc(c.SendingAddresses, old.SendingAddresses, sameSending)},
		{identityList, slices.EqualFunc(c.IdentityProviders, old.IdentityProviders, sameProvider)},
	} {
		if !list.equal {
			changed = append(changed, list.path)
		}
	}
	if !reflect.DeepEqual(c.Lookups, old.Lookups) {
		held = append(held, "lookups")
		c.Lookups = old.Lookups
	}
	slices.Sort(changed)
	slices.Sort(held)
	return changed, held
}

// each calls f for every setting of two configurations.
func each(v, other reflect.Value, path string, f func(path string, v, other reflect.Value)) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		switch name := field.Tag.Get("key"); {
		case name == "" || name == "-":
		case field.Type.Kind() == reflect.Struct:
			each(v.Field(i), other.Field(i), path+name+".", f)
		default:
			f(path+name, v.Field(i), other.Field(i))
		}
	}
}

// same takes an empty list for none.
func same(a, b reflect.Value) bool {
	if a.Kind() == reflect.Slice && a.Len() == 0 && b.Len() == 0 {
		return true
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

// sameProvider does not look at where they stand.
func sameProvider(a, b IdentityProvider) bool {
	a.Line = b.Line
	return reflect.DeepEqual(a, b)
}

func sameSending(a, b SendingAddress) bool {
	a.Line = b.Line
	return reflect.DeepEqual(a, b)
}

// specSum is equal for lists of filters that are, wherever they stand.
func specSum(specs ...pipeline.Spec) string {
	var c Config
	c.Policies = specs
	return c.PolicySum()
}
