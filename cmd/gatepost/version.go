package main

import (
	"runtime/debug"

	"github.com/spf13/cobra"
)

// A build is what the program knows of how it was made.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision"`
	Time     string `json:"time"`
	Modified bool   `json:"modified"` // from a tree with changes beside the revision
	Go       string `json:"go"`
}

func (p *program) version() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the program's version",
		Long:    "Prints the version and revision of which the program was built, and the Go release.",
		Example: `  gatepost version --json`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			b := thisBuild()
			return p.print(b, func() {
				p.record("gatepost", b.Version, "revision", b.Revision, "time", b.Time, "go", b.Go)
			})
		},
	}
}

func thisBuild() (b build) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Version, b.Go = info.Main.Version, info.GoVersion
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}
