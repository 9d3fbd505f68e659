package web

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/directory"
	"gatepost/internal/web/safe"
)

// exportEntries sends what the search finds as CSV.
func (s *Server) exportEntries(w http.ResponseWriter, r *http.Request) error {
	f := readEntrySearch(r.URL.Query())
	q, ok, err := s.entryQuery(r, &f)
	if err != nil {
		return err
	}
	if !ok {
		return errNotFound
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="lists.csv"`)
	// It takes as long as the line does; that a reader is gone is seen by writing.
	return s.Entries.ExportEntries(context.WithoutCancel(r.Context()), q, newPaced(w))
}

type importPage struct {
	CSV      string
	Columns  string
	Done     *directory.Imported
	DryRun   bool
	Wrong    string // why the file as a whole was not read; as the directory says it
	Operator bool
	Owner    bool
}

func (s *Server) importForm(w http.ResponseWriter, r *http.Request) error {
	return s.page(w, r, http.StatusOK, "import", s.importPage(r))
}

func (s *Server) importPage(r *http.Request) importPage {
	return importPage{Columns: strings.Join(directory.EntryColumns(), ","), Operator: visitOf(r).Person.Role == access.Operator, Owner: visitOf(r).Person.Role == access.Owner}
}

// errScope is why a line is left out whose scope is another's.
var errScope = errors.New("this scope is not yours")

// importEntries reads lines of CSV. What they say of an entry's origin and age is taken
// from operators only.
func (s *Server) importEntries(w http.ResponseWriter, r *http.Request) error {
	who := access.ID{Kind: visitOf(r).Person.Kind, Number: visitOf(r).Person.ID}
	if _, busy := s.importing.LoadOrStore(who, true); busy {
		return tooMany(time.Minute)
	}
	defer s.importing.Delete(who)
	data := s.importPage(r)
	data.CSV, data.DryRun = r.PostForm.Get("csv"), r.PostForm.Get("dry") != ""
	var own directory.Scope // of an owner: lines that name none are for the own mailbox
	if data.Owner {
		own = directory.Scope{Kind: directory.MailboxScope, Name: visitOf(r).Person.Name}
	}
	done, err := s.Entries.ImportEntries(r.Context(), strings.NewReader(data.CSV), directory.Import{
		DryRun: data.DryRun, Scope: own, Anew: !data.Operator,
		May: func(scope directory.Scope) error {
			if !s.may(r, access.EntryChange, s.scopeObject(scope)) {
				return errScope
			}
			return nil
		},
	})
	status := http.StatusOK
	switch {
	case errors.Is(err, directory.ErrInvalid):
		status, data.Wrong = http.StatusUnprocessableEntity, safe.Line(err.Error())
	case err != nil:
		return err
	}
	for i := range done.Faults {
		done.Faults[i].Text = safe.Line(done.Faults[i].Text)
	}
	data.Done = &done
	if !data.DryRun && done.Failed == 0 && data.Wrong == "" {
		data.CSV = ""
	}
	return s.page(w, r, status, "import", data)
}
