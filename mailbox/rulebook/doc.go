// Package rulebook shows a Sieve script as rules that a person fills in as a form, and writes them as Sieve again: all,
// any or always; sender, subject, size …; file, forward, delete …. The script is the only place where a rule lives, so it is
// the same wherever it is edited. Rules of a mailbox's owner may do all that a Rule can, those of a domain less (Acts).
//
// Read cuts a script into Items, one for each command at its top, by the parser's tree. An item that means no more than a
// Rule can say is one; any other has its text alone. What nobody changes is written back octet by octet, comments and all,
// so that a Book that is read and written is the script that it was:
//
//	book, err := rulebook.Read(script)
//	err = book.Put(book.Items[2].Key, rule)
//	script, err = book.Script()
//
// A rule's name stands in a comment in front of it, "# rule:[Name]", where other editors of rules have it, too. A rule that is
// switched off is one that asks for "false" first. Rules with comments within them are left to who wrote those.
package rulebook
