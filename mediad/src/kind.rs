//! What a file is, by its first bytes.

pub use ipc_schema::edge::stored_mediad::Kind;

/// First bytes of every PNG (PNG specification, third edition, 5.2).
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
/// First bytes of a JPEG XL: bare, and in a box (ISO/IEC 18181-2).
const JXL: [&[u8]; 2] = [b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"];
/// First bytes of a TIFF (TIFF 6.0, section 2), and of what cameras write raw in its manner: Olympus, Panasonic, and files over 4 GB.
const TIFF: [&[u8]; 7] = [b"II*\0", b"MM\0*", b"IIRO", b"IIRS", b"IIU\0", b"II+\0", b"MM\0+"];
/// How far into a file a PDF may begin (ISO 32000-1, annex H, 3.4.1).
const PDF_WITHIN: usize = 1024;

/// What the file that begins with `untrusted` is. Nothing beyond its first bytes is looked at: it may still be damaged.
pub fn of(untrusted: &[u8]) -> Kind {
    let starts = |with: &&[u8]| untrusted.starts_with(with);
    if starts(&PNG) {
        return Kind::Png;
    }
    if untrusted.starts_with(b"\xff\xd8\xff") {
        return Kind::Jpeg;
    }
    if untrusted.starts_with(b"GIF87a") || untrusted.starts_with(b"GIF89a") {
        return Kind::Gif;
    }
    if JXL.iter().any(starts) {
        return Kind::Jxl;
    }
    if TIFF.iter().any(starts) {
        return Kind::Tiff;
    }
    match (untrusted.get(..4), untrusted.get(4..8), untrusted.get(8..12)) {
        (Some(b"RIFF"), _, Some(b"WEBP")) => Kind::Webp,
        (_, Some(b"ftyp"), Some(major)) => boxed(major, untrusted),
        // QuickTime from before there was an `ftyp`.
        (_, Some(b"moov" | b"mdat"), _) => Kind::Mp4,
        _ => pdf_or_other(untrusted),
    }
}

/// What its brands say (ISO/IEC 14496-12, 4.3; 23008-12 for pictures in it).
fn boxed(major: &[u8], untrusted: &[u8]) -> Kind {
    let length = untrusted.first_chunk().map_or(0, |length| u32::from_be_bytes(*length));
    let end = usize::try_from(length).unwrap_or(usize::MAX).min(untrusted.len());
    let others = untrusted.get(16..end).unwrap_or_default().chunks_exact(4);
    let mut brands = std::iter::once(major).chain(others);
    if brands.clone().any(|brand| matches!(brand, b"avif" | b"avis")) {
        return Kind::Avif;
    }
    if brands.any(|brand| {
        matches!(brand, b"mif1" | b"msf1") || brand.starts_with(b"hei") || brand.starts_with(b"hev")
    }) {
        return Kind::Heic;
    }
    Kind::Mp4
}

fn pdf_or_other(untrusted: &[u8]) -> Kind {
    let head = untrusted.get(..PDF_WITHIN).unwrap_or(untrusted);
    if head.windows(5).any(|at| at == b"%PDF-") { Kind::Pdf } else { Kind::Other }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_told_by_its_first_bytes() {
        for (bytes, kind) in [
            (&b"\x89PNG\r\n\x1a\n...."[..], Kind::Png),
            (b"\xff\xd8\xff\xe0", Kind::Jpeg),
            (b"GIF87a", Kind::Gif),
            (b"GIF89a", Kind::Gif),
            (b"RIFF\x10\0\0\0WEBPVP8 ", Kind::Webp),
            (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", Kind::Heic),
            (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heix", Kind::Heic),
            (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf", Kind::Avif),
            (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", Kind::Avif),
            (b"\0\0\0\x18ftypmp42\0\0\0\0isommp42", Kind::Mp4),
            (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", Kind::Mp4),
            (b"\0\0\0\x08moov", Kind::Mp4),
            (b"\xff\x0a\0", Kind::Jxl),
            (b"\0\0\0\x0cJXL \r\n\x87\n", Kind::Jxl),
            (b"II*\0\x08\0\0\0", Kind::Tiff),
            (b"MM\0*\0\0\0\x08", Kind::Tiff),
            (b"%PDF-1.7", Kind::Pdf),
            (b"\xef\xbb\xbf\n%PDF-1.4", Kind::Pdf),
            (b"PK\x03\x04", Kind::Other),
            (b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>", Kind::Other),
            (b"\x89PNG\r\n\x1a", Kind::Other),
            (b"RIFF\x10\0\0\0WAVE", Kind::Other),
            (b"", Kind::Other),
        ] {
            assert_eq!(of(bytes), kind, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn brands_are_read_no_further_than_their_box() {
        assert_eq!(of(b"\0\0\0\x14ftypisom\0\0\0\0mp41avif"), Kind::Mp4);
        assert_eq!(
            of(b"\xff\xff\xff\xffftypisom\0\0\0\0mp41avif"),
            Kind::Avif,
            "as far as there is something"
        );
        assert_eq!(of(b"\0\0\0\0ftypisom"), Kind::Mp4);
    }

    #[test]
    fn a_pdf_that_begins_late_is_none() {
        let late = [vec![b' '; PDF_WITHIN], b"%PDF-1.4".to_vec()].concat();
        assert_eq!(of(&late), Kind::Other);
    }
}
