//! What is no picture.

use super::*;

#[test]
fn what_is_no_picture_is_not_decoded() {
    for other in [
        &b""[..],
        b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script/></svg>",
        b"%PDF-1.7",
        b"PK\x03\x04",
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
        b"\0\0\0\x18ftypavif\0\0\0\0mif1avif",
        b"\0\0\0\x18ftypmp42\0\0\0\0isommp42",
        b"II*\0\x08\0\0\0",
        b"BM",
    ] {
        assert_eq!(pixels(other, 512), Err(PictureError::NotAPicture), "{}", other.escape_ascii());
    }
}
