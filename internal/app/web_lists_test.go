package app

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"gatepost/internal/directory"
)

// entry adds one for a scope.
func (n *pagesNode) entry(list directory.List, value, scope string) directory.Entry {
	n.t.Helper()
	s, err := directory.ParseScope(scope)
	n.must(err)
	e, err := n.directory.AddEntry(n.t.Context(), directory.Entry{List: list, Value: value, Scope: s, Origin: "admin", Note: "of " + scope})
	n.must(err)
	return e
}

func (n *pagesNode) entries() (list []string) {
	n.t.Helper()
	all, err := n.directory.Entries(n.t.Context(), directory.EntryQuery{})
	n.must(err)
	for _, e := range all {
		list = append(list, fmt.Sprint(e.List, " ", e.Value, " for ", e.Scope, " by ", e.Origin))
	}
	return list
}

func TestListPages(t *testing.T) {
	n := openPages(t)
	ann, adam, olga := n.logIn("ann@test.example"), n.logIn("adam"), n.logIn("olga")
	ann.wants("empty")(ann.get("/lists"))(200, "The lists are empty")
	ann.wants("add")(ann.post("/lists", "/lists", "list", "allow", "value", "Friend@Far.example", "note", "my friend", "expires", "2030-05-01"))(200, "friend@far.example is in the list from now on", "my friend", "1 May 2030")
	ann.wants("twice")(ann.post("/lists", "/lists", "list", "allow", "value", "friend@far.example"))(422, "This is in the list already", `value="friend@far.example"`)
	ann.wants("wrong value")(ann.post("/lists", "/lists", "list", "allow", "value", "no such thing!"))(422, "This is not an address, a domain or a network", "no such thing!")
	ann.wants("wrong day")(ann.post("/lists", "/lists", "list", "allow", "value", "a.example", "expires", "soon"))(422, "This is not a day")
	ann.wants("for the domain")(ann.post("/lists", "/lists", "list", "block", "value", "far.example", "scope", "test.example"))(200)
	adam.wants("nowhere")(adam.post("/lists", "/lists", "list", "block", "value", "far.example", "scope", "nobody@test.example"))(422, "There is no such domain or mailbox here")
	adam.wants("for the domain")(adam.post("/lists", "/lists", "list", "block", "value", "198.51.100.0/24", "scope", "test.example"))(200, "198.51.100.0/24 is in the list")
	want := "[allow friend@far.example for ann@test.example by owner block far.example for ann@test.example by owner block 198.51.100.0/24 for test.example by admin]"
	if got := fmt.Sprint(n.entries()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	adam.wants("search")(adam.get("/lists?part=friend"))(200, "friend@far.example", "-198.51.100.0")
	adam.wants("by list")(adam.get("/lists?list=block"))(200, "-friend@far.example", "198.51.100.0/24", "far.example")
	adam.wants("by mailbox")(adam.get("/lists?scope=ann@test.example"))(200, "friend@far.example", "-198.51.100.0")
	adam.wants("csv")(adam.get("/lists.csv"))(200, "allow,address,friend@far.example,ann@test.example,owner,my friend")
	all, err := n.directory.Entries(t.Context(), directory.EntryQuery{})
	n.must(err)
	olga.wants("a trap")(olga.post("/lists", "/lists", "list", "trap", "value", "trap@test.example", "scope", "global"))(200, "trap@test.example is in the list")
	olga.wants("somebody's")(olga.post("/lists", "/lists", "list", "trap", "value", "ann@test.example", "scope", "global"))(422, "it is no trap")
	olga.wants("traps")(olga.get("/lists?list=trap"))(200, "trap@test.example", `<option value="trap" selected>`, "-friend@far.example")
	adam.wants("no traps")(adam.get("/lists?list=trap"))(200, "-trap@test.example", `-value="trap"`)
	adam.wants("no trap")(adam.post("/lists", "/lists", "list", "trap", "value", "x@test.example", "scope", "test.example"))(422)
	at := fmt.Sprint("/lists/", all[0].ID)
	ann.wants("entry")(ann.get(at))(200, "my friend", `value="2030-05-01"`, "In the order of filters")
	ann.wants("change")(ann.post(at, at, "note", "no friend", "expires", ""))(200, "was changed", "no friend", "for ever")
	ann.wants("wrong change")(ann.post(at, at, "note", "x", "expires", "never"))(422, "This is not a day")
	ann.wants("remove")(ann.post("/lists", "/lists/remove", "id", fmt.Sprint(all[0].ID), "id", fmt.Sprint(all[1].ID)))(200, "2 entries were removed", "The lists are empty")
}

// A search that is too long is cut, and so is a note: neither is the fault of something else.
func TestListsTooLong(t *testing.T) {
	n := openPages(t)
	n.entry(directory.Block, "friend.example", "ann@test.example")
	long := strings.Repeat("a", directory.MaxPart+30)
	for _, name := range []string{"ann@test.example", "adam", "olga"} {
		v := n.logIn(name)
		for _, path := range []string{"/lists?part=", "/lists.csv?part="} {
			v.wants(name+path)(v.get(path+long))(200, "-friend.example")
		}
	}
	ann := n.logIn("ann@test.example")
	ann.wants("a long note")(ann.post("/lists", "/lists", "list", "block", "value", "a@b.example", "note", strings.Repeat("é", directory.MaxNote)))(200, "a@b.example is in the list")
}

func TestListImport(t *testing.T) {
	n := openPages(t)
	adam, olga, hanna := n.logIn("adam"), n.logIn("olga"), n.logIn("hanna")
	file := "list,value,scope,origin\nallow,a.example,test.example,challenge\nallow,b.example,,admin\nallow,c.example,other.example,admin\nallow,not a domain,test.example,\n"
	adam.wants("dry")(adam.post("/lists/import", "/lists/import", "csv", file, "dry", "yes"))(200, "1 entry would be added", "3 were left out", "3: <bdi>this scope is not yours", "5: ")
	if got := n.entries(); len(got) > 0 {
		t.Errorf("after a dry run there are %v", got)
	}
	adam.wants("import")(adam.post("/lists/import", "/lists/import", "csv", file))(200, "1 entry was added", "3 were left out")
	olga.wants("import")(olga.post("/lists/import", "/lists/import", "csv", file))(200, "2 entries were added", "1 was there already", "1 was left out")
	want := "[allow a.example for test.example by import allow b.example for global by admin allow c.example for other.example by admin]"
	if got := fmt.Sprint(n.entries()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	olga.wants("not CSV")(olga.post("/lists/import", "/lists/import", "csv", "what is this"))(422, "This could not be read")
	ann := n.logIn("ann@test.example")
	ann.wants("an owner")(ann.post("/lists/import", "/lists/import", "csv", "list,value,scope\nallow,d.example,\nallow,e.example,global\n"))(200, "An entry without a scope is for your mailbox", "1 entry was added", "1 was left out")
	if got := n.entries(); len(got) != 4 || got[3] != "allow d.example for ann@test.example by import" {
		t.Errorf("an owner's: %q", got)
	}
	hanna.wants("helpdesk")(hanna.get("/lists/import"))(403)
}

// Nobody sees or changes entries of others; they are answered as what is not there.
func TestListsOfOthers(t *testing.T) {
	n := openPages(t)
	entries := map[string]directory.Entry{}
	for i, scope := range []string{"ann@test.example", "bob@test.example", "test.example", "carl@other.example", "other.example", "global"} {
		entries[scope] = n.entry(directory.Allow, fmt.Sprintf("sender%d.example", i), scope)
	}
	domain := []string{"ann@test.example", "bob@test.example", "test.example"}
	for name, may := range map[string]struct {
		see    []string
		change bool
	}{
		"ann@test.example": {domain[:1], true}, "carl@other.example": {[]string{"carl@other.example"}, true},
		"adam": {domain, true}, "hanna": {domain, false},
	} {
		v := n.logIn(name)
		_, list := v.get("/lists")
		_, file := v.get("/lists.csv")
		for scope, e := range entries {
			mine := strings.Contains(" "+strings.Join(may.see, " ")+" ", " "+scope+" ")
			at := fmt.Sprint("/lists/", e.ID)
			if strings.Contains(list, e.Value) != mine || strings.Contains(file, e.Value) != mine {
				t.Errorf("%s sees the entry of %s in the list or file: not %v", name, scope, mine)
			}
			if status, _ := v.get(at); (status == http.StatusOK) != mine || !mine && status != http.StatusNotFound {
				t.Errorf("%s, entry of %s: got %d", name, scope, status)
			}
			if !strings.Contains(name, "@") {
				for _, path := range []string{"/lists?scope=" + scope, "/lists.csv?scope=" + scope} {
					if status, body := v.get(path); !mine && (status != http.StatusNotFound || strings.Contains(body, e.Value)) {
						t.Errorf("%s: GET %s: got %d", name, path, status)
					}
				}
			}
			if mine && may.change {
				continue
			}
			want := http.StatusNotFound
			if !may.change {
				want = http.StatusForbidden
			}
			if status, _ := v.post("/lists", at, "note", "mine now"); status != want {
				t.Errorf("%s changes the entry of %s: got %d, want %d", name, scope, status, want)
			}
			v.post("/lists", "/lists/remove", "id", fmt.Sprint(e.ID))
			if status, _ := v.post("/lists", "/lists", "list", "block", "value", name+".x.example", "scope", scope); !strings.Contains(name, "@") && status != want {
				t.Errorf("%s adds an entry for %s: got %d, want %d", name, scope, status, want)
			}
		}
	}
	for scope, e := range entries {
		got, err := n.directory.Entry(t.Context(), e.ID)
		if err != nil || got.Note != "of "+scope {
			t.Errorf("the entry of %s is %+v, %v", scope, got, err)
		}
	}
	for _, e := range n.entries() {
		if strings.HasPrefix(e, "block") && !strings.Contains(e, "by owner") {
			t.Errorf("somebody made %s", e)
		}
	}
}
