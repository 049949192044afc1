# shellcheck shell=bash
# Sourced: where Fabric's own programs are. Needs console.sh.

readonly FABRIC_PROGRAMS="peer orderer configtxgen cryptogen osnadmin"
readonly FABRIC_PLACES="\$FABRIC_HOME, above a peer program on the PATH, or /opt/fabric"

# fabric_home: the folder of a Fabric distribution (with bin/ and config/), or nothing if there is none.
fabric_home() {
  local peer
  if [ -n "${FABRIC_HOME:-}" ]; then
    printf '%s' "$FABRIC_HOME"
    return
  fi
  # The folder above bin/, also when the PATH has a link to the program.
  if peer=$(command -v peer) && peer=$(readlink -f "$peer") && [ -f "${peer%/*/*}/config/core.yaml" ]; then
    printf '%s' "${peer%/*/*}"
  elif [ -x /opt/fabric/bin/peer ]; then
    printf /opt/fabric
  fi
}

# missing_in_fabric HOME: what the distribution lacks, separated by blanks.
missing_in_fabric() {
  local program file
  for program in $FABRIC_PROGRAMS; do
    if [ ! -x "$1/bin/$program" ]; then printf 'bin/%s ' "$program"; fi
  done
  for file in core.yaml orderer.yaml; do
    if [ ! -f "$1/config/$file" ]; then printf 'config/%s ' "$file"; fi
  done
}

# require_fabric HOME: stops with a sentence unless there is a complete distribution.
require_fabric() {
  local missing
  [ -n "$1" ] || die "no Fabric was found in $FABRIC_PLACES (network/README.md says how to get it)"
  missing=$(missing_in_fabric "$1")
  [ -z "$missing" ] || die "the Fabric in $1 lacks ${missing% } (network/README.md says how to get it)"
}

# fabric_version HOME: as in 3.1.5.
fabric_version() {
  "$1/bin/peer" version | sed -n 's/^ *Version: *v\{0,1\}//p' | head -n 1
}
