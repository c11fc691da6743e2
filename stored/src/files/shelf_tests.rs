use std::os::unix::fs::PermissionsExt;

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::super::source::{Import, ImportError, Source};
use super::super::{FileWire, Hashing, Opened, Plan, Round};
use super::*;

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(1)
}

fn shelf(folder: &tempfile::TempDir) -> Shelf {
    Shelf { reserve_bytes: 0, ..Shelf::new(folder.path()) }
}

fn cut(size: usize) -> Cut {
    Cut::of(size as u64).unwrap()
}

/// Bytes that differ everywhere.
fn bytes(size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    blake3::Hasher::new().finalize_xof().fill(&mut bytes);
    bytes
}

fn at_rest(folder: &tempfile::TempDir, blob: &Blob) -> Vec<u8> {
    fs::read(folder.path().join(FOLDER).join(hex(&blob.name.0))).unwrap()
}

#[test]
fn pieces_come_in_any_order_and_are_there_again_after_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let (shelf, mut rng) = (shelf(&folder), rng());
    let content = bytes(2 * PIECE_BYTES + 5);
    let pieces: Vec<&[u8]> = content.chunks(PIECE_BYTES).collect();
    let blob = Blob::new(cut(content.len()), &mut rng);
    let kept = shelf.make(blob.clone()).unwrap();
    for number in [3, 1] {
        kept.write(number, pieces[number as usize - 1], &mut rng).unwrap();
    }
    kept.sync().unwrap();
    drop(kept);
    let kept = shelf.open(blob).unwrap();
    assert!(kept.read(3).unwrap() == pieces[2] && kept.read(1).unwrap() == pieces[0]);
    assert!(matches!(kept.read(2), Err(BlobError::Damaged)), "a hole");
    kept.write(2, pieces[1], &mut rng).unwrap();
    assert!(kept.read(2).unwrap() == pieces[1]);
    for number in [0, 4, u32::MAX] {
        assert!(matches!(kept.read(number), Err(BlobError::Damaged)), "{number}");
        assert!(matches!(kept.write(number, &[], &mut rng), Err(BlobError::Damaged)), "{number}");
    }
    assert!(matches!(kept.write(3, pieces[0], &mut rng), Err(BlobError::Damaged)), "it is longer");
}

#[test]
fn what_lies_there_shows_nothing_and_is_the_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut rng = rng();
    let content = b"sentinel ".repeat(PIECE_BYTES / 9);
    let blob = Blob::new(cut(content.len()), &mut rng);
    let kept = shelf(&folder).make(blob.clone()).unwrap();
    kept.write(1, &content, &mut rng).unwrap();
    let there = at_rest(&folder, &blob);
    assert_eq!(there.len(), SLOT_BYTES);
    for needle in [&b"sentinel"[..], blob.key.expose(), &blob.name.0] {
        assert!(!there.windows(needle.len()).any(|window| window == needle));
    }
    let path = folder.path().join(FOLDER).join(hex(&blob.name.0));
    assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn without_its_key_it_is_noise_and_what_is_altered_swapped_or_cut_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let (shelf, mut rng) = (shelf(&folder), rng());
    let content = bytes(2 * PIECE_BYTES);
    let blob = Blob::new(cut(content.len()), &mut rng);
    let kept = shelf.make(blob.clone()).unwrap();
    kept.write(1, &content[..PIECE_BYTES], &mut rng).unwrap();
    kept.write(2, &content[PIECE_BYTES..], &mut rng).unwrap();
    let other = Blob { key: Secret::of([9; 32]), ..blob.clone() };
    assert!(matches!(shelf.open(other).unwrap().read(1), Err(BlobError::Damaged)));
    let path = folder.path().join(FOLDER).join(hex(&blob.name.0));
    let there = fs::read(&path).unwrap();
    for at in [0, NONCE_BYTES, SLOT_BYTES / 2, SLOT_BYTES - 1] {
        let mut altered = there.clone();
        altered[at] ^= 1;
        fs::write(&path, &altered).unwrap();
        assert!(matches!(kept.read(1), Err(BlobError::Damaged)), "{at}");
        assert!(kept.read(2).is_ok(), "the other is whole");
    }
    let (one, two) = there.split_at(SLOT_BYTES);
    fs::write(&path, [two, one].concat()).unwrap();
    assert!(matches!(kept.read(1), Err(BlobError::Damaged)), "swapped");
    fs::write(&path, &there[..SLOT_BYTES + 9]).unwrap();
    assert!(kept.read(1).is_ok() && matches!(kept.read(2), Err(BlobError::Damaged)), "cut");
    fs::remove_file(&path).unwrap();
    assert!(matches!(shelf.open(blob), Err(BlobError::Damaged)), "gone");
}

#[test]
fn a_generator_that_repeats_itself_seals_no_two_pieces_under_one_nonce() {
    let folder = tempfile::tempdir().unwrap();
    let blob = Blob::new(cut(1), &mut rng());
    let kept = shelf(&folder).make(blob.clone()).unwrap();
    let nonce_of = |byte: u8| {
        kept.write(1, &[byte], &mut rng()).unwrap();
        at_rest(&folder, &blob)[..NONCE_BYTES].to_vec()
    };
    assert_eq!(nonce_of(1), nonce_of(1));
    assert_ne!(nonce_of(1), nonce_of(2));
}

#[test]
fn a_full_disk_is_said_before_the_history_has_no_room() {
    let folder = tempfile::tempdir().unwrap();
    let mut rng = rng();
    let full = Shelf { reserve_bytes: u64::MAX, ..Shelf::new(folder.path()) };
    let kept = full.make(Blob::new(cut(1), &mut rng)).unwrap();
    assert!(matches!(kept.write(1, &[1], &mut rng), Err(BlobError::Full)));
    for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded] {
        assert!(matches!(BlobError::from(io::Error::from(kind)), BlobError::Full));
    }
}

#[test]
fn what_nobody_can_read_is_swept_and_the_rest_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (shelf, mut rng) = (shelf(&folder), rng());
    assert_eq!(shelf.sweep(|_| Ok(true)).unwrap(), 0);
    assert!(!folder.path().join(FOLDER).exists(), "a profile without files has no folder of them");
    let [kept, lost] = [1, 2].map(|_| Blob::new(cut(9), &mut rng));
    for blob in [&kept, &lost] {
        shelf.make(blob.clone()).unwrap();
    }
    fs::write(folder.path().join(FOLDER).join("odd"), "x").unwrap();
    fs::write(folder.path().join(FOLDER).join("A".repeat(32)), "x").unwrap();
    fs::create_dir(folder.path().join(FOLDER).join("a")).unwrap();
    assert_eq!(shelf.sweep(|name| Ok(name == kept.name)).unwrap(), 3);
    assert!(shelf.open(kept.clone()).is_ok() && shelf.open(lost).is_err());
    assert!(matches!(shelf.sweep(|_| Err(StoreError::NoMemory)), Err(StoreError::NoMemory)));
    shelf.remove(kept.name).unwrap();
    shelf.remove(kept.name).unwrap();
    assert!(shelf.open(kept).is_err());
}

fn imported(
    shelf: &Shelf,
    blob: &Blob,
    content: &[u8],
    step: usize,
) -> Result<(Source, [u8; 32]), ImportError> {
    let mut rng = rng();
    let mut import = Import::new(shelf.make(blob.clone())?);
    content.chunks(step).try_for_each(|bytes| import.push(bytes, &mut rng))?;
    import.finish(&mut rng)
}

#[test]
fn what_is_handed_in_can_be_sent_after_a_start_and_where_it_came_whole_once_more() {
    for (size, step) in
        [(0, 1), (1, 1), (PIECE_BYTES, 1_000), (PIECE_BYTES + 1, PIECE_BYTES), (5 * PIECE_BYTES - 3, 200_000)]
    {
        let folder = tempfile::tempdir().unwrap();
        let (shelf, mut rng, content) = (shelf(&folder), rng(), bytes(size));
        let blob = Blob::new(cut(size), &mut rng);
        let (source, root) = imported(&shelf, &blob, &content, step).unwrap();
        assert_eq!(root, *blake3::hash(&content).as_bytes());
        let plan = Plan { file: FileWire([1; 16]), key: Secret::of([2; 32]), root, cut: blob.cut };
        let sealing = plan.for_queue(&[3; 24]);
        let again = Source::open(shelf.open(blob.clone()).unwrap(), &root).unwrap();
        let mut came = Vec::new();
        for number in 1..=blob.cut.chunks() {
            let chunk = source.chunk(&sealing, number, Round(0)).unwrap();
            assert!(chunk == again.chunk(&sealing, number, Round(0)).unwrap());
            if let Opened::Piece(piece) = sealing.open(number, Round(0), &chunk).unwrap() {
                came.extend(piece);
            }
        }
        assert!(came == content, "{size}");
        assert!(Source::open(shelf.open(blob.clone()).unwrap(), &[7; 32]).is_err(), "another root");
        assert!(source.chunk(&sealing, blob.cut.chunks() + 1, Round(0)).is_err());

        // The other side keeps it without the hashes, and sends it on.
        let theirs = Blob::new(blob.cut, &mut rng);
        let kept = shelf.make(theirs.clone()).unwrap();
        for (number, piece) in (1..).zip(content.chunks(PIECE_BYTES)) {
            kept.write(number, piece, &mut rng).unwrap();
        }
        if size == 0 {
            kept.write(1, &[], &mut rng).unwrap();
        }
        assert!(Source::open(shelf.open(theirs.clone()).unwrap(), &root).is_err(), "it was not hashed here");
        let mut hashing = Hashing::new(kept);
        while hashing.step(2).unwrap() {}
        let (_, same) = hashing.finish(&mut rng).unwrap();
        assert_eq!(same, root);
        assert!(Source::open(shelf.open(theirs).unwrap(), &root).is_ok());
    }
}

#[test]
fn what_changes_while_it_is_handed_in_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let (shelf, mut rng, content) = (shelf(&folder), rng(), bytes(PIECE_BYTES + 9));
    for size in [content.len() - 1, content.len() + 1, 0] {
        let blob = Blob::new(cut(size), &mut rng);
        assert!(matches!(imported(&shelf, &blob, &content, 999), Err(ImportError::SizeDiffers)), "{size}");
    }
}

#[test]
fn what_is_damaged_at_rest_is_not_sent() {
    let folder = tempfile::tempdir().unwrap();
    let (shelf, mut rng, content) = (shelf(&folder), rng(), bytes(3 * PIECE_BYTES));
    let blob = Blob::new(cut(content.len()), &mut rng);
    let (source, root) = imported(&shelf, &blob, &content, 9_999).unwrap();
    let path = folder.path().join(FOLDER).join(hex(&blob.name.0));
    let mut there = fs::read(&path).unwrap();
    there[SLOT_BYTES + 100] ^= 1;
    fs::write(&path, &there).unwrap();
    let plan = Plan { file: FileWire([1; 16]), key: Secret::of([2; 32]), root, cut: blob.cut };
    let sealing = plan.for_queue(&[3; 24]);
    assert!(matches!(source.chunk(&sealing, 2, Round(0)), Err(BlobError::Damaged)));
    assert!(source.chunk(&sealing, 3, Round(0)).is_ok());
    there[3 * SLOT_BYTES + 100] ^= 1;
    fs::write(&path, &there).unwrap();
    assert!(matches!(Source::open(shelf.open(blob).unwrap(), &root), Err(BlobError::Damaged)), "its hashes");
}
