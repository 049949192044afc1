//! The rules of continuous micropayments by lockable signatures: no I/O, no clock, no randomness of its own.
