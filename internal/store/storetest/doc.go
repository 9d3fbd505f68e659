// Package storetest holds the contracts between the domains and what stores their
// rows, as tests: one function a domain, which any implementation runs.
package storetest
