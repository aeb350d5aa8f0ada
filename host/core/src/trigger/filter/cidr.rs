//! A range of IP addresses: `10.0.0.0/8`, `2001:db8::/32`.

use std::net::IpAddr;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cidr {
    V4 { network: u32, mask: u32 },
    V6 { network: u128, mask: u128 },
}

impl Cidr {
    /// None where the text is no range. Bits of the address beyond the mask count for nothing.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/')?;
        if bits.is_empty() || !bits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let bits: u32 = bits.parse().ok()?;
        match address.parse().ok()? {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32_u32.checked_sub(bits)?).unwrap_or(0);
                let network = address.to_bits() & mask;
                Some(Self::V4 { network, mask })
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX
                    .checked_shl(128_u32.checked_sub(bits)?)
                    .unwrap_or(0);
                let network = address.to_bits() & mask;
                Some(Self::V6 { network, mask })
            }
        }
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        match (self, text.parse()) {
            (Self::V4 { network, mask }, Ok(IpAddr::V4(address))) => {
                address.to_bits() & mask == *network
            }
            (Self::V6 { network, mask }, Ok(IpAddr::V6(address))) => {
                address.to_bits() & mask == *network
            }
            _ => false,
        }
    }
}
