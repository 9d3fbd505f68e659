package intake

import (
	"gatepost/internal/directory"
	"gatepost/pipeline"
)

// ListsOf is what the pipeline gets to ask of a snapshot.
func ListsOf(s *directory.Snapshot) pipeline.Lists { return &lists{Snapshot: s} }
