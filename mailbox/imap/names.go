package imap

// EncodeName writes a folder's name in modified UTF-7 (RFC 3501 §5.1.3), for what has names
// of folders as IMAP had them: a Maildir++.
func EncodeName(name string) string { return encodeUTF7(name) }

// DecodeName reads what EncodeName writes; false where it is anything else.
func DecodeName(s string) (name string, ok bool) { return decodeUTF7(s) }
