//! Hyperledger Fabric chaincode in Rust: chaincode as a service, and a contract API.
