# shellcheck shell=bash disable=SC2034,SC2154 # variables of the script that sources this, and for it
# Sourced by run: puts its chaincodes on a network, and starts a process of each for each organisation. Needs $dir, $base, and
# names[], programs[] and chosen[], which are indexes into both; leaves the network's folder in $network.

organisations=(bank client vendor)

chosen_names() {
  local index
  for index in "${chosen[@]}"; do printf '%s ' "${names[$index]}"; done
}

# listening NUMBER ORGANISATION: the port of the chaincode with this number, from 0, for the organisation with this one, from 1.
listening() { printf '%s' $((base + 10 + 10 * $1 + $2)); }

# collections_of NAME: the file with its private data collections, for our three organisations; nothing if it has none.
collections_of() {
  case "$1" in
    protocol*) printf '%s' "$here/protocol/collections.json" ;;
    private)
      sed -e 's/Org1MSP/BankMSP/g' -e 's/Org2MSP/VendorMSP/g' \
        "$here/../../fabric/examples/asset-transfer-private-data/collections_config.json" >"$dir/private-collections.json"
      printf '%s' "$dir/private-collections.json"
      ;;
  esac
}

# start_chaincode INDEX NUMBER ORGANISATION PACKAGE-ID
start_chaincode() {
  local name=${names[$1]} org=${organisations[$3 - 1]} port
  port=$(listening "$2" "$3")
  if [ -n "${programs[$1]}" ]; then
    serve_program "$name" "$org" "$port" "$4" "${programs[$1]}"
  else
    serve "$name" "$org" "$port" "$4"
  fi
}

# declare_all: a devnet that knows the chaincodes from its start.
declare_all() {
  local arguments=() number index organisation collections
  for index in "${chosen[@]}"; do
    arguments+=(--chaincode "${names[$index]}")
    collections=$(collections_of "${names[$index]}")
    [ -z "$collections" ] || arguments+=(--collections "${names[$index]}=$collections")
  done
  network=$dir/network
  "$devnet" up --orgs Bank,Client,Vendor --channel payments --dir "$network" --port-base "$base" --block-time 50ms \
    "${arguments[@]}" >"$dir/devnet.log" 2>&1 &
  pids+=($!) named+=("devnet=$!")
  await "$dir/devnet.log" '^ready$'
  for number in "${!chosen[@]}"; do
    index=${chosen[$number]}
    for organisation in 1 2 3; do start_chaincode "$index" "$number" "$organisation" "${names[$index]}:1"; done
  done
}

# deploy_all: each chaincode packaged, installed, approved and committed by our own client.
deploy_all() {
  local number index organisation collections ids arguments
  network=$(dirname "$profile")
  for number in "${!chosen[@]}"; do
    index=${chosen[$number]}
    arguments=()
    collections=$(collections_of "${names[$index]}")
    [ -z "$collections" ] || arguments=(--collections "$collections")
    # Beside the profile, since its paths are relative.
    profile_with_ports "$number" >"$network/node-peers.toml"
    ids=$("$deploy" "$network/node-peers.toml" --name "${names[$index]}" "${arguments[@]}" 2>>"$dir/deploy.log") ||
      fail "${names[$index]} could not be deployed"
    for organisation in 1 2 3; do
      start_chaincode "$index" "$number" "$organisation" "$(sed -n "${organisation}s/^[^ ]* //p" <<<"$ids")"
    done
  done
  rm "$network/node-peers.toml"
}

# profile_with_ports NUMBER: the profile, with the ports where the chaincode with this number listens.
profile_with_ports() {
  awk -v first="$(listening "$1" 0)" '
    /^\[/ { chaincode = ($0 == "[organizations.chaincode]") }
    chaincode && /^address = / { organisation++; $0 = "address = \"127.0.0.1:" (first + organisation) "\"" }
    { print }' "$profile"
}
