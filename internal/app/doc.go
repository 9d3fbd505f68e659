// Package app joins everything: it is the only place that knows everybody. New
// opens what lies in the data directory and wires it; Run serves until its context
// ends; Handle does what commands ask, whether Run runs or not; Close lets go.
//
// No decision is made here. What looks like one belongs into the package that it
// is about.
package app
