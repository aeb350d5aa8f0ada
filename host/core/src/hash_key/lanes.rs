//! MD5 of eight short keys at once, by instructions that do the same to several numbers: the steps of one
//! MD5 wait for each other, those of several do not. A put hashes hundreds of keys.

use wide::u32x8;

/// Keys that are hashed at once.
pub(super) const LANES: usize = 8;
/// Bytes of a key that still is one block with its length.
pub(super) const SHORT: usize = 55;

const BLOCK: usize = 64;
const STATE: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
/// floor(2^32 * abs(sin(i + 1))).
#[rustfmt::skip]
const SINES: [u32; 64] = [
    0xd76a_a478, 0xe8c7_b756, 0x2420_70db, 0xc1bd_ceee, 0xf57c_0faf, 0x4787_c62a, 0xa830_4613, 0xfd46_9501,
    0x6980_98d8, 0x8b44_f7af, 0xffff_5bb1, 0x895c_d7be, 0x6b90_1122, 0xfd98_7193, 0xa679_438e, 0x49b4_0821,
    0xf61e_2562, 0xc040_b340, 0x265e_5a51, 0xe9b6_c7aa, 0xd62f_105d, 0x0244_1453, 0xd8a1_e681, 0xe7d3_fbc8,
    0x21e1_cde6, 0xc337_07d6, 0xf4d5_0d87, 0x455a_14ed, 0xa9e3_e905, 0xfcef_a3f8, 0x676f_02d9, 0x8d2a_4c8a,
    0xfffa_3942, 0x8771_f681, 0x6d9d_6122, 0xfde5_380c, 0xa4be_ea44, 0x4bde_cfa9, 0xf6bb_4b60, 0xbebf_bc70,
    0x289b_7ec6, 0xeaa1_27fa, 0xd4ef_3085, 0x0488_1d05, 0xd9d4_d039, 0xe6db_99e5, 0x1fa2_7cf8, 0xc4ac_5665,
    0xf429_2244, 0x432a_ff97, 0xab94_23a7, 0xfc93_a039, 0x655b_59c3, 0x8f0c_cc92, 0xffef_f47d, 0x8584_5dd1,
    0x6fa8_7e4f, 0xfe2c_e6e0, 0xa301_4314, 0x4e08_11a1, 0xf753_7e82, 0xbd3a_f235, 0x2ad7_d2bb, 0xeb86_d391,
];

/// The hashes of as many short keys as there are lanes, or fewer.
pub(super) fn hash(keys: &[&[u8]]) -> [u128; LANES] {
    assert!(keys.len() <= LANES, "each key has a lane");
    let mut words = [[0; LANES]; BLOCK / 4];
    for (lane, key) in keys.iter().enumerate() {
        let block = block(key);
        for (word, bytes) in words.iter_mut().zip(block.as_chunks().0) {
            word[lane] = u32::from_le_bytes(*bytes);
        }
    }
    let hashed = compress(&words.map(u32x8::new)).map(u32x8::to_array);
    std::array::from_fn(|lane| {
        let append = |all, word: &[u32; LANES]| all << 32 | u128::from(word[lane].swap_bytes());
        hashed.iter().fold(0, append)
    })
}

/// The key, a bit that ends it, and its length in bits.
fn block(key: &[u8]) -> [u8; BLOCK] {
    assert!(key.len() <= SHORT, "it is one block");
    let mut block = [0; BLOCK];
    block[..key.len()].copy_from_slice(key);
    block[key.len()] = 0x80;
    let bits = 8 * u64::try_from(key.len()).expect("a usize fits");
    block[BLOCK - 8..].copy_from_slice(&bits.to_le_bytes());
    block
}

fn compress(words: &[u32x8; BLOCK / 4]) -> [u32x8; 4] {
    let state = STATE.map(u32x8::splat);
    let mixed = round::<7, 12, 17, 22>(state, 0, |i| words[i], |b, c, d| d ^ (b & (c ^ d)));
    let second = |i| words[(5 * i + 1) % 16];
    let mixed = round::<5, 9, 14, 20>(mixed, 1, second, |b, c, d| c ^ (d & (b ^ c)));
    let third = |i| words[(3 * i + 5) % 16];
    let mixed = round::<4, 11, 16, 23>(mixed, 2, third, |b, c, d| b ^ c ^ d);
    let fourth = |i| words[7 * i % 16];
    let mixed = round::<6, 10, 15, 21>(mixed, 3, fourth, |b, c, d| c ^ (b | !d));
    std::array::from_fn(|i| state[i] + mixed[i])
}

/// Sixteen steps, rotated by four distances in turn.
#[inline]
fn round<const R0: u32, const R1: u32, const R2: u32, const R3: u32>(
    [mut a, mut b, mut c, mut d]: [u32x8; 4],
    number: usize,
    word: impl Fn(usize) -> u32x8,
    mix: impl Fn(u32x8, u32x8, u32x8) -> u32x8,
) -> [u32x8; 4] {
    let add = |i: usize| word(i) + u32x8::splat(SINES[16 * number + i]);
    for i in [0, 4, 8, 12] {
        a = b + rotated::<R0>(a + mix(b, c, d) + add(i));
        d = a + rotated::<R1>(d + mix(a, b, c) + add(i + 1));
        c = d + rotated::<R2>(c + mix(d, a, b) + add(i + 2));
        b = c + rotated::<R3>(b + mix(c, d, a) + add(i + 3));
    }
    [a, b, c, d]
}

#[inline]
fn rotated<const BITS: u32>(word: u32x8) -> u32x8 {
    (word << BITS) | (word >> (32 - BITS))
}
