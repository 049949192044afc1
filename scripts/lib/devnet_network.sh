# shellcheck shell=bash disable=SC2154 # variables of the script that sources this
# Sourced: our own Fabric network in one process. Needs $root, $state, $port_base, $block_time, $mutual_tls, $limit, $binary,
# and console.sh, process.sh, cargo_binary.sh.

# devnet_up: starts the process; it makes identities and profile.toml itself and prints `ready` when it serves.
devnet_up() {
  local program from=0
  program=${binary:-$(cargo_binary hlf-devnet)}
  [ -x "$program" ] || die "$program is not a program"
  if port_answers "127.0.0.1:$port_base"; then
    die "in use by another program on 127.0.0.1: port $port_base; stop it, or choose another --port-base"
  fi
  if [ -f "$(log_of devnet)" ]; then from=$(wc -l <"$(log_of devnet)"); fi
  say "starting devnet"
  start_process devnet "127.0.0.1:$port_base" "" "$program" up --orgs Bank,Client,Vendor --channel payments \
    --chaincode lockstep --dir "$state" --port-base "$port_base" --block-time "$block_time" ${mutual_tls:+--mutual-tls}
  await devnet "$limit" "say that it is ready" devnet_ready "$from"
}

# devnet_ready LINES: the log has a line `ready` after the first LINES, those of earlier runs.
devnet_ready() { tail -n +$(($1 + 1)) "$(log_of devnet)" | grep -qx ready; }

devnet_running() { is_running devnet; }
