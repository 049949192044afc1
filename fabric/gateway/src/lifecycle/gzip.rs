//! Gzip whose bytes never change.

/// Most bytes in a block that is stored as it is.
const BLOCK: usize = 0xffff;

/// Wraps `data` in gzip without compressing it. A compressor's output changes with its version, and with it the id of a
/// package; packages of chaincode that runs as a service are small.
pub(super) fn stored(data: &[u8]) -> Vec<u8> {
    // No flags, no time, no operating system.
    let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let mut blocks = data.chunks(BLOCK).peekable();
    if blocks.peek().is_none() {
        gzip.extend([1, 0, 0, 0xff, 0xff]);
    }
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).expect("a block has at most 65535 bytes");
        gzip.push(u8::from(blocks.peek().is_none()));
        gzip.extend(length.to_le_bytes());
        gzip.extend((!length).to_le_bytes());
        gzip.extend(block);
    }
    let mut checksum = flate2::Crc::new();
    checksum.update(data);
    gzip.extend(checksum.sum().to_le_bytes());
    gzip.extend(checksum.amount().to_le_bytes());
    gzip
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn it_is_gzip() {
        for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK] {
            let data: Vec<u8> = (0..length).map(|index| u8::try_from(index % 251).unwrap()).collect();
            let mut unpacked = Vec::new();
            flate2::read::GzDecoder::new(stored(&data).as_slice()).read_to_end(&mut unpacked).unwrap();
            assert_eq!(unpacked, data);
        }
    }
}
