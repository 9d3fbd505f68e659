// Package captcha has a sender prove that he is a person: it makes tasks that a person
// can do, each once.
//
// A Task is six digits, shown as an image or read aloud, in French too; the answer is the same. It
// is made for a subject, such as one held message, is good for ten minutes and for one
// answer, right or wrong. Who answers wrongly gets another.
//
// With the digits goes a bit of work for the machine that asks: a number that makes a
// hash begin with zeros, which takes a phone about a second. It is no proof of
// a person, but who answers by the thousand pays for each. A browser without scripts
// can't do it. Its user may leave it out, but few answers without it are taken from one
// network in an hour.
//
// How often one may try is limited by subject, by network and for the whole node; a
// LimitError says when one may try again. All is kept in memory, none of it grows
// beyond a size that is fixed, and a restart forgets it: who was answering gets a new
// task.
//
// The image is no wall: tesseract as it comes reads none of 150 (TestMachine), but a program
// that is made for it will read most, and one that listens too. That is why work and limits
// stand beside it.
package captcha
