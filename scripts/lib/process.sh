# shellcheck shell=bash disable=SC2154 # variables of the script that sources this
# Sourced: background processes by record. A record is a file run/NAME.process in the state folder; it names the process
# id and the moment that process started, so that an id which the system gave to somebody else is never taken for ours.
# Needs $state, the state folder, and console.sh.

record_of() { printf '%s/run/%s.process' "$state" "$1"; }

log_of() { printf '%s/logs/%s.log' "$state" "$1"; }

# process_stamp PID: when the process started, in a form only to be compared; nothing if it does not run.
process_stamp() {
  local stat
  if [ -r /proc/self/stat ]; then
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
    stat=${stat##*) }
    # Fields after the name: state, then 19th the start in ticks since boot. A zombie has ended already.
    case "$stat" in Z* | X*) return 0 ;; esac
    # shellcheck disable=SC2086 # the fields are to be split
    set -- $stat
    printf '%s-%s' "$(cat /proc/sys/kernel/random/boot_id)" "${20}"
  else
    ps -o lstart= -p "$1" 2>/dev/null | tr -s ' ' || true
  fi
}

# recorded NAME FIELD: a field of the record, empty if there is none.
recorded() {
  local file key value
  file=$(record_of "$1")
  [ -f "$file" ] || return 0
  while IFS='=' read -r key value; do
    if [ "$key" = "$2" ]; then printf '%s' "$value"; fi
  done <"$file"
}

# is_running NAME: the very process that was recorded still runs.
is_running() {
  local pid stamp
  pid=$(recorded "$1" pid)
  stamp=$(recorded "$1" stamp)
  [ -n "$pid" ] && [ -n "$stamp" ] && [ "$(process_stamp "$pid")" = "$stamp" ]
}

# start_process NAME ADDRESS NOTE COMMAND…: in the background, with its output in the log, detached from this terminal.
# NOTE is kept in the record for whoever started it.
start_process() {
  local name=$1 address=$2 note=$3 log pid stamp session=()
  shift 3
  log=$(log_of "$name")
  mkdir -p "$state/run" "$state/logs"
  if command -v setsid >/dev/null; then session=(setsid); fi
  printf -- '---- started %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >>"$log"
  # 9 is the lock of the state folder, which ends with this script and not with its children.
  ${session[@]+"${session[@]}"} nohup "$@" </dev/null >>"$log" 2>&1 9>&- &
  pid=$!
  disown "$pid"
  stamp=$(process_stamp "$pid")
  printf 'pid=%s\nstamp=%s\naddress=%s\nnote=%s\n' "$pid" "$stamp" "$address" "$note" >"$(record_of "$name").new"
  mv "$(record_of "$name").new" "$(record_of "$name")"
}

# process_names: every recorded name, in the order of their first start.
process_names() {
  local file
  [ -d "$state/run" ] || return 0
  for file in "$state"/run/*.process; do
    [ -e "$file" ] || continue
    file=${file##*/}
    printf '%s\n' "${file%.process}"
  done
}

# stop_processes NAME…: asks all of them to end, waits, and kills what has not ended after ten seconds.
stop_processes() {
  local name pid deadline=$((SECONDS + 10)) left
  for name in "$@"; do
    if is_running "$name"; then kill -TERM "$(recorded "$name" pid)" 2>/dev/null || true; fi
  done
  while :; do
    left=()
    for name in "$@"; do
      if is_running "$name"; then left+=("$name"); fi
    done
    if [ ${#left[@]} -eq 0 ] || [ "$SECONDS" -ge "$deadline" ]; then break; fi
    sleep 0.1
  done
  for name in ${left[@]+"${left[@]}"}; do
    pid=$(recorded "$name" pid)
    warn "$name (process $pid) did not end within ten seconds and is killed"
    if is_running "$name"; then kill -KILL "$pid" 2>/dev/null || true; fi
  done
  for name in "$@"; do rm -f "$(record_of "$name")"; done
}

# tail_of_log NAME: the last lines, indented, on standard error.
tail_of_log() {
  local log
  log=$(log_of "$1")
  if [ -s "$log" ]; then
    warn "the end of $log:"
    tail -n 15 "$log" | sed 's/^/    /' >&2
  fi
}

# port_answers HOST:PORT: something accepts connections there.
port_answers() { (exec 3<>"/dev/tcp/${1%:*}/${1##*:}") 2>/dev/null; }

# await NAME SECONDS WHAT COMMAND…: runs the command until it succeeds. Fails with a sentence and the end of the log
# when the process NAME ends first, or at the deadline; WHAT completes "NAME did not …". The command may leave in $reason
# why it failed.
await() {
  local name=$1 limit=$2 what=$3 deadline reason=""
  shift 3
  deadline=$((SECONDS + limit))
  until "$@"; do
    if ! is_running "$name"; then
      tail_of_log "$name"
      die "$name ended before it could $what"
    fi
    if [ "$SECONDS" -ge "$deadline" ]; then
      tail_of_log "$name"
      die "$name did not $what within $limit seconds${reason:+: $reason}"
    fi
    sleep 0.1
  done
}
