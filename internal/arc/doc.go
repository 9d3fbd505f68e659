// Package arc verifies chains of ARC sets (RFC 8617). Each server that passes a message on
// adds a set of three fields: what it found out about the message
// (ARC-Authentication-Results), a signature over the message as it left
// (ARC-Message-Signature), and a seal over this set and all before (ARC-Seal). So a
// recipient learns what servers before him saw, even where they changed the message and
// broke its own signatures.
//
// A chain that passes says only that its sealers said so: anybody may be one. What it is
// worth depends on who they are; Chain.Vouch asks for sealers that are trusted. Which those are
// is the caller's business.
package arc
