//! Hexadecimal digits, eight at a time.

/// Eight lower-case digits as four bytes; the second is zero if they are digits.
///
/// Every check is on all eight at once, so whoever reads several words asks only in the end.
#[inline]
pub(super) const fn decode(digits: [u8; 8]) -> (u32, u64) {
    let word = u64::from_be_bytes(digits);
    // No addition carries into the next byte where all are below 0x80; where one is not, that alone is a fault.
    let low = word & !TOPS;
    let digit = (low + every(0x80 - b'0')) & !(low + every(0x80 - b'9' - 1));
    let letter = (low + every(0x80 - b'a')) & !(low + every(0x80 - b'f' - 1));
    let faults = (!(digit | letter) & TOPS) | (word & TOPS);
    let nibbles = (low & every(0x0f)) + 9 * ((low >> 6) & every(1));
    let bytes = (nibbles | nibbles >> 4) & 0x00ff_00ff_00ff_00ff;
    let pairs = (bytes | bytes >> 8) & 0x0000_ffff_0000_ffff;
    ((pairs | pairs >> 16) as u32, faults)
}

/// Four bytes as eight lower-case digits.
#[inline]
pub(super) const fn encode(bytes: u32) -> [u8; 8] {
    let pairs = (bytes as u64 | (bytes as u64) << 16) & 0x0000_ffff_0000_ffff;
    let bytes = (pairs | pairs << 8) & 0x00ff_00ff_00ff_00ff;
    let nibbles = (bytes | bytes << 4) & every(0x0f);
    // 1 where a letter is due: what is at least ten reaches sixteen.
    let letters = ((nibbles + every(6)) >> 4) & every(1);
    (nibbles + every(b'0') + letters * (b'a' - b'0' - 10) as u64).to_be_bytes()
}

const TOPS: u64 = every(0x80);

const fn every(byte: u8) -> u64 {
    byte as u64 * 0x0101_0101_0101_0101
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_read_as_the_standard_library_reads_them() {
        for value in [0, 1, 0x0123_4567, 0x89ab_cdef, u32::MAX, 0xf0f0_f0f0] {
            let text = format!("{value:08x}");
            let digits: [u8; 8] = text.as_bytes().try_into().unwrap();
            assert_eq!(decode(digits), (value, 0));
            assert_eq!(encode(value), digits);
        }
    }

    #[test]
    fn any_other_byte_anywhere_is_a_fault() {
        for at in 0..8 {
            for byte in 0..=u8::MAX {
                for neighbours in [b'0', b'9', b'a', b'f'] {
                    let mut digits = [neighbours; 8];
                    digits[at] = byte;
                    let good = matches!(byte, b'0'..=b'9' | b'a'..=b'f');
                    assert_eq!(decode(digits).1 == 0, good, "{byte:#x} at {at}");
                }
            }
        }
    }
}
