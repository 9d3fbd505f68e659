// Package rules finds words and regular expressions in the parts of a message.
// It is pure: compile a set of patterns once, match it against as many messages
// as there are, from many goroutines.
//
//	set, err := rules.Compile([]rules.Pattern{
//		{Text: "cheap pills", Weight: 3},
//		{Text: `\bfree.{0,20}offer\b`, Regexp: true, In: []rules.Where{rules.Subject}, Weight: 1},
//	})
//	texts := rules.Of(message)
//	hits := set.Match(texts)
//	score := rules.Score(hits)
//
// Senders who mean to be read but not found write "Ѵ1агга" or "v i a g r a". So
// text and patterns are brought to one form first (see Fold), and words that were
// split into letters are put together again. That is done once for each part of a message
// (Texts), however many sets look at it. All words of a set are found in one pass over a
// text, by hashes of how they begin (see index); regular expressions run in linear time, and
// only around letters which that pass met and that they can't do without.
//
// What hits mean is for the caller to say.
package rules
