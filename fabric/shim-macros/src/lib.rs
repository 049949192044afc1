//! Attribute macros of hlf-shim.
