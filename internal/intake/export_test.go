package intake

import (
	"gatepost/internal/directory"
	"gatepost/pipeline"
)

// MaxSpread is how many addresses the recipients of one transaction lead to at most.
const MaxSpread = maxSpread

// ListsOf is what the pipeline gets to ask of a snapshot.
func ListsOf(s *directory.Snapshot) pipeline.Lists { return &lists{Snapshot: s} }
