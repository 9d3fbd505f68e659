// Package peer runs other people's mail programs for tests, each a private
// instance in a directory of its own, on loopback, as the tests' user or, where the
// program insists on it, as root.
package peer
