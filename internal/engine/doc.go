// Package engine is about programs elsewhere that look at mail for us: virus scanners
// (clamd, any command), spam filters (spamd, Rspamd) and milters. It has the words that
// filters and the clients in the packages below share (Request, Grade, Answer), the
// connection they speak over (Dial), and a Service: one engine, reachable at several
// addresses, of which those that do not answer are left alone until they do again.
//
// The package knows no engine's protocol; the packages below know nothing of breakers.
package engine
