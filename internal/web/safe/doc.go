// Package safe makes a stored message safe to look at.
//
// Held mail is what a filter thought dangerous, and a person reads it in a browser that
// is logged in here. So Render makes of it one whole HTML document that runs nothing and
// loads nothing, and three things, each enough by itself, stand behind that:
//
//  1. What is written. The source is read token by token, and a new document is written
//     from scratch (clean.go): elements and attributes of a short list, nested as the
//     HTML standard wants them, all else escaped text. It then passes through bluemonday
//     under a policy of our own (gate.go), and must be the same after it was parsed and
//     serialised once more (settle.go): a document that a browser reads otherwise than a
//     sanitiser did is how filters are passed ("mutation XSS").
//  2. How it is served: Policy is the Content-Security-Policy of the document, under
//     which it may do nothing but show images that are in it and our own style.
//  3. Where it is shown: in a frame with an empty sandbox attribute. That is the page's.
//
// Nothing remote is shown: an image is one that the message has with it, within bounds, or
// a box with its alternative text. Links are no links: their text is followed by where they
// lead, with the host marked, since the target is what one wants to see of a phishing mail,
// and a click would tell its sender that somebody reads it. Styles go, all of them, and so
// what was hidden is seen.
//
// The words that Render adds are the caller's (Words); what a reader may see is not decided
// here.
package safe
