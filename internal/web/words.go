package web

import (
	"embed"
	"fmt"
	"io/fs"

	"gatepost/internal/locale"
)

//go:embed words
var wordFiles embed.FS

func loadWords() (*locale.Catalog, error) {
	files, err := fs.Sub(wordFiles, "words")
	if err != nil {
		return nil, fmt.Errorf("web: words: %w", err)
	}
	return locale.New(files, "en", "fr")
}
