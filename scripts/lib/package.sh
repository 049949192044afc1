# shellcheck shell=bash disable=SC2154 # variables of the profile, and $root, $state
# Sourced: chaincode packages. What a package of a chaincode that runs as a service holds is not code, but where the
# peer finds it and the keys for the TLS between them: one package per organisation, readable by its owner alone.
# The same content gives the same package, and so the same package id. Needs console.sh, profile.sh.

# make_package ORGANIZATION-INDEX: prints the package's file.
make_package() {
  local folder
  need_files "$1" "${org_chaincode_tls_cert[$1]}" "${org_chaincode_client_ca[$1]}" "${org_chaincode_client_cert[$1]}" \
    "${org_chaincode_client_key[$1]}"
  folder=$state/packages/$(process_name "$1")
  (
    umask 077
    rm -rf "$folder"
    mkdir -p "$folder/code"
    connection "$1" >"$folder/code/connection.json"
    if [ -z "${other:-}" ] && [ -d "$root/chaincode/META-INF" ]; then cp -R "$root/chaincode/META-INF" "$folder/code/META-INF"; fi
    archive "$folder/code" "$folder/code.tar.gz"
    rm -r "$folder/code"
    printf '{"type":"ccaas","label":%s}' "$(json_string "$profile_chaincode")" >"$folder/metadata.json"
    archive "$folder" "$folder.tar.gz"
    rm -r "$folder"
  ) || die "the package of ${org_msp_id[$1]} could not be made"
  printf '%s.tar.gz' "$folder"
}

# connection ORGANIZATION-INDEX: connection.json. Without dial_timeout a peer cannot read it.
connection() {
  printf '{"address":%s,"dial_timeout":"10s","tls_required":true,"client_auth_required":true,"root_cert":%s,"client_cert":%s,"client_key":%s}' \
    "$(json_string "${org_chaincode_address[$1]}")" \
    "$(json_file "${org_chaincode_server_ca[$1]:-${org_chaincode_client_ca[$1]}}")" \
    "$(json_file "${org_chaincode_client_cert[$1]}")" "$(json_file "${org_chaincode_client_key[$1]}")"
}

json_file() { json_string "$(cat "$1")"$'\n'; }

# archive FOLDER FILE: everything in the folder, without what differs from run to run.
archive() {
  local files
  files=$(cd "$1" && find . -mindepth 1 -maxdepth 1 | sed 's|^\./||' | LC_ALL=C sort)
  # shellcheck disable=SC2086 # names of our own, without blanks
  tar -C "$1" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf - $files | gzip -n >"$2.new"
  mv "$2.new" "$2"
}

# package_id_of FILE: as the peers calculate it.
package_id_of() { printf '%s:%s' "$profile_chaincode" "$(sha256sum "$1" | cut -d' ' -f1)"; }
