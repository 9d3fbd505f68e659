package rules

// lookalike returns the Latin letter that a lower-case character is easily taken
// for, in this or in its upper case, and otherwise the character: a small part of
// the confusables of Unicode UTS #39, those that are met. Both cases of a letter must fold
// to the same, so where they look like two Latin letters the table decides for one.
func lookalike(r rune) rune {
	switch {
	case r < 0x0130: // Latin, which NFKC brought to one form
		return r
	case r < 0x0370:
		return latin(r)
	case r < 0x0400:
		return greek(r)
	case r < 0x0530:
		return cyrillic(r)
	case r < 0x0590:
		return armenian(r)
	case 0x1d00 <= r && r <= 0x1d7f || 0xa730 <= r && r <= 0xa7ff:
		return latin(r)
	case 0x1f150 <= r && r <= 0x1f169: // white letters in black circles
		return 'a' + r - 0x1f150
	case 0x1f170 <= r && r <= 0x1f189: // and squares
		return 'a' + r - 0x1f170
	case 0x1f1e6 <= r && r <= 0x1f1ff: // regional indicators
		return 'a' + r - 0x1f1e6
	}
	return r
}

func cyrillic(r rune) rune {
	switch r {
	case 'а':
		return 'a'
	case 'в':
		return 'b'
	case 'с':
		return 'c'
	case 'ԁ':
		return 'd'
	case 'е':
		return 'e'
	case 'ԍ':
		return 'g'
	case 'н', 'һ':
		return 'h'
	case 'і':
		return 'i'
	case 'ј':
		return 'j'
	case 'к':
		return 'k'
	case 'ӏ':
		return 'l'
	case 'м':
		return 'm'
	case 'о':
		return 'o'
	case 'р':
		return 'p'
	case 'ԛ':
		return 'q'
	case 'г':
		return 'r'
	case 'ѕ':
		return 's'
	case 'т':
		return 't'
	case 'ѵ':
		return 'v'
	case 'ԝ':
		return 'w'
	case 'х':
		return 'x'
	case 'у', 'ү':
		return 'y'
	}
	return r
}

func greek(r rune) rune {
	switch r {
	case 'α':
		return 'a'
	case 'β':
		return 'b'
	case 'ε':
		return 'e'
	case 'η':
		return 'h'
	case 'ι':
		return 'i'
	case 'ϳ':
		return 'j'
	case 'κ':
		return 'k'
	case 'μ':
		return 'm'
	case 'ο':
		return 'o'
	case 'ρ':
		return 'p'
	case 'ς': // no look-alike: the other sigma
		return 'σ'
	case 'τ':
		return 't'
	case 'υ':
		return 'u'
	case 'ν':
		return 'v'
	case 'ω':
		return 'w'
	case 'χ':
		return 'x'
	case 'γ':
		return 'y'
	case 'ζ':
		return 'z'
	}
	return r
}

func armenian(r rune) rune {
	switch r {
	case 'ց':
		return 'g'
	case 'հ':
		return 'h'
	case 'ո':
		return 'n'
	case 'օ':
		return 'o'
	case 'ս':
		return 'u'
	}
	return r
}

// latin knows small capitals and the letters of phonetic alphabets.
func latin(r rune) rune {
	switch r {
	case 'ᴀ', 'ɑ':
		return 'a'
	case 'ʙ':
		return 'b'
	case 'ᴄ':
		return 'c'
	case 'ᴅ':
		return 'd'
	case 'ᴇ':
		return 'e'
	case 'ꜰ':
		return 'f'
	case 'ɢ', 'ɡ':
		return 'g'
	case 'ʜ':
		return 'h'
	case 'ı', 'ɪ', 'ɩ':
		return 'i'
	case 'ᴊ':
		return 'j'
	case 'ᴋ':
		return 'k'
	case 'ʟ', 'ł':
		return 'l'
	case 'ᴍ':
		return 'm'
	case 'ɴ':
		return 'n'
	case 'ᴏ':
		return 'o'
	case 'ᴘ':
		return 'p'
	case 'ʀ':
		return 'r'
	case 'ꜱ':
		return 's'
	case 'ᴛ':
		return 't'
	case 'ᴜ':
		return 'u'
	case 'ᴠ':
		return 'v'
	case 'ᴡ':
		return 'w'
	case 'ʏ':
		return 'y'
	case 'ᴢ':
		return 'z'
	}
	return r
}
