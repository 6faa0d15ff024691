#!/bin/bash
# What it costs a proxy to be looked at: its CPU while nobody looks, while the
# page is open in a browser, and while `fivedots top` runs in a terminal, by
# turns, under the load of watching.toml.
#
#   cargo build --release -p proxy -p loadgen
#   benches/watching.sh [ROUNDS [SECONDS]]
#
# Needs chromium and tmux. Everything is on loopback.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-5} seconds=${2:-10}
programs=${CARGO_TARGET_DIR:-target}/release
listen=127.0.0.1:5435 upstream=127.0.0.1:5436 admin=127.0.0.1:9454
dir=$(mktemp -d)
started=()
trap 'kill "${started[@]}" 2>/dev/null || true; tmux -S "$dir/tmux" kill-server 2>/dev/null || true
      wait 2>/dev/null || true; rm -rf "$dir"' EXIT

cat >"$dir/fivedots.toml" <<EOF
version = 1
[[observe.search]]
clients = "127.10.0.0/16"
domains = ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local"]
ndots = 5
EOF
"$programs/fivedots-loadgen" upstream --listen $upstream >"$dir/upstream" 2>&1 & started+=($!)
"$programs/fivedots" run --config "$dir/fivedots.toml" --listen $listen --upstream $upstream \
  --metrics 127.0.0.1:9453 --admin $admin >"$dir/proxy" 2>&1 & started+=($!)
proxy=$!
until curl -sf 127.0.0.1:9453/readyz >/dev/null; do sleep 0.2; done
"$programs/fivedots-loadgen" run benches/watching.toml >"$dir/load" 2>&1 & started+=($!)

# Microseconds of CPU: of all threads, and of those alone that serve HTTP. The
# first is what counts, but it varies by more than looking costs.
cpu() {
  for task in /proc/$proxy/task/*; do
    echo "$(cat "$task/comm") $(cut -d' ' -f1 "$task/schedstat")"
  done 2>/dev/null | awk '{ all += $NF } /^(fivedots|tokio-rt-worker) / { http += $NF }
    END { printf "%d %d\n", all / 1000, http / 1000 }'
}
# Answers, which are the load.
answers() { curl -s 127.0.0.1:9453/metrics | awk '/^fivedots_responses_total/ { n += $2 } END { printf "%d", n }'; }

look() {
  case $1 in
    page) chromium --headless --no-sandbox --disable-gpu --user-data-dir="$dir/chromium" \
            --remote-debugging-port=0 "http://$admin/" >"$dir/browser" 2>&1 & watcher=$! ;;
    top) tmux -S "$dir/tmux" -f /dev/null new-session -d -x 160 -y 50 "$programs/fivedots top --admin $admin" ;;
  esac
}
look_away() {
  case $1 in
    page) kill "$watcher"; wait "$watcher" 2>/dev/null || true ;;
    top) tmux -S "$dir/tmux" kill-server ;;
  esac
}

# So that there are figures of ten seconds to show.
sleep 25
for round in $(seq "$rounds"); do
  for who in nobody page top; do
    look $who
    sleep 2
    asked=$(answers) start=$(date +%s%N)
    read -r all http <<<"$(cpu)"
    sleep "$seconds"
    read -r all_after http_after <<<"$(cpu)"
    end=$(date +%s%N) answered=$(answers)
    connections=$(ss -Htn state established "( sport = :${admin#*:} )" | wc -l)
    look_away $who
    awk -v r="$round" -v w=$who -v all=$((all_after - all)) -v http=$((http_after - http)) \
      -v us=$(((end - start) / 1000)) -v a=$((answered - asked)) -v c="$connections" \
      'BEGIN { printf "%d %-6s %6.2f %% of a core, HTTP %5.3f %%, %.0f answers/s, %d connections\n",
         r, w, all / us * 100, http / us * 100, a / us * 1e6, c }'
  done
done | tee "$dir/rounds"

# What each looking costs, compared with nobody in the same round.
awk '{ cpu[$1, $2] = $3; http[$1, $2] = $9; if ($1 > rounds) rounds = $1 }
  function middle(v, n,   i, j, x) {
    for (i = 2; i <= n; i++) { x = v[i]; for (j = i - 1; j > 0 && v[j] > x; j--) v[j + 1] = v[j]; v[j + 1] = x }
    return sprintf("%.3f [%.3f to %.3f]", n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2, v[1], v[n])
  }
  END {
    split("nobody page top", all)
    for (w = 1; w <= 3; w++) {
      for (r = 1; r <= rounds; r++) {
        v[r] = cpu[r, all[w]]; d[r] = v[r] - cpu[r, "nobody"]; h[r] = http[r, all[w]]
      }
      printf "%-6s all threads %s %%, more than nobody %s; HTTP %s\n", all[w],
        middle(v, rounds), middle(d, rounds), middle(h, rounds)
    }
  }' "$dir/rounds"
