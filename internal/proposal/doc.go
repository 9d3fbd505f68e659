// Package proposal finds patterns that an operator may want among the keywords: phrases, and
// domains that links lead to, which are in what traps got and in what several people who have nothing to do with
// each other reported, and hardly in mail that is known to be wanted.
//
// Lessons bring samples of mail (Sample): of spam the first words and the domains, of wanted mail only
// numbers made of them, since nobody is to read in a list of proposals what people write to each other. They
// are kept for a while, the newest of each class, and end with the lesson that brought them.
//
//	desk.Bring(proposal.Of(message, proposal.Trap, rules.Fold, link.Registered))
//	report, err := desk.Proposals(ctx, proposal.DefaultTerms())
//	err = desk.Decide(ctx, proposal.Decision{Pattern: report.Proposals[0].Pattern, Accepted: true, Weight: 2, Who: "olga"})
//
// Nothing that is proposed counts before somebody accepts it: whoever writes to traps, and reports, what
// others write would have the filter hold their mail. A proposal says of how many and of whose messages
// it comes. Decisions are rows; nodes follow them, and Config.Accepted is told what is accepted.
package proposal
