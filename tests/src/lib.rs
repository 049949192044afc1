//! End-to-end tests of lockstep on Hyperledger Fabric and on devnet, and tests of the project's structure.
