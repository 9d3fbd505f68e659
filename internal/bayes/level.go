package bayes

// Levels are the choices of how much it takes until a message is called spam: 1 is the strictest, and
// loses most ham; at DefaultLevel it is 7.5.
const (
	Levels       = 7
	DefaultLevel = 4
)

// LevelScore returns the score from which a message is spam at a level, 1 to Levels: 1.875 more with each up to DefaultLevel, so that each
// loses about a third of the ham of the one before; 1.25 more with each above, since a score comes near 15 so
// slowly that few reach the last points.
func LevelScore(level int) float64 {
	if level <= DefaultLevel {
		return 1.875 * float64(level)
	}
	return 7.5 + 1.25*float64(level-DefaultLevel)
}
