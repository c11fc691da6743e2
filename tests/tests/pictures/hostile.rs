//! Pictures made to hurt: what they end is their own job, and nobody waits longer for it than the profile says.

use ipc_schema::edge::stored_mediad::{CleanError, ShowError};
use ipc_schema::limits::PICTURE_MAX_BYTES;
use privatus_tests::now;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use stored::serve::{Failure, Pictures};

use crate::local;
use crate::samples::{gif, jpeg, png, progressive_jpeg, webp};

fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let body = [kind.as_slice(), data].concat();
    let crc = body.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    });
    [&u32::try_from(data.len()).unwrap().to_be_bytes()[..], &body, &(!crc).to_be_bytes()].concat()
}

/// A PNG of so many pixels of 64 bits, and as many zeros behind them as it can be made to say with few bytes.
fn zip_bomb(width: u32, height: u32) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Sixteen);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header().unwrap();
    let mut rows = writer.stream_writer().unwrap();
    let row = vec![0; width as usize * 8];
    for _ in 0..height {
        std::io::Write::write_all(&mut rows, &row).unwrap();
    }
    rows.finish().unwrap();
    writer.finish().unwrap();
    file
}

/// A JPEG whose header says another size.
fn jpeg_of(mut picture: Vec<u8>, width: u16, height: u16) -> Vec<u8> {
    let frame = picture.windows(2).position(|two| matches!(two, [0xff, 0xc0..=0xc2])).unwrap();
    picture[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    picture[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    picture
}

fn webp_of(width: u32, height: u32) -> Vec<u8> {
    let mut picture = webp((64, 64));
    let size = (width - 1) | (height - 1) << 14;
    picture[21..25].copy_from_slice(&size.to_le_bytes());
    picture
}

fn gif_of(mut picture: Vec<u8>, at: usize) -> Vec<u8> {
    picture[at..at + 4].copy_from_slice(&[0xff; 4]);
    picture
}

/// Of one colour: of many it would be longer than is let in.
fn plain_gif(width: u16, height: u16) -> Vec<u8> {
    let pixels = vec![1; usize::from(width) * usize::from(height)];
    let mut file = Vec::new();
    let mut encoder = gif::Encoder::new(&mut file, width, height, &[0, 0, 0, 99, 99, 99]).unwrap();
    encoder
        .write_frame(&gif::Frame { width, height, buffer: pixels.into(), ..gif::Frame::default() })
        .unwrap();
    drop(encoder);
    file
}

/// Behind a GIF's header and 256 colours, its one picture's place.
const GIF_FRAME: usize = 6 + 7 + 768;

#[test]
fn pictures_that_claim_or_inflate_to_more_than_there_is_memory_for_end_their_own_job_alone() {
    let frame = gif((16, 16));
    let place = GIF_FRAME + frame[GIF_FRAME..].iter().position(|byte| *byte == 0x2c).unwrap() + 5;
    let text = [&b"k\0\0"[..], &vec![0; 1 << 20]].concat();
    let bombs = [
        ("JPEG, 65535 x 65535", jpeg_of(jpeg((16, 16)), 65_535, 65_535)),
        ("JPEG, 65535 x 1525, one byte a row", jpeg_of(jpeg((16, 16)), 65_535, 1_525)),
        ("progressive JPEG, 10000 x 10000", jpeg_of(progressive_jpeg((16, 16)), 10_000, 10_000)),
        ("JPEG, 1 x 65535", jpeg_of(jpeg((16, 16)), 1, 65_535)),
        ("PNG, 8 MB of nothing", zip_bomb(1_000, 1_000)),
        ("PNG, 1 x 65535", zip_bomb(1, 65_535)),
        (
            "PNG, 2147483647 x 1",
            [&png((1, 1))[..8], &chunk(b"IHDR", b"\x7f\xff\xff\xff\0\0\0\x01\x10\x06\0\0\0")].concat(),
        ),
        ("PNG, a text of nothing", [&png((1, 1))[..33], &chunk(b"zTXt", &text), &png((1, 1))[33..]].concat()),
        ("WebP, 16384 x 16384", webp_of(16_384, 16_384)),
        ("WebP, 9000 x 8000", webp_of(9_000, 8_000)),
        ("GIF, a screen of 65535 x 65535", gif_of(frame.clone(), 6)),
        ("GIF, a picture of 65535 x 65535", gif_of(frame, place)),
        ("a file of the longest length", [&png((1, 1))[..], &vec![0; PICTURE_MAX_BYTES - 200]].concat()),
    ];
    local(|mediads| async move {
        let count = bombs.len();
        for (what, picture) in bombs {
            let pictures = &mediads.pictures;
            let shown = pictures.show(&mut &picture[..], 512).await;
            assert!(
                !matches!(shown, Err(Failure::Died | Failure::Away | Failure::Disk(_))),
                "{what}: {shown:?}"
            );
            let cleaned = pictures.clean(&mut &picture[..], &mut Vec::new()).await;
            assert!(
                !matches!(cleaned, Err(Failure::Died | Failure::Away | Failure::Disk(_))),
                "{what}: {cleaned:?}"
            );
        }
        assert_eq!(mediads.deaths(2 * count).await, []);
    });
}

/// As large as is let in, where each decoder and encoder takes most. What they may take was counted on paper: here the kernel counts.
#[test]
#[ignore = "long: pictures of 100 megapixels"]
fn the_largest_pictures_are_shown_and_written_anew_within_the_walls() {
    type Makes = fn() -> Vec<u8>;
    let largest: [(&str, Makes); 5] = [
        ("JPEG", || jpeg((10_000, 10_000))),
        ("progressive JPEG", || progressive_jpeg((10_000, 10_000))),
        ("PNG, 64 bits a pixel", || zip_bomb(10_000, 10_000)),
        ("WebP", || webp((8_600, 8_600))),
        ("GIF", || plain_gif(10_000, 10_000)),
    ];
    local(|mediads| async move {
        for (what, picture) in largest {
            let picture = picture();
            let start = now();
            let shown = mediads.pictures.show(&mut &picture[..], 2_560).await.unwrap();
            assert_eq!(shown.width, 2_560, "{what}");
            let after = now();
            let cleaned = mediads.pictures.clean(&mut &picture[..], &mut Vec::new()).await;
            assert!(
                !matches!(cleaned, Err(Failure::Died | Failure::Away | Failure::Disk(_))),
                "{what}: {cleaned:?}"
            );
            println!("figure: {what}: shown in {:?}, written anew in {:?}", after - start, after.elapsed());
        }
        assert_eq!(mediads.deaths(10).await, []);
    });
}

/// Small pictures with some bytes changed, added or left out, each at a process of its own.
async fn mutated(pictures: &Pictures, seed: u64, count: usize) -> [usize; 3] {
    let mut chance = ChaCha20Rng::seed_from_u64(seed);
    let originals =
        [png((48, 32)), jpeg((48, 32)), progressive_jpeg((48, 32)), webp((48, 32)), gif((48, 32))];
    let below =
        |chance: &mut ChaCha20Rng, bound: usize| usize::try_from(chance.next_u64() % bound as u64).unwrap();
    let [mut shown, mut refused, mut died] = [0; 3];
    for round in 0..count {
        let mut picture = originals[round % originals.len()].clone();
        for _ in 0..=below(&mut chance, 8) {
            let at = below(&mut chance, picture.len());
            match below(&mut chance, 6) {
                0 => picture.truncate(at.max(16)),
                1 => drop(
                    picture
                        .splice(at..at, (0..below(&mut chance, 40)).map(|byte| u8::try_from(byte).unwrap())),
                ),
                2 => drop(picture.drain(at..(at + 5).min(picture.len()))),
                3 => picture[at] = [0, 1, 0x7f, 0x80, 0xff][below(&mut chance, 5)],
                _ => picture[at] ^= 1 << below(&mut chance, 8),
            }
        }
        // Every other one is written anew.
        let told = if round % 2 == 0 {
            pictures
                .show(&mut &picture[..], 100)
                .await
                .map(drop)
                .map_err(|why| matches!(why, Failure::Picture(_)))
        } else {
            let cleaned = pictures.clean(&mut &picture[..], &mut Vec::new()).await;
            cleaned.map(drop).map_err(|why| matches!(why, Failure::Picture(_)))
        };
        match told {
            Ok(()) => shown += 1,
            Err(true) => refused += 1,
            Err(false) => died += 1,
        }
    }
    [shown, refused, died]
}

#[test]
fn hundreds_of_altered_pictures_are_shown_or_refused_and_end_no_process() {
    local(|mediads| async move {
        let [shown, refused, died] = mutated(&mediads.pictures, 1, 400).await;
        assert!(shown > 20 && refused > 20, "{shown} shown, {refused} refused");
        assert_eq!((died, mediads.deaths(400).await), (0, vec![]));
    });
}

#[test]
#[ignore = "long: ten thousand processes"]
fn ten_thousand_altered_pictures_are_shown_or_refused_and_end_no_process() {
    local(|mediads| async move {
        let [shown, refused, died] = mutated(&mediads.pictures, 2, 10_000).await;
        println!("figure: {shown} shown or written anew, {refused} refused, {died} died");
        assert_eq!((died, mediads.deaths(10_000).await), (0, vec![]));
    });
}

#[test]
fn a_file_beyond_the_bound_is_told_as_too_large() {
    let long = [png((4, 4)), vec![0; PICTURE_MAX_BYTES]].concat();
    local(|mediads| async move {
        let shown = mediads.pictures.show(&mut &long[..], 100).await;
        assert!(matches!(shown, Err(Failure::Picture(ShowError::TooLarge))));
        let cleaned = mediads.pictures.clean(&mut &long[..], &mut Vec::new()).await;
        assert!(matches!(cleaned, Err(Failure::Picture(CleanError::TooLarge))));
        assert_eq!(mediads.deaths(2).await, []);
    });
}
