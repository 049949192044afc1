# shellcheck shell=bash
# Sourced: what the scripts say, and how they stop.

say() { printf '%s\n' "$*"; }

warn() { printf '%s\n' "$*" >&2; }

# A failure: what happened and what to do, on one line.
die() {
  warn "error: $*"
  exit 1
}

# Wrong arguments: the sentence, then how it is meant to be called.
die_usage() {
  warn "error: $*"
  usage >&2
  exit 2
}

# need_value FLAG REMAINING-ARGUMENTS: the flag has a value after it.
need_value() { [ "$2" -ge 2 ] || die_usage "$1 needs a value"; }

# is_duration TEXT: as Fabric writes them, 100ms or 2s.
is_duration() { [[ "$1" =~ ^[1-9][0-9]*(ms|s)$ ]]; }

# is_count TEXT: a whole number above zero, short enough for the shell's arithmetic.
is_count() { [[ "$1" =~ ^[1-9][0-9]{0,8}$ ]]; }

# json_string TEXT: as a JSON string; PEM blocks and paths, no control characters but newlines and tabs.
json_string() {
  local text=$1
  text=${text//\\/\\\\}
  text=${text//\"/\\\"}
  text=${text//$'\n'/\\n}
  text=${text//$'\t'/\\t}
  text=${text//$'\r'/\\r}
  printf '"%s"' "$text"
}
