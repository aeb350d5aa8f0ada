//! Compresses an object while it is gathered, so that only its compressed bytes are kept.

use std::{fmt, io, io::Write};

use flate2::write::GzEncoder;
use millstream_core::channel::Compression;

/// An object's bytes so far. The same records give the same bytes.
pub(crate) enum Encoder {
    Plain(Vec<u8>),
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Encoder {
    pub(crate) fn new(compression: Compression) -> io::Result<Self> {
        Ok(match compression {
            Compression::None => Self::Plain(Vec::new()),
            Compression::Gzip => {
                Self::Gzip(GzEncoder::new(Vec::new(), flate2::Compression::default()))
            }
            Compression::Zstd => {
                let level = zstd::DEFAULT_COMPRESSION_LEVEL;
                Self::Zstd(zstd::stream::write::Encoder::new(Vec::new(), level)?)
            }
        })
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(all) => {
                all.extend_from_slice(bytes);
                Ok(())
            }
            Self::Gzip(encoder) => encoder.write_all(bytes),
            Self::Zstd(encoder) => encoder.write_all(bytes),
        }
    }

    /// Bytes that are done; a little less than those of the object.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Plain(all) => all.len(),
            Self::Gzip(encoder) => encoder.get_ref().len(),
            Self::Zstd(encoder) => encoder.get_ref().len(),
        }
    }

    pub(crate) fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Plain(all) => Ok(all),
            Self::Gzip(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Encoder({} bytes)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use proptest::prelude::*;

    use super::*;

    fn decoded(compression: Compression, bytes: &[u8]) -> Vec<u8> {
        match compression {
            Compression::None => bytes.to_vec(),
            Compression::Gzip => {
                let mut all = Vec::new();
                let mut decoder = flate2::read::GzDecoder::new(bytes);
                decoder.read_to_end(&mut all).unwrap();
                all
            }
            Compression::Zstd => zstd::decode_all(bytes).unwrap(),
        }
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..99), 0..9)) {
            for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
                let encoded = || {
                    let mut encoder = Encoder::new(compression).unwrap();
                    parts.iter().for_each(|part| encoder.add(part).unwrap());
                    encoder.finish().unwrap()
                };
                let once = encoded();
                prop_assert_eq!(decoded(compression, &once), parts.concat());
                prop_assert_eq!(encoded(), once);
            }
        }
    }
}
