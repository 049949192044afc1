# shellcheck shell=bash disable=SC2154 # variables of the script that sources this
# Sourced: the state folder of a network. The file network.conf in it says that the folder is ours and how the network was
# made (KEY=VALUE lines). Needs $state and console.sh.

setting() {
  local key value
  [ -f "$state/network.conf" ] || return 0
  while IFS='=' read -r key value; do
    if [ "$key" = "$1" ]; then printf '%s' "$value"; fi
  done <"$state/network.conf"
}

is_state_folder() { [ -f "$state/network.conf" ]; }

# open_state: makes the folder; refuses one that holds other things.
open_state() {
  local inside
  if [ -d "$state" ] && ! is_state_folder; then
    inside=$(find "$state" -mindepth 1 -maxdepth 1 ! -name .lock -print -quit)
    [ -z "$inside" ] || die "$state exists and was not made by scripts/network: choose another --dir"
  fi
  (umask 077 && mkdir -p "$state")
}

# lock_state: one script at a time on one folder, where the system has flock. The lock ends with this shell.
lock_state() {
  if ! command -v flock >/dev/null; then return; fi
  exec 9>"$state/.lock"
  flock -n 9 || die "another scripts/network or scripts/deploy is at work on $state"
}

# purge_state: deletes the folder, if it is ours.
purge_state() {
  is_state_folder || die "$state has no network.conf, so it is not deleted"
  rm -rf "$state"
}
