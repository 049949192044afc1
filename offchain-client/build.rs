//! Generates the payment stream's messages and service from our own .proto file, without protoc.

use std::error::Error;

const PROTO: &str = "src/stream/payment.proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={PROTO}");
    // Embedded by `sqlx::migrate!`, which cargo does not see.
    println!("cargo:rerun-if-changed=src/store/migrations");
    println!("cargo:rerun-if-changed=src/bank/books/migrations");
    let files = protox::compile([PROTO], ["src/stream"])?;
    // Without transport: tonic's generated `connect` is not needed, channels are made in `stream::dial`.
    tonic_prost_build::configure().build_transport(false).emit_rerun_if_changed(false).compile_fds(files)?;
    Ok(())
}
