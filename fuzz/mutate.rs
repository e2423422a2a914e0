//! Random changes of inputs, the same for the same seed.

/// Makes inputs from seeds.
pub struct Mutator {
    state: u64,
    words: &'static [&'static [u8]],
}

/// Numbers at the ends of ranges.
const NUMBERS: [u64; 10] = [0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0xffff_ffff, i64::MAX as u64, u64::MAX];

impl Mutator {
    pub fn new(seed: u64, words: &'static [&'static [u8]]) -> Self {
        Self { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15), words }
    }

    /// splitmix64.
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.random() % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    /// A seed with some changes.
    pub fn next(&mut self, seeds: &[Vec<u8>], largest: usize) -> Vec<u8> {
        let mut input = seeds[self.below(seeds.len())].clone();
        for _ in 0..=self.below(16) {
            self.change(&mut input, seeds);
        }
        input.truncate(largest);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let at = self.below(input.len() + 1);
        match self.below(10) {
            0 | 1 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << (self.random() % 8);
                }
            }
            2 => {
                let value = self.random().to_le_bytes()[0];
                if let Some(byte) = input.get_mut(at) {
                    *byte = value;
                }
            }
            3 => {
                let number = NUMBERS[self.below(NUMBERS.len())].to_le_bytes();
                let width = [1, 2, 4, 8][self.below(4)];
                for (to, from) in input.iter_mut().skip(at).zip(&number[..width]) {
                    *to = *from;
                }
            }
            4 => {
                let word = if self.words.is_empty() { &[][..] } else { self.words[self.below(self.words.len())] };
                input.splice(at..at, word.iter().copied());
            }
            5 => {
                let end = (at + 1 + self.below(64)).min(input.len());
                input.drain(at.min(end)..end);
            }
            6 => {
                let end = (at + 1 + self.below(256)).min(input.len());
                let piece = input[at.min(end)..end].to_vec();
                let to = self.below(input.len() + 1);
                input.splice(to..to, piece);
            }
            7 => {
                let other = &seeds[self.below(seeds.len())];
                let from = self.below(other.len());
                let piece = &other[from..(from + 1 + self.below(512)).min(other.len())];
                input.splice(at..at, piece.iter().copied());
            }
            8 => {
                let text = NUMBERS[self.below(NUMBERS.len())].to_string();
                input.splice(at..at, text.into_bytes());
            }
            _ => input.truncate(at),
        }
    }
}
