//! The channel contract of lockstep, and the chaincode server that runs it.
