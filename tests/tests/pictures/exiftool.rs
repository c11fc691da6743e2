//! What exiftool, which knows what cameras and programs write into pictures, finds in them before and after.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::local;
use crate::samples::{gif, jpeg, png, webp};

const SIZE: (u16, u16) = (320, 200);
const TRAILER: &[u8] = b"behind the end";

/// What may be said of a picture: what its pixels are, and what exiftool says of itself and of the file.
const PLAIN: &[&str] = &[
    "SourceFile",
    "ExifTool:ExifToolVersion",
    "File:FileType",
    "File:FileTypeExtension",
    "File:MIMEType",
    "File:ImageWidth",
    "File:ImageHeight",
    "File:EncodingProcess",
    "File:BitsPerSample",
    "File:ColorComponents",
    "File:YCbCrSubSampling",
    "JFIF:JFIFVersion",
    "JFIF:ResolutionUnit",
    "JFIF:XResolution",
    "JFIF:YResolution",
    "PNG:ImageWidth",
    "PNG:ImageHeight",
    "PNG:BitDepth",
    "PNG:ColorType",
    "PNG:Compression",
    "PNG:Filter",
    "PNG:Interlace",
    "RIFF:ImageWidth",
    "RIFF:ImageHeight",
    "RIFF:AlphaIsUsed",
    "GIF:GIFVersion",
    "GIF:ImageWidth",
    "GIF:ImageHeight",
    "GIF:HasColorMap",
    "GIF:ColorResolutionDepth",
    "GIF:BitsPerPixel",
    "GIF:BackgroundColor",
    "Composite:ImageSize",
    "Composite:Megapixels",
];

fn exiftool(file: &Path, arguments: &[&str]) -> Vec<u8> {
    let said = Command::new("exiftool").args(arguments).arg(file).output().expect("exiftool: make test-deps");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    said.stdout
}

/// All that it finds beside the pixels, each as group and name.
fn found(file: &Path) -> Vec<String> {
    let said: Value = serde_json::from_slice(&exiftool(file, &["-json", "-a", "-u", "-U", "-G1"])).unwrap();
    let names = said[0].as_object().unwrap().keys().cloned();
    names.filter(|name| !name.starts_with("System:") && !PLAIN.contains(&name.as_str())).collect()
}

/// Tagged as cameras and programs do it. Not each kind has a place for each.
fn tagged(folder: &Path, name: &str, picture: &[u8]) -> std::path::PathBuf {
    let file = folder.join(name);
    std::fs::write(&file, picture).unwrap();
    let profile = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/display-p3.icc");
    exiftool(
        &file,
        &[
            "-q",
            "-m",
            "-overwrite_original",
            "-GPSLatitude=52.52",
            "-GPSLatitudeRef=N",
            "-GPSLongitude=13.405",
            "-GPSLongitudeRef=E",
            "-Make=Camera",
            "-Model=Robin's",
            "-DateTimeOriginal=2024:02:03 04:05:06",
            "-Orientation#=6",
            "-XMP:Creator=Robin",
            "-XMP:GPSLatitude=52.52",
            "-Comment=Robin was here",
            "-PNG:Author=Robin",
            "-IPTC:Keywords=Robin",
            &format!("-ICC_Profile<={}", profile.display()),
        ],
    );
    let mut bytes = std::fs::read(&file).unwrap();
    bytes.extend(TRAILER);
    std::fs::write(&file, &bytes).unwrap();
    file
}

#[test]
fn of_what_exiftool_finds_in_a_picture_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let kinds = [
        (
            "a.jpg",
            jpeg(SIZE),
            &["GPS:GPSLatitude", "IFD0:Make", "XMP-dc:Creator", "File:Comment", "IPTC:Keywords"][..],
        ),
        (
            "a.png",
            png(SIZE),
            &["GPS:GPSLatitude", "IFD0:Make", "XMP-dc:Creator", "PNG:Comment", "PNG:Author"],
        ),
        ("a.webp", webp(SIZE), &["GPS:GPSLatitude", "IFD0:Make", "XMP-dc:Creator"]),
        ("a.gif", gif(SIZE), &["XMP-dc:Creator", "File:Comment"]),
    ];
    local(|mediads| async move {
        for (name, picture, expected) in kinds {
            let file = tagged(folder.path(), name, &picture);
            let before = found(&file);
            for tag in expected {
                assert!(before.iter().any(|found| found == tag), "{name}: {tag} is not in {before:?}");
            }
            assert!(before.iter().any(|found| found.starts_with("ICC")), "{name}: no profile in {before:?}");
            let mut clean = Vec::new();
            let bytes = std::fs::read(&file).unwrap();
            mediads.pictures.clean(&mut &bytes[..], &mut clean).await.unwrap();
            let after = folder.path().join(format!("clean-{name}"));
            std::fs::write(&after, &clean).unwrap();
            assert_eq!(found(&after), [""; 0], "{name}");
            for secret in [TRAILER, b"Robin", b"Camera"] {
                assert!(
                    !clean.windows(secret.len()).any(|at| at == secret),
                    "{name}: {}",
                    secret.escape_ascii()
                );
            }
            let shown = mediads.pictures.show(&mut &clean[..], 2_560).await.unwrap();
            let turned = if name == "a.gif" { (320, 200) } else { (200, 320) };
            assert_eq!((shown.width, shown.height), turned, "{name}: it is turned as its camera was held");
        }
        assert_eq!(mediads.deaths(8).await, []);
    });
}
