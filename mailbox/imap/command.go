package imap

import (
	"bytes"
	"context"
	"slices"
	"strings"
)

// A state is where a connection is in RFC 9051 §3's diagram; as a set it says in
// which a command may be given.
type state uint8

const (
	stranger state = 1 << iota
	known          // logged in
	selected       // a folder is open
	inside   = known | selected
	anytime  = stranger | inside
)

// A command is an entry in the table.
type command struct {
	name   string // in capitals; "UID FETCH" is a name
	states state
	run    func(c *conn, ctx context.Context, r *request) (reply, error)
	// quiet commands get no news before their tagged response, besides what they
	// tell themselves.
	quiet bool
	// numbered commands use sequence numbers, so nothing is expunged under them
	// (RFC 9051 §7.5.1).
	numbered bool
	// makes: the command may make messages in the selected folder.
	makes bool
}

// A request is one command as it came.
type request struct {
	*parser
	tag  string
	name string
	uid  bool // numbers in it are UIDs
}

// groups are the commands of each file.
var groups = [][]command{
	sessionCommands, compressCommands, loginCommands, listCommands, folderCommands, selectCommands, notifyCommands,
	fetchCommands, storeCommands, copyCommands, appendCommands,
	searchCommands, sortCommands,
	aclCommands, metadataCommands, quotaCommands,
}

// table finds a command by its name.
var table = makeTable()

func makeTable() map[string]command {
	t := map[string]command{}
	for _, cmd := range slices.Concat(groups...) {
		t[cmd.name] = cmd
	}
	return t
}

// parseRequest reads tag and name. The parser is left before the arguments' space.
func parseRequest(in raw, limit int) (*request, error) {
	b := bytes.TrimSuffix(bytes.TrimSuffix(in.b, []byte("\n")), []byte("\r"))
	r := &request{parser: &parser{b: b, size: len(b), spool: in.spool, limit: limit}, tag: "*"}
	tag := r.while("a tag", func(c byte) bool { return c != '+' && isAStringChar(c) && c < 0x80 })
	if r.err != nil {
		return r, r.err
	}
	r.tag = tag
	r.space()
	if r.name = r.word(); r.name == "UID" {
		r.space()
		r.name, r.uid = "UID "+r.word(), true
	}
	return r, r.err
}

// noArguments ends a command that has none.
func (r *request) noArguments() error { return r.end() }

// title is the name as answers show it.
func (r *request) title() string { return strings.ToUpper(r.name) }
