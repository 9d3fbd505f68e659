package test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"gatepost/internal/captcha"
	"gatepost/test/browser"
	"gatepost/test/machine"
)

// Two kinds of senders: sender.example proves by SPF, nothing does for unproven.example.
const solvedConfig = `
hostname: mx.test.example
policies:
  - name: default
    pipeline:
      - sender-allow
      - {filter: keywords, spam_from: 1, patterns: [{word: pest}]}
`

const unprovenSender, unprovenClient = "zoe@unproven.example", "198.51.100.9"

// hookVariable is what the hook is called, in binaries that have it.
const hookVariable = "CAPTCHA_ANSWERS"

func TestChallengeSolved(t *testing.T) {
	hooked, err := machine.Build(t.Context(), t.TempDir(), stripped, "-tags", "captchahook")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("the hook is not shipped", func(t *testing.T) { solvedHook(t, hooked) })
	m := prepare(t, solvedConfig, flowZone)
	m.Bin = hooked
	m.Sets = append(m.Sets, "web.url=http://"+m.Web)
	answers := filepath.Join(t.TempDir(), "answers")
	t.Setenv(hookVariable, answers)
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	t.Run("by reply", func(t *testing.T) { solvedByReply(t, m, answers) })
	t.Run("unproven", func(t *testing.T) { solvedUnproven(t, m, answers) })
}

// solvedHook: the program as it is shipped has nothing of the hook by which tests learn
// a captcha's answer, and one that is built for tests has.
func solvedHook(t *testing.T, hooked string) {
	for file, want := range map[string]bool{bin: false, hooked: true} {
		program, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{hookVariable, "reveal_hook.go"} {
			if got := bytes.Contains(program, []byte(name)); got != want {
				t.Errorf("%s in %s: %v, want %v", name, file, got, want)
			}
		}
	}
}

var linkInReply = regexp.MustCompile(`http://\S+/c/[A-Za-z0-9_-]+`)

// refusedWithLink sends a message that is held, and returns the link in the reply.
func refusedWithLink(t *testing.T, m *machine.Machine, client, from, content, to string) string {
	t.Helper()
	sent := mailFrom(t, m, client, from, content, to)
	link := linkInReply.FindString(sent.data)
	if !strings.HasPrefix(sent.data, "550 5.7.1") || link == "" {
		t.Fatalf("DATA got %q, want 550 with a link", sent.data)
	}
	return link
}

// lastAnswer is that of a task, or of the last one.
func lastAnswer(t *testing.T, file, task string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	answer := ""
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 3 && (task == "" || f[0] == task) {
			answer = f[2]
		}
	}
	if answer == "" {
		t.Fatalf("no answer in %q", b)
	}
	return answer
}

// visit asks for a page; form nil is a GET.
func visit(t *testing.T, address string, form url.Values) (status int, page string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	method := http.MethodGet
	if form != nil {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

var challengeForm = regexp.MustCompile(`(?s)data-nonce="([^"]+)" data-bits="(\d+)".*name="task" value="([^"]+)"`)

// solve does what a sender does who follows the link.
func solve(t *testing.T, link, answers string) {
	t.Helper()
	_, page := visit(t, link, nil)
	m := challengeForm.FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("no task in\n%s", page)
	}
	bits, _ := strconv.Atoi(m[2])
	proof := 0
	for !(captcha.Work{Nonce: m[1], Bits: bits}).Done(strconv.Itoa(proof)) {
		proof++
	}
	status, page := visit(t, link, url.Values{"task": {m[3]}, "proof": {strconv.Itoa(proof)}, "answer": {lastAnswer(t, answers, m[3])}})
	if status != http.StatusOK || !strings.Contains(page, "You can close this page.") {
		t.Fatalf("answer: %d\n%s", status, page)
	}
}

// solvedByReply: a person whose mail was taken for spam follows the link in the
// refusal, and it is in the inbox, once, as it was; from then on his mail passes.
func solvedByReply(t *testing.T, m *machine.Machine, answers string) {
	ann := domain(t, m, "test.example", "--challenge", "reply")
	content := "X-Odd:  a \r\n\tfold\r\nSubject: lunch\r\nFrom: Eve <eve@sender.example>\r\n\r\na pest\r\n.\r\n..dots\r\nlatin \xe9 and \x7f\r\n\r\n"
	link := refusedWithLink(t, m, goodClient, sender, content, ann)
	if again := refusedWithLink(t, m, goodClient, sender, content, ann); again != link {
		t.Errorf("the same message has another link: %s, was %s", again, link)
	}
	b := browser.Open(t, browser.Options{})
	b.Go(link)
	b.See("test.example")
	b.Type("#answer", lastAnswer(t, answers, ""))
	b.Click("button.primary")
	b.See("You can close this page.")
	got := withSubject(box(t, m, ann, "INBOX"), "lunch")
	if len(got) != 1 {
		t.Fatalf("the inbox has it %d times", len(got))
	}
	if _, rest, _ := strings.Cut(got[0], "X-Odd:"); "X-Odd:"+rest != content {
		t.Errorf("content is %q, want %q", rest, content)
	}
	if !strings.Contains(got[0], "X-Gatepost-Released: ") {
		t.Errorf("its header does not tell of the release:\n%s", got[0])
	}
	rows := asked[[]struct{ Value, Origin string }](t, m, "list", "list", "allow")
	if len(rows) != 1 || rows[0].Value != sender || rows[0].Origin != "challenge" {
		t.Errorf("allowed: %+v", rows)
	}
	mailFrom(t, m, goodClient, sender, note("supper", "a pest"), ann).id(t)
	if n := len(withSubject(box(t, m, ann, "INBOX"), "supper")); n != 1 {
		t.Errorf("the next message is there %d times", n)
	}
	if log := m.Output.String(); strings.Contains(log, link[strings.LastIndex(link, "/")+1:]) {
		t.Errorf("the token is in the log:\n%s", log)
	}
	if status, page := visit(t, link, nil); status != http.StatusOK || !strings.Contains(page, "Delivered") {
		t.Errorf("the link afterwards: %d\n%s", status, page)
	}
}

// solvedUnproven: whom nothing proves is allowed from the network that the message came
// from, and from no other.
func solvedUnproven(t *testing.T, m *machine.Machine, answers string) {
	ann := domain(t, m, "other.example", "--challenge", "reply")
	solve(t, refusedWithLink(t, m, unprovenClient, unprovenSender, note("first", "a pest"), ann), answers)
	mailFrom(t, m, "198.51.100.200", unprovenSender, note("second", "a pest"), ann).id(t)
	refusedWithLink(t, m, "203.0.113.9", unprovenSender, note("third", "a pest"), ann)
	for subject, want := range map[string]int{"first": 1, "second": 1, "third": 0} {
		if n := len(withSubject(box(t, m, ann, "INBOX"), subject)); n != want {
			t.Errorf("%s is there %d times, want %d", subject, n, want)
		}
	}
}
