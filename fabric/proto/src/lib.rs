//! Hyperledger Fabric's messages and services, as far as the shim, the gateway client and devnet speak them.
