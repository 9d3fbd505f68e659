package filters

import (
	"fmt"
	"strconv"

	"gatepost/pipeline"
)

// listing finds the list entry that decides about s for the query's recipient,
// if it is an allowing (or else a blocking) one.
func listing(q pipeline.Query, s pipeline.Subject, allow bool) (pipeline.Listing, bool) {
	if q.Tx.Lists == nil {
		return pipeline.Listing{}, false
	}
	l, ok := q.Tx.Lists.Find(s, q.Recipient)
	return l, ok && l.Allow == allow
}

// byList is a finding that a list entry decided.
func byList(result, what string, l pipeline.Listing) pipeline.Finding {
	evidence := []pipeline.Evidence{
		{Key: "list", Value: l.Value}, {Key: "scope", Value: l.Scope}, {Key: "list_id", Value: strconv.FormatInt(l.ID, 10)},
	}
	return pipeline.Finding{
		Result:   result,
		Reason:   fmt.Sprintf("%s is %s: %s in the %s list", what, result, l.Value, l.Scope),
		Evidence: evidence,
	}
}

// listed returns the entry that decided a finding of byList.
func listed(f pipeline.Finding) (id int64, ok bool) {
	for _, e := range f.Evidence {
		if e.Key == "list_id" {
			id, err := strconv.ParseInt(e.Value, 10, 64)
			return id, err == nil
		}
	}
	return 0, false
}
