//! A Hyperledger Fabric network in one process, for development and tests.
