//! Compiles `proto/*.proto` into Rust, without protoc.

use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new("proto");
    let mut files = std::fs::read_dir(root)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "proto"));
    files.sort();

    println!("cargo::rerun-if-changed=proto");
    let descriptors = protox::Compiler::new([root])?
        .include_imports(true)
        .include_source_info(true)
        .open_files(&files)?
        .file_descriptor_set();

    tonic_prost_build::configure()
        // The rpc `Connect` would define the function `connect` twice.
        .build_transport(false)
        // Maps encode in one order, so that equal messages are equal bytes.
        .btree_map(".")
        .compile_fds(descriptors)?;
    Ok(())
}
