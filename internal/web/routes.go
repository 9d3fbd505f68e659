package web

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"gatepost/internal/access"
	"gatepost/internal/directory"
)

// A handler answers a request, or says why it did not: what it returns is shown as a
// page, if nothing was written yet.
type handler func(http.ResponseWriter, *http.Request) error

// A route is one page or act. Its action is what the middleware, and allow, ask for.
type route struct {
	pattern string // as net/http has it: "GET /quarantine/{id}"
	action  access.Action
	handle  handler
	body    int64          // octets that a POST may have; 0: maxBody
	page    directory.Page // that shuts it to owners; "": that of its action, or none
	own     bool           // a POST proves by its own address, which is a token, that it is wanted; or it changes nothing
}

// routes is everything that there is, but for what has no part behind it. Each group of
// pages adds its own.
func (s *Server) routes() []route {
	list := []route{
		{pattern: "GET /{$}", action: access.SessionUse, handle: s.home},
		{pattern: "GET /metrics", action: access.Public, handle: s.health},
		{pattern: "GET /healthz", action: access.Public, handle: s.health},
		{pattern: "GET /readyz", action: access.Public, handle: s.health},
		{pattern: "GET " + wellKnown, action: access.Public, handle: s.whoami},
		{pattern: "GET " + assetRoot, action: access.Public, handle: s.asset},
	}
	for _, group := range [...]struct {
		there  bool
		routes func() []route
	}{
		{s.Desk != nil, s.loginRoutes},
		{s.Desk != nil && s.Accounts != nil, s.accountRoutes},
		{s.Desk != nil && s.Accounts != nil && s.Recoveries != nil, s.recoveryRoutes},
		{s.Desk != nil && s.Accounts != nil && s.Supports != nil, s.supportRoutes},
		{s.Desk != nil, s.banRoutes},
		{s.Banned != nil && s.Captcha != nil, s.ownBanRoutes},
		{s.Desk != nil && s.Mailboxes != nil, s.mailboxRoutes},
		{s.Desk != nil && s.OwnRules != nil, s.ownRuleRoutes},
		{s.Desk != nil && s.OwnShares != nil, s.ownShareRoutes},
		{s.Desk != nil && s.OwnShares != nil && s.OwnSending != nil, s.ownSendingRoutes},
		{s.Desk != nil && s.Addresses != nil, s.addressRoutes},
		{s.Desk != nil && s.Collected != nil, s.collectedRoutes},
		{s.Settings != nil, s.settingsRoutes},
		{s.Challenges != nil, s.challengeRoutes},
		{s.Digests != nil, s.digestRoutes},
		{s.Shares != nil, s.shareRoutes},
		{s.Held != nil, s.quarantineRoutes},
		{s.Desk != nil && s.Hosts != nil, s.headerRoutes},
		{s.Entries != nil, s.listRoutes},
		{s.Complaints != nil, s.complaintRoutes},
		{s.Node != nil, s.nodeRoutes},
		{s.Messages != nil, s.messageRoutes},
		{s.Queue != nil, s.queueRoutes},
		{s.Keys != nil, s.keyRoutes},
		{s.Programs != nil, s.programRoutes},
		{s.Rules != nil, s.ruleRoutes},
		{s.Senders != nil, s.senderRoutes},
		{s.MailHosts != nil, s.hostRoutes},
		{s.Stops != nil, s.stopRoutes},
		{s.Desk != nil && s.Admins != nil, s.adminRoutes},
		{s.Proofs != nil, s.proofRoutes},
	} {
		if group.there {
			list = append(list, group.routes()...)
		}
	}
	return list
}

// A Route is one page or act, and what the right to it is for.
type Route struct {
	Pattern string // as net/http has it
	Action  access.Action
	Page    directory.Page // that shuts it to owners; "": none does
}

// Routes lists everything that there is, for whoever wants to look at all of it.
func (s *Server) Routes() (list []Route) {
	for _, r := range s.routes() {
		list = append(list, Route{r.pattern, r.action, r.shuts()})
	}
	return list
}

// router makes the handler of all routes. A route without an action, or with one that
// no role knows, does not start.
func (s *Server) router(routes []route) (http.Handler, error) {
	mux := http.NewServeMux()
	for _, r := range routes {
		method, path, ok := strings.Cut(r.pattern, " ")
		switch {
		case !ok || method != http.MethodGet && method != http.MethodPost:
			return nil, fmt.Errorf("web: route %q: GET or POST", r.pattern)
		case !r.action.Is():
			return nil, fmt.Errorf("web: route %q has no action that is known: %q", r.pattern, r.action)
		case r.handle == nil:
			return nil, errors.New("web: route " + r.pattern + " has no handler")
		}
		if method == http.MethodGet {
			s.paths[path] = true
		}
		mux.HandleFunc(r.pattern, s.serveRoute(r))
	}
	return s.front(mux), nil
}

// home leads to what the person does here.
func (s *Server) home(w http.ResponseWriter, r *http.Request) error {
	for _, item := range s.menu(r) {
		http.Redirect(w, r, item.Path, http.StatusSeeOther)
		return nil
	}
	return errNotFound
}

func (s *Server) asset(w http.ResponseWriter, r *http.Request) error {
	if s.assets.byPath[r.URL.Path] == nil {
		return errNotFound
	}
	s.assets.ServeHTTP(w, r)
	return nil
}

// A menuItem is a way in the menu.
type menuItem struct {
	Key, Path string
	Here      bool
}

// menu has what the person's role can use, of what this node has and nobody has shut.
func (s *Server) menu(r *http.Request) (list []menuItem) {
	v := visitOf(r)
	for _, item := range [...]struct {
		key, path string
		action    access.Action
	}{
		{"menu.quarantine", "/quarantine", access.HeldView},
		{"menu.messages", "/messages", access.MessageView},
		{"menu.queue", "/queue", access.QueueView},
		{"menu.lists", "/lists", access.EntryView},
		{"menu.mailbox", "/mailbox", access.MailboxUse},
		{"menu.settings", "/settings", access.SettingsView},
		{"menu.rules", "/rules", access.RulesChange},
		{"menu.senders", "/senders", access.SenderView},
		{"menu.hosts", "/hosts", access.HostView},
		{"menu.stopped", "/stopped", access.StopView},
		{"menu.bans", "/bans", access.BlockView},
		{"menu.complaints", "/complaints", access.Complaints},
		{"menu.keys", "/keys", access.KeyView},
		{"menu.admins", "/admins", access.AdminChange},
		{"menu.node", "/node", access.NodeReload},
		{"menu.account", "/account", access.AccountUse},
	} {
		if s.paths[item.path] && v.mayAny(item.action) {
			here := r.URL.Path == item.path || strings.HasPrefix(r.URL.Path, item.path+"/")
			list = append(list, menuItem{item.key, item.path, here})
		}
	}
	return list
}
