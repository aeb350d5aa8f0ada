//! The quick way through a body in CBOR. Of strings only those in one piece are read, which is how clients
//! write them; structures and lists are read with and without a length, as the Java SDK writes them.

use minicbor::{Decoder, data::Type};

use crate::wire::scan::{Blob, Scan};

/// CBOR.
#[derive(Debug)]
pub(crate) struct Cbor<'a> {
    left: Decoder<'a>,
}

impl<'a> Cbor<'a> {
    pub(crate) fn new(body: &'a [u8]) -> Self {
        Self {
            left: Decoder::new(body),
        }
    }

    /// Calls `each` `count` times, or until the break.
    fn times(
        &mut self,
        count: Option<u64>,
        mut each: impl FnMut(&mut Self) -> Option<()>,
    ) -> Option<()> {
        match count {
            Some(count) => (0..count).try_for_each(|_| each(self)),
            None => loop {
                if self.left.datatype().ok()? == Type::Break {
                    self.left.set_position(self.left.position() + 1);
                    return Some(());
                }
                each(self)?;
            },
        }
    }
}

impl<'a> Scan<'a> for Cbor<'a> {
    fn structure(&mut self, mut each: impl FnMut(&mut Self, &'a [u8]) -> Option<()>) -> Option<()> {
        let count = self.left.map().ok()?;
        self.times(count, |scan| {
            let name = scan.left.str().ok()?;
            each(scan, name.as_bytes())
        })
    }

    fn list(&mut self, each: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        let count = self.left.array().ok()?;
        self.times(count, each)
    }

    fn text(&mut self) -> Option<&'a str> {
        self.left.str().ok()
    }

    fn blob(&mut self) -> Option<Blob<'a>> {
        self.left.bytes().ok().map(Blob::Bytes)
    }

    fn boolean(&mut self) -> Option<bool> {
        self.left.bool().ok()
    }

    fn end(self) -> Option<()> {
        (self.left.position() == self.left.input().len()).then_some(())
    }
}
