#!/usr/bin/env bash
# Runs real clients against a real server: each suite gets a server of its own, on
# a free loopback port, with an empty data directory.
#
#   testing/clients/run.sh [--engine sqlite|memory] [js|python|schemathesis|injection|all]...
#
# Environment:
#   PANDO_BIN     the server             (target/debug/pando)
#   PANDO_VENV    Python's environment   (target/venv)
#   PANDO_SEED    schemathesis's seed    (printed; drawn when not given)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
bin=${PANDO_BIN:-$root/target/debug/pando}
venv=${PANDO_VENV:-$root/target/venv}
engine=${PANDO__STORE__ENGINE:-sqlite}

fail() {
  echo "run.sh: $*" >&2
  exit 1
}

usage() {
  sed -n '2,/^set /{/^set /!s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"
}

suites=()
while (($#)); do
  case $1 in
    --engine) engine=${2:-}; shift ;;
    js | python | schemathesis | injection) suites+=("$1") ;;
    all) suites+=(js python injection schemathesis) ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done
((${#suites[@]})) || suites=(js python injection schemathesis)
case $engine in sqlite | memory) ;; *) fail "no such engine: '$engine'" ;; esac

needs() {
  [[ -x $bin ]] || fail "no server at $bin: build it (make build), or name it in PANDO_BIN"
  command -v curl >/dev/null || fail "curl is missing"
  case $1 in
    js)
      command -v node >/dev/null || fail "node is missing"
      [[ -d $here/js/node_modules/@supabase/supabase-js ]] || fail "the clients are missing: npm ci --prefix testing/clients/js"
      ;;
    *)
      [[ -x $venv/bin/python ]] || fail "no Python environment at $venv: python3 -m venv $venv"
      "$venv/bin/python" -c 'import httpx, postgrest, pytest, schemathesis' 2>/dev/null ||
        fail "packages are missing: $venv/bin/pip install -r testing/clients/python/requirements.txt"
      ;;
  esac
}

server=
work=

# start [SETTING=VALUE]...
start() {
  work=$(mktemp -d)
  # Memory has nothing to migrate before it runs, so the server does it on both engines.
  PANDO__STORE__ENGINE=$engine \
    PANDO__STORE__MIGRATE=true \
    PANDO__STORE__MIGRATIONS=$here/schema \
    env "$@" "$bin" serve --config "$here/pando.toml" --listen 127.0.0.1:0 --data-dir "$work/data" >"$work/log" 2>&1 &
  server=$!
  local address=
  for _ in $(seq 300); do
    kill -0 "$server" 2>/dev/null || break
    address=$(sed -nE 's/.*"(http:[^"]*)".*/\1/p' "$work/data/server.json" 2>/dev/null || true)
    if [[ -n $address ]]; then
      export PANDO_URL=${address%/}
      if curl -fsS -o /dev/null "$PANDO_URL/readyz" 2>/dev/null; then
        PANDO_KEY=$(<"$work/data/root.key")
        export PANDO_KEY
        return
      fi
    fi
    sleep 0.05
  done
  cat "$work/log" >&2
  fail "the server did not get ready"
}

stop() {
  [[ -n $server ]] || return 0
  kill -TERM "$server" 2>/dev/null || true
  wait "$server" 2>/dev/null || true
  server=
  rm -rf "$work"
}
trap stop EXIT

# The files of one language, run one after the other: they share the tables.
suite_js() {
  (cd "$here/js" && node --test --test-concurrency=1 --test-reporter="${PANDO_REPORTER:-dot}" test/)
}

suite_python() {
  (cd "$here/python" && "$venv/bin/python" -B -m pytest test_postgrest.py test_connection.py)
}

suite_injection() {
  (cd "$here/python" && "$venv/bin/python" -B -m pytest test_injection.py)
}

suite_schemathesis() {
  local seed=${PANDO_SEED:-$((RANDOM << 15 | RANDOM))}
  echo "schemathesis: PANDO_SEED=$seed testing/clients/run.sh --engine $engine schemathesis"
  (
    cd "$here/python"
    export HYPOTHESIS_STORAGE_DIRECTORY=$work/hypothesis PYTHONDONTWRITEBYTECODE=1
    "$venv/bin/schemathesis" --config-file schemathesis.toml run "$PANDO_URL/openapi.json" --seed "$seed"
  )
}

for suite in "${suites[@]}"; do
  needs "$suite"
done

failed=0
summary=()
for suite in "${suites[@]}"; do
  # Whether a key can be left out is looked at too, so one is required.
  case $suite in
    schemathesis) start PANDO__AUTH__REQUIRED=true ;;
    injection) start PANDO__DOCS__BOOKS__SEARCH=title ;;
    *) start ;;
  esac
  began=$SECONDS
  if "suite_$suite"; then
    verdict=passed
  else
    verdict=FAILED
    failed=1
    echo "--- the server's last lines" >&2
    tail -n 20 "$work/log" >&2
  fi
  kill -0 "$server" 2>/dev/null || { verdict="FAILED (the server ended)"; failed=1; }
  # A panic that was caught is still one.
  if grep "panicked at" "$work/log" >&2; then verdict="FAILED (the server panicked)"; failed=1; fi
  stop
  summary+=("$(printf '%-13s %-7s %s in %d s' "$suite" "$engine" "$verdict" $((SECONDS - began)))")
done

printf '%s\n' "${summary[@]}"
exit $failed
