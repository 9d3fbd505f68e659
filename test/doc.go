// Package test holds the tests that need the built program or a real peer: they
// look at gatepost from outside. What carries them is in machine (the program as a
// child process) and load (clients).
package test
