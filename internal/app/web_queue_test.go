package app

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"gatepost/internal/mail"
	"gatepost/internal/queue"
)

// waits queues a message of a domain's for recipients, and returns the transfers.
func (n *pagesNode) waits(home string, change func(*queue.Message), to ...mail.Path) (ids []int64) {
	n.t.Helper()
	body := "Subject: A <b>quote</b> for you\r\n\r\nx\r\n"
	name, err := n.blobs.Put(n.t.Context(), strings.NewReader(body), int64(len(body)))
	n.must(err)
	now := time.Now().Add(-time.Hour).Truncate(time.Microsecond)
	m := &queue.Message{ID: mail.NewID(now), Tx: mail.NewID(now), Sender: mail.Path("ann@" + home), Blob: string(name), Size: int64(len(body)), Created: now, Expires: now.AddDate(0, 0, 5)}
	if change != nil {
		change(m)
	}
	var list []*queue.Transfer
	for _, p := range to {
		list = append(list, &queue.Transfer{Message: m, Recipient: p, For: []mail.Path{p.Fold()}, Home: home, Destination: queue.ByMX(p.Domain())})
	}
	n.must(n.store.Queue().Put(n.t.Context(), list))
	found, err := n.store.Queue().Find(n.t.Context(), queue.Query{Message: m.ID})
	n.must(err)
	for _, t := range found {
		ids = append(ids, t.ID)
	}
	return ids
}

// putOff has a destination answer that it is not now.
func (n *pagesNode) putOff(d queue.Destination, text string) {
	n.t.Helper()
	list, err := n.store.Queue().Claim(n.t.Context(), d, 100, time.Hour)
	n.must(err)
	var done []queue.Settlement
	for _, t := range list {
		done = append(done, queue.Settlement{Transfer: t, Fate: queue.Deferred, Retry: time.Hour, Reply: queue.Reply{
			Host: "mx1.far.example [192.0.2.1]:25", Code: 450, Enhanced: "4.7.1", Text: text, Command: "RCPT",
		}})
	}
	n.must2(n.store.Queue().Settle(n.t.Context(), done))
}

// inQueue is what is left, by state.
func (n *pagesNode) inQueue() (waiting, held int) {
	n.t.Helper()
	sum, err := n.store.Queue().Totals(n.t.Context())
	n.must(err)
	return sum.Waiting, sum.Held
}

func TestQueuePage(t *testing.T) {
	n := openPages(t)
	adam, rosa, olga, ann := n.logIn("adam"), n.logIn("rosa"), n.logIn("olga"), n.logIn("ann@test.example")
	ann.wants("an owner")(ann.get("/queue"))(403)
	olga.wants("empty")(olga.get("/queue"))(200, "The queue is empty.", `href="/queue/destinations"`)
	ours := n.waits("test.example", nil, "zoe@far.example", "yan@far.example")
	other := n.waits("other.example", func(m *queue.Message) { m.Sender = mail.Null }, "xen@far.example")
	later := n.waits("test.example", func(m *queue.Message) { m.Params.Release = time.Now().Add(time.Hour) }, "vic@near.example")
	n.putOff("mx:far.example", "Greylisted <i>now</i>,\ncome back\u202e later")
	one := fmt.Sprint("/queue/", ours[0])
	tried := n.waits("test.example", nil, "uma@busy.example")
	_, err := n.store.Queue().Claim(t.Context(), "mx:busy.example", 1, time.Hour)
	n.must(err)
	olga.wants("what is being tried")(olga.get(fmt.Sprint("/queue/", tried[0])))(200, "It is being tried now.", "<dt>Next try</dt><dd>now</dd>")
	olga.wants("what is being tried, in the list")(olga.get("/queue?recipient=uma@busy.example"))(200, "It is being tried now.", "<div>now</div>")

	olga.wants("all")(olga.get("/queue"))(200, "zoe@far.example", "yan@far.example", "xen@far.example", "vic@near.example", "ann@test.example",
		"nobody (a report)", "450 4.7.1 Greylisted &lt;i&gt;now&lt;/i&gt;, come back", "-\u202e", "Its sender has it wait until", "mx:far.example", one)
	adam.wants("his domain's")(adam.get("/queue"))(200, "zoe@far.example", "vic@near.example", "-xen@far.example", "-/queue/destinations", `value="delete"`)
	rosa.wants("who reads")(rosa.get("/queue"))(200, "zoe@far.example", "-xen@far.example", `-value="delete"`, `-type="checkbox"`)
	adam.wants("another's, by a filter")(adam.get("/queue?home=other.example"))(404)
	adam.wants("another's, by its number")(adam.get(fmt.Sprint("/queue?number=", other[0])))(200, "Nothing in the queue is like that.")
	adam.wants("another's page")(adam.get(fmt.Sprint("/queue/", other[0])))(404)
	adam.wants("destinations")(adam.get("/queue/destinations"))(403)
	for query, want := range map[string][]string{
		"recipient=YAN@far.example": {"yan@far.example", "-zoe@"}, "sender=ann@test.example": {"zoe@", "vic@", "-xen@"}, "sender=%3C%3E": {"xen@", "-zoe@"},
		"domain=near.example": {"vic@", "-zoe@"}, "destination=MX:near.example": {"vic@", "-zoe@"}, "state=failing": {"zoe@", "-vic@"}, "state=held": {"Nothing in the queue is like that."},
		"home=other.example": {"xen@", "-zoe@"}, fmt.Sprint("number=", later[0]): {"vic@", "-zoe@"}, "recipient=x": {"This is not an address."}, "state=no": {"zoe@", "xen@", "vic@"},
	} {
		olga.wants(query)(olga.get("/queue?"+query))(200, want...)
	}
	olga.wants("one")(olga.get(one))(200, "A &lt;b&gt;quote&lt;/b&gt; for you", "-<b>quote", "The other server put it off:", "mx1.far.example [192.0.2.1]:25", "450 4.7.1 Greylisted", "put off",
		`value="retry"`, `value="hold"`, `-value="recall"`, "/messages/")
	olga.wants("one that waits")(olga.get(fmt.Sprint("/queue/", later[0])))(200, `value="recall"`, `-value="retry"`)
	olga.wants("none")(olga.get("/queue/4711"))(404)
	olga.wants("what waits where")(olga.get("/queue/destinations"))(200, "mx:far.example", "mx:near.example", "450 4.7.1 Greylisted", "Try all now")
	if _, body := olga.get("/queue/destinations"); strings.Index(body, "mx:far.example") > strings.Index(body, "mx:near.example") {
		t.Error("the destination with the most is not the first")
	}
	olga.wants("French")(olga.post("/account", "/account/language", "language", "fr"))(200)
	for _, page := range []string{"/queue", one, "/queue/destinations"} {
		if _, body := olga.get(page); regexp.MustCompile(`(queue|msg|held)\.[a-z]+[^a-z.]`).MatchString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(body, "")) {
			t.Errorf("%s shows a key:\n%s", page, body)
		}
	}
	olga.wants("in French")(olga.get(one))(200, "Pourquoi il attend", "L’autre serveur l’a différé")
}

func TestQueuePageActs(t *testing.T) {
	n := openPages(t)
	adam, rosa, hanna, olga := n.logIn("adam"), n.logIn("rosa"), n.logIn("hanna"), n.logIn("olga")
	ours := n.waits("test.example", nil, "a@far.example", "b@far.example", "c@far.example")
	other := n.waits("other.example", nil, "d@far.example")
	id := func(n int64) string { return fmt.Sprint(n) }
	due := func(id int64) time.Duration {
		found, err := n.store.Queue().Find(t.Context(), queue.Query{ID: id})
		n.must(err)
		return time.Until(found[0].Due)
	}
	n.putOff("mx:far.example", "later")
	rosa.wants("who reads")(rosa.post("/queue", "/queue", "act", "retry", "id", id(ours[0])))(403)
	adam.wants("nothing")(adam.post("/queue", "/queue", "act", "retry"))(200, "No message was ticked.")
	adam.wants("no act")(adam.post("/queue", "/queue", "act", "burn", "id", id(ours[0])))(400)
	adam.wants("another's")(adam.post("/queue", "/queue", "act", "retry", "id", id(other[0])))(200, "Due now: 0")
	adam.wants("tries one")(adam.post("/queue", "/queue", "act", "retry", "id", id(ours[0]), "one", "yes"))(200, "Due now: 1", "What was tried", "tried again by an admin")
	if d := due(other[0]); d < time.Minute || due(ours[0]) > 0 {
		t.Errorf("another's is due in %s, the own in %s", d, due(ours[0]))
	}
	hanna.wants("holds two")(hanna.post("/queue", "/queue", "act", "hold", "id", id(ours[0]), "id", id(ours[1])))(200, "Held back: 2", "held back")
	hanna.wants("of another state")(hanna.post("/queue", "/queue", "act", "release", "id", id(ours[0]), "id", id(ours[2])))(200, "Let go on: 1")

	adam.wants("is asked")(adam.post("/queue", "/queue", "act", "delete", "id", id(ours[0]), "id", id(other[0])))(200, "Delete these?", "1 message", "a@far.example", "-d@far.example", "nobody is told", "The journal keeps who did it")
	if waiting, held := n.inQueue(); waiting != 3 || held != 1 {
		t.Errorf("before it is confirmed %d wait, %d are held", waiting, held)
	}
	adam.wants("deletes")(adam.post("/queue", "/queue", "act", "delete", "id", id(ours[0]), "id", id(other[0]), "confirm", "yes"))(200, "Deleted: 1", "-a@far.example")
	adam.wants("all, is asked")(adam.post("/queue", "/queue", "act", "hold", "all", "yes"))(200, "Hold these back?", "2 messages", "-d@far.example")
	until := id(time.Now().UnixMicro())
	adam.wants("all")(adam.post("/queue", "/queue", "act", "hold", "all", "yes", "confirm", "yes", "until", until))(200, "Held back: 1")
	if waiting, held := n.inQueue(); waiting != 1 || held != 2 {
		t.Errorf("%d wait, %d are held; another's waits", waiting, held)
	}
	young := n.waits("test.example", func(m *queue.Message) { m.Created = time.Now().Add(time.Hour) }, "young@far.example")
	adam.wants("not what came since")(adam.post("/queue", "/queue", "act", "delete", "all", "yes", "confirm", "yes", "until", until))(200, "Deleted: 2", "young@far.example")
	adam.wants("without a time")(adam.post("/queue", "/queue", "act", "delete", "all", "yes", "confirm", "yes"))(400)
	olga.wants("a destination")(olga.post("/queue/destinations", "/queue", "act", "retry", "all", "yes", "destination", "mx:far.example"))(200, "Try these now?", "2 messages", `value="mx:far.example"`)
	olga.wants("it")(olga.post("/queue", "/queue", "act", "retry", "all", "yes", "destination", "mx:far.example", "confirm", "yes", "until", id(time.Now().Add(2*time.Hour).UnixMicro())))(200, "Due now: 2")
	if d := due(other[0]); d > 0 {
		t.Errorf("it is due in %s", d)
	}
	later := n.waits("test.example", func(m *queue.Message) { m.Params.Release = time.Now().Add(time.Hour) }, "e@far.example")
	adam.wants("takes back")(adam.post("/queue", "/queue", "act", "recall", "id", id(later[0]), "id", id(young[0]), "confirm", "yes"))(200, "Taken back: 1")
	events, err := n.store.Queue().Events(t.Context(), n.journalOf(young[0]))
	if n.must(err); len(events) != 1 || events[0].What != string(queue.Retry) {
		t.Errorf("got %+v", events)
	}
}

// journalOf is the transaction of a transfer.
func (n *pagesNode) journalOf(id int64) string {
	found, err := n.store.Queue().Find(n.t.Context(), queue.Query{ID: id})
	n.must(err)
	return found[0].Message.Tx
}

// A page has fifty transfers and leads to the next; what is ticked on it is bounded.
func TestQueuePages(t *testing.T) {
	n := openPages(t)
	var to []mail.Path
	for i := range 120 {
		to = append(to, mail.Path(fmt.Sprintf("r%03d@far.example", i)))
	}
	ids := n.waits("test.example", nil, to...)
	adam := n.logIn("adam")
	path, seen := "/queue", 0
	for range 3 {
		_, body := adam.get(path)
		seen += strings.Count(body, "@far.example</bdi></a>")
		if next := regexp.MustCompile(`rel="next" href="([^"]+)"`).FindStringSubmatch(body); next != nil {
			path = next[1]
		}
	}
	if seen != 120 {
		t.Errorf("three pages show %d", seen)
	}
	adam.wants("the last")(adam.get(path))(200, "r119@far.example", "-r000@far.example", `-rel="next"`, "From the beginning")
	form := []string{"act", "hold"}
	for _, id := range ids[:51] {
		form = append(form, "id", fmt.Sprint(id))
	}
	adam.wants("too many")(adam.post("/queue", "/queue", form...))(413)
}
