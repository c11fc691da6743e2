//! The fuzzer's bytes as a picture, and laid over a small one of the kind that it is to be.

use mediad::clean::clean;
use mediad::view::pixels;

/// `untrusted` itself, and each sample with it from the place on that its first two bytes say.
pub fn each(untrusted: &[u8], samples: &[&[u8]], test: fn(&[u8])) {
    test(untrusted);
    let Some((place, rest)) = untrusted.split_first_chunk() else { return };
    for sample in samples {
        let mut altered = sample.to_vec();
        let at = usize::from(u16::from_le_bytes(*place)) % altered.len();
        altered.splice(at..(at + rest.len()).min(sample.len()), rest.iter().copied());
        test(&altered);
    }
}

/// What is shown has the size that it says, within that which was asked for.
pub fn show(untrusted: &[u8]) {
    let side = untrusted.last().map_or(1, |byte| u16::from(*byte) + 1);
    if let Ok(shown) = pixels(untrusted, side) {
        assert!(shown.width <= side && shown.height <= side);
        assert_eq!(shown.rgb.len(), usize::from(shown.width) * usize::from(shown.height) * 3);
    }
}

/// What is written anew can be shown, is as large, and needs no turning any more.
pub fn write_anew(untrusted: &[u8]) {
    let Ok(cleaned) = clean(untrusted) else { return };
    let [before, after] = [untrusted, &cleaned.bytes].map(|file| pixels(file, 64).expect("it was read before"));
    assert_eq!((before.width, before.height), (after.width, after.height));
    assert_eq!(clean(&cleaned.bytes).expect("it was written here").kind, cleaned.kind);
}
