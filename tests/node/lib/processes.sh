# shellcheck shell=bash disable=SC2154 # $dir, $keep and $network of the script that sources this
# Sourced: the processes of a test. Needs $dir, the folder for everything, $keep, 1 if it stays, and $network, the network's folder.

pids=() named=()
finish() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  [ "$keep" = 1 ] || rm -rf "$dir"
}
trap finish EXIT

fail() {
  echo "failed: $*" >&2
  tail -n 20 "$dir"/*.log >&2 || true
  exit 1
}

# await FILE TEXT: until the file has the text.
await() {
  local left=600
  until grep -q "$2" "$1" 2>/dev/null; do
    left=$((left - 1))
    [ "$left" -gt 0 ] || fail "$1 does not say \"$2\""
    sleep 0.1
  done
}

# await_port PORT: until somebody listens.
await_port() {
  local left=600
  until (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; do
    left=$((left - 1))
    [ "$left" -gt 0 ] || fail "nobody listens on port $1"
    sleep 0.1
  done
}

# tls_of ORGANISATION: the folder with the keys of its chaincode processes; both networks have cryptogen's layout.
tls_of() { printf '%s' "$network/organizations/peerOrganizations/$1.lockstep.test/peers/chaincode.$1.lockstep.test/tls"; }

# serve CHAINCODE ORGANISATION PORT ID: a chaincode in JavaScript, as a process of an organisation.
serve() {
  local tls
  tls=$(tls_of "$2")
  (cd "$1" && CORE_PEER_LOCALMSPID="${2^}MSP" exec ../node_modules/.bin/fabric-chaincode-node server --chaincode-address "127.0.0.1:$3" \
    --chaincode-id "$4" --chaincode-tls-cert-file "$tls/server.crt" \
    --chaincode-tls-key-file "$tls/server.key" --chaincode-tls-client-cacert-file "$tls/ca.crt") \
    >"$dir/$1-$2.log" 2>&1 &
  pids+=($!) named+=("$1=$!")
}

# serve_program CHAINCODE ORGANISATION PORT ID PROGRAM: one that reads its environment, in Rust or Go.
serve_program() {
  local tls
  tls=$(tls_of "$2")
  CHAINCODE_SERVER_ADDRESS=127.0.0.1:$3 CORE_CHAINCODE_ID_NAME=$4 CORE_PEER_LOCALMSPID="${2^}MSP" CORE_PEER_TLS_ENABLED=true \
    CORE_TLS_CLIENT_CERT_FILE=$tls/server.crt CORE_TLS_CLIENT_KEY_FILE=$tls/server.key \
    CORE_PEER_TLS_ROOTCERT_FILE=$tls/ca.crt "$5" >"$dir/$1-$2.log" 2>&1 &
  pids+=($!) named+=("$1=$!")
}
