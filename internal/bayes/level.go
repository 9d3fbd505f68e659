package bayes

// Levels are the choices of how much it takes until a message is called spam: 1 is the strictest, and
// loses most ham; at DefaultLevel spam is called what is as likely spam as ham.
const (
	Levels       = 7
	DefaultLevel = 4
)

// LevelScore returns the score from which a message is spam at a level, 1 to Levels: even steps, as those of a
// mailbox's own level are.
func LevelScore(level int) float64 { return 7.5 * float64(level) / DefaultLevel }
