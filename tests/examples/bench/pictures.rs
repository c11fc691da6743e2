//! A camera's picture at a mediad behind its walls, from the first byte that stored hands over to the last that it is given: beside
//! decoding it alone, in this process, and beside libjpeg-turbo's program, which decodes an eighth of it by assembly.

use std::process::{Command, Stdio};
use std::time::Instant;

use ipc_schema::grant::Settings;
use ipc_schema::limits::PICTURE_CHUNK_MAX_BYTES;
use mediad::jpeg::{self, Colours, Fineness, Picture as Jpeg};
use privatus_tests::Part;
use stored::serve::{Picture, Pictures};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;

use crate::report::{RUNS, Report, time};

const WIDTH: u16 = 4_000;
const HEIGHT: u16 = 3_000;

pub fn measure(report: &mut Report) {
    let photo = photo();
    let milliseconds =
        |work: &dyn Fn()| (0..RUNS).map(|_| time(work).as_secs_f64() * 1_000.0).collect::<Vec<_>>();
    let plain = milliseconds(&|| {
        assert!(JpegDecoder::new(ZCursor::new(&photo[..])).decode().is_ok());
    });
    for (what, side, promise) in [("thumbnail (512)", 512, "< 150"), ("view (2560)", 2_560, "-")] {
        let shown = asked(&photo, async |picture| assert!(picture.show(side).await.unwrap().is_ok()));
        let figure = format!("12 MP JPEG, {what}, at mediad");
        report.against(&figure, "ms", shown, ("decoding it alone, no process", plain.clone()), promise);
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("photo.jpg");
    std::fs::write(&file, &photo).unwrap();
    let turbo = || {
        Command::new("djpeg")
            .args(["-scale", "1/8"])
            .arg(&file)
            .stdout(Stdio::null())
            .status()
            .is_ok_and(|end| end.success())
    };
    if turbo() {
        let thumbnail = asked(&photo, async |picture| assert!(picture.show(512).await.unwrap().is_ok()));
        let turbo = milliseconds(&|| assert!(turbo()));
        report.against("the same thumbnail", "ms", thumbnail, ("djpeg -scale 1/8", turbo), "-");
    } else {
        println!("no djpeg (Debian: libjpeg-turbo-progs): its row is left out");
    }
    let cleaned = asked(&photo, async |picture| assert!(picture.clean(&mut Vec::new()).await.is_ok()));
    report.against(
        "12 MP JPEG, written anew, at mediad",
        "ms",
        cleaned,
        ("decoding it alone, no process", plain),
        "-",
    );
}

/// How long handing it over and each question take, in milliseconds; each at a mediad that waits already.
fn asked(photo: &[u8], question: impl AsyncFn(&Picture)) -> Vec<f64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        let mediad = Part::start("mediad", Settings { headless: true, ..Settings::default() }, vec![]);
        let pictures = Pictures::default();
        tokio::task::LocalSet::new().block_on(&runtime, async {
            pictures.connected(mediad.callers_ends("stored-mediad")).unwrap();
            let picture = pictures.begin().await.unwrap();
            let start = Instant::now();
            for chunk in photo.chunks(PICTURE_CHUNK_MAX_BYTES) {
                picture.bytes(chunk.to_vec()).await.unwrap();
            }
            question(&picture).await;
            runs.push(start.elapsed().as_secs_f64() * 1_000.0);
        });
    }
    runs
}

/// Soft colours with grain, as finely written as cameras do: some 4 MB.
fn photo() -> Vec<u8> {
    let mut noise = 7_u32;
    let mut rgb = Vec::with_capacity(usize::from(WIDTH) * usize::from(HEIGHT) * 3);
    for y in 0..u32::from(HEIGHT) {
        for x in 0..u32::from(WIDTH) {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let grain = (noise >> 28) * u32::from((x / 200 + y / 300) % 2 == 0) + (noise >> 30);
            let (across, down) = (x * 200 / u32::from(WIDTH), y * 200 / u32::from(HEIGHT));
            rgb.extend([across, down, (across + down) / 2].map(|value| u8::try_from(value + grain).unwrap()));
        }
    }
    let fineness = Fineness { quality: 90, halved: true };
    let picture = Jpeg { width: WIDTH, height: HEIGHT, colours: Colours::Rgb, fineness };
    let line = usize::from(WIDTH) * 3;
    let mut file = Vec::new();
    jpeg::write(&picture, |y, row| row.extend(&rgb[usize::from(y) * line..][..line]), &mut file).unwrap();
    file
}
