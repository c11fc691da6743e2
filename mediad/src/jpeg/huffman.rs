//! Whole numbers as bits, the frequent ones as few (ITU-T T.81, F.1.2), by the codes of its annex K.3.

/// A code: how many words there are of each length, and what they stand for, shortest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    BrightnessMean,
    BrightnessWaves,
    ColoursMean,
    ColoursWaves,
}

impl Code {
    pub(super) const ALL: [Self; 4] =
        [Self::BrightnessMean, Self::BrightnessWaves, Self::ColoursMean, Self::ColoursWaves];

    /// Class and number of its table (T.81, B.2.4.2).
    pub(super) fn id(self) -> u8 {
        match self {
            Self::BrightnessMean => 0x00,
            Self::BrightnessWaves => 0x10,
            Self::ColoursMean => 0x01,
            Self::ColoursWaves => 0x11,
        }
    }

    pub(super) fn lengths(self) -> [u8; 16] {
        match self {
            Self::BrightnessMean => [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0],
            Self::ColoursMean => [0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0],
            Self::BrightnessWaves => [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125],
            Self::ColoursWaves => [0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 119],
        }
    }

    pub(super) fn values(self) -> &'static [u8] {
        match self {
            Self::BrightnessMean | Self::ColoursMean => &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
            Self::BrightnessWaves => &BRIGHTNESS_WAVES,
            Self::ColoursWaves => &COLOURS_WAVES,
        }
    }

    /// The word of each value (T.81, annex C).
    fn words(self) -> Words {
        let mut words = [Word { bits: 0, length: 0 }; 256];
        let (mut bits, mut values) = (0_u32, self.values().iter());
        for (length, count) in (1..).zip(self.lengths()) {
            for value in values.by_ref().take(count.into()) {
                if let Some(word) = words.get_mut(usize::from(*value)) {
                    *word = Word { bits, length };
                }
                bits += 1;
            }
            bits <<= 1;
        }
        words
    }
}

#[derive(Debug, Clone, Copy)]
struct Word {
    bits: u32,
    length: u32,
}

type Words = [Word; 256];

/// The pixels' bits, and the last mean of each component.
pub(super) struct Scan {
    words: [Words; 4],
    means: [i16; 3],
    bits: Bits,
}

impl Scan {
    pub(super) fn new() -> Self {
        Self { words: Code::ALL.map(Code::words), means: [0; 3], bits: Bits::default() }
    }

    /// A block's coefficients in their order of writing: the mean as what it differs from the last, then each wave behind how many
    /// zeros stand before it.
    pub(super) fn block(&mut self, component: usize, coefficients: &[i16; 64]) {
        let Self { words: [means, waves, colours_means, colours_waves], means: last, bits } = self;
        let (means, waves) = if component == 0 { (means, waves) } else { (colours_means, colours_waves) };
        let [mean, others @ ..] = coefficients;
        let last = last.get_mut(component).map_or(0, |last| std::mem::replace(last, *mean));
        bits.number(means, 0, i32::from(*mean) - i32::from(last));
        let mut zeros = 0_u8;
        for wave in others {
            if *wave == 0 {
                zeros += 1;
                continue;
            }
            for _ in 0..zeros / 16 {
                bits.word(waves, SIXTEEN_ZEROS);
            }
            bits.number(waves, zeros % 16, (*wave).into());
            zeros = 0;
        }
        if zeros > 0 {
            bits.word(waves, NOTHING_MORE);
        }
    }

    /// What is written of whole bytes.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bits.written)
    }

    /// The last byte, filled with ones.
    pub(super) fn end(mut self) -> Vec<u8> {
        self.bits.put(0x7f, 7);
        self.bits.written
    }
}

#[derive(Default)]
struct Bits {
    /// Bits that are no whole byte yet, below what was written before.
    held: u64,
    count: u32,
    written: Vec<u8>,
}

impl Bits {
    /// How many bits a number has, and those (T.81, table F.1): of a negative one the number below it.
    fn number(&mut self, words: &Words, zeros: u8, number: i32) {
        let length = 32 - number.unsigned_abs().leading_zeros();
        self.word(words, (zeros << 4) | u8::try_from(length).unwrap_or(u8::MAX));
        let bits = if number < 0 { number - 1 } else { number };
        self.put(bits.cast_unsigned() & ((1 << length) - 1), length);
    }

    fn word(&mut self, words: &Words, value: u8) {
        if let Some(word) = words.get(usize::from(value)) {
            self.put(word.bits, word.length);
        }
    }

    fn put(&mut self, bits: u32, length: u32) {
        self.held = (self.held << length) | u64::from(bits);
        self.count += length;
        while self.count >= 8 {
            self.count -= 8;
            let [.., byte] = (self.held >> self.count).to_be_bytes();
            self.written.push(byte);
            // So that no marker is seen among them.
            if byte == 0xff {
                self.written.push(0);
            }
        }
    }
}

const NOTHING_MORE: u8 = 0x00;
const SIXTEEN_ZEROS: u8 = 0xf0;

/// T.81, table K.5.
const BRIGHTNESS_WAVES: [u8; 162] = [
    0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07, 0x22,
    0x71, 0x14, 0x32, 0x81, 0x91, 0xa1, 0x08, 0x23, 0x42, 0xb1, 0xc1, 0x15, 0x52, 0xd1, 0xf0, 0x24, 0x33,
    0x62, 0x72, 0x82, 0x09, 0x0a, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x34,
    0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54, 0x55,
    0x56, 0x57, 0x58, 0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75, 0x76,
    0x77, 0x78, 0x79, 0x7a, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96,
    0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5,
    0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4,
    0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe1, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf1,
    0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa,
];

/// T.81, table K.6.
const COLOURS_WAVES: [u8; 162] = [
    0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61, 0x71, 0x13,
    0x22, 0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xa1, 0xb1, 0xc1, 0x09, 0x23, 0x33, 0x52, 0xf0, 0x15, 0x62,
    0x72, 0xd1, 0x0a, 0x16, 0x24, 0x34, 0xe1, 0x25, 0xf1, 0x17, 0x18, 0x19, 0x1a, 0x26, 0x27, 0x28, 0x29,
    0x2a, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54,
    0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75,
    0x76, 0x77, 0x78, 0x79, 0x7a, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x92, 0x93, 0x94,
    0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3,
    0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2,
    0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea,
    0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa,
];
