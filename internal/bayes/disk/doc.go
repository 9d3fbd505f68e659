// Package disk keeps a Bayes model in a directory, for one process: for measuring, where there is no store.
//
//	k, err := disk.Open(dir)
//	go k.Run(ctx) // saves once a second
//	err = bayes.Stream(ctx, in, out, open, k)
//	err = k.Close()
//
// The directory has the whole model as of some moment (model) and a log of what changed since (log), each record with its
// length and checksum. A process that dies loses what it learnt since the last Save; a record that it
// was writing is cut off at the next Open. When the log has grown the model is written anew beside the old one and renamed. Both
// files name their generation, so that a log is never added to a model that has it already.
//
// There are no records of lessons here, nor a guard: see package internal/bayes/desk.
package disk
