# shellcheck shell=bash disable=SC2154 # variables of the profile
# Sourced: reads a profile.toml. Our own program reads the TOML and prints shell assignments (profile_*, orderer_*, org_*,
# peer_*), so that the scripts need no other tool. Needs console.sh, cargo_binary.sh.

# load_profile FILE. LOCKSTEP_BIN names a `lockstep` program to take instead of the one that cargo builds.
load_profile() {
  local program text
  [ -f "$1" ] || die "there is no profile $1 (scripts/network up writes one; network/README.md has the fields)"
  program=${LOCKSTEP_BIN:-}
  if [ -z "$program" ]; then program=$(cargo_binary lockstep); fi
  text=$("$program" ledger profile --profile "$1" --shell) || die "the profile $1 could not be read"
  eval "$text"
  [ -n "${profile_name:-}" ] || die "$program printed no profile: is it a current build?"
}

# process_name ORGANIZATION-INDEX: of its chaincode process.
process_name() {
  printf '%s-chaincode' "$(printf '%s' "${org_name[$1]}" | tr '[:upper:]' '[:lower:]' | tr -c 'a-z0-9' '-')"
}

# peers_of ORGANIZATION-INDEX: the indexes of its peers.
peers_of() {
  local peer
  for peer in "${!peer_org[@]}"; do
    if [ "${peer_org[$peer]}" = "$1" ]; then printf '%s\n' "$peer"; fi
  done
}

# index_of MSP-ID
index_of() {
  local organization
  for organization in "${!org_msp_id[@]}"; do
    if [ "${org_msp_id[$organization]}" = "$1" ]; then
      printf '%s' "$organization"
      return
    fi
  done
  die "the profile has no organization with the MSP id $1"
}

# need_files ORGANIZATION-INDEX FILE…: each is named in the profile and there is one.
need_files() {
  local organization=${org_msp_id[$1]} file
  shift
  for file in "$@"; do
    [ -n "$file" ] || die "the profile lacks something that $organization needs for this step (network/README.md has the fields)"
    [ -e "$file" ] || die "the profile names $file for $organization, which does not exist"
  done
}
