package peer

import (
	"fmt"
	"strings"
)

// StartRedis starts Redis on loopback. It keeps its data in memory until it is told SAVE, then in
// the file dump.rdb of its directory.
func StartRedis() (*Engine, error) {
	e, err := newEngine("redis-server", "redis-server")
	if err != nil {
		return nil, err
	}
	e.Socket = ""
	e.args = []string{"--port", e.port(), "--bind", "127.0.0.1", "--dir", e.Dir, "--save", "", "--appendonly", "no", "--daemonize", "no"}
	return e.begin()
}

// StartRspamdBayes starts Rspamd with its Bayes, which keeps its tokens in the Redis at the
// address, and nothing else: no rule, no module. It judges from the first message on. The
// scanner listens at Addr, the controller, which learns (POST /learnspam, /learnham), at Socket.
// The option of the symbol PROBABILITY, where there is one, is the probability of spam as it was
// computed: a symbol's own score is printed with six digits.
func StartRspamdBayes(redis string) (*Engine, error) {
	e, err := newEngine("rspamd", "rspamd")
	if err != nil {
		return nil, err
	}
	config := `options {
  pidfile = "DIR/pid"; cache_file = "DIR/symbols.cache"; dynamic_conf = "DIR/dynamic"; history_file = "DIR/history"; stats_file = "DIR/stats";
  hs_cache_dir = "DIR/"; tempdir = "DIR"; control_socket = "DIR/control mode=0600"; url_tld = "DIR/tld";
  filters = []; explicit_modules = []; allow_raw_input = true; task_timeout = 20s;
  dns { nameserver = ["127.0.0.1:9"]; timeout = 10ms; retransmits = 1; sockets = 1; }
}
logging { type = "console"; level = "error"; }
redis { servers = "REDIS"; }
lua = "DIR/score.lua";
classifier "bayes" {
  tokenizer { name = "osb"; }
  cache { }
  new_schema = true; backend = "redis"; servers = "REDIS"; min_tokens = 11; min_learns = 1;
  statfile { symbol = "BAYES_HAM"; spam = false; }
  statfile { symbol = "BAYES_SPAM"; spam = true; }
  learn_condition = 'return require("lua_bayes_learn").can_learn';
}
actions { reject = 1000000; }
worker "normal" { bind_socket = "ADDR"; count = 1; mime = true; }
worker "controller" { bind_socket = "SOCKET mode=0666"; count = 1; password = "secret"; enable_password = "secret"; secure_ip = ["127.0.0.1"]; }
`
	config = strings.NewReplacer("DIR", e.Dir, "ADDR", e.Addr, "SOCKET", e.Socket, "REDIS", redis).Replace(config)
	e.args = []string{"--no-fork", "--insecure", "--config=" + e.file("rspamd.conf")}
	score := `rspamd_config:register_symbol{ name = "PROBABILITY", type = "postfilter", callback = function(task)
  local p = task:get_mempool():get_variable("bayes_prob", "double")
  if p then task:insert_result("PROBABILITY", 0.0, string.format("%.17g", p)) end
end }
`
	if err := e.write("rspamd.conf", config, "tld", "com\nexample\nnet\norg\n", "score.lua", score); err != nil {
		e.Stop()
		return nil, fmt.Errorf("peer: rspamd: %w", err)
	}
	return e.begin()
}
