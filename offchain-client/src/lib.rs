//! Continuous micropayments on Hyperledger Fabric: bank, vendor, client, and the command that runs them.
