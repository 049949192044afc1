//! Client of Hyperledger Fabric's Gateway service.
