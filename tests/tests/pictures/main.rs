//! Pictures at real mediad processes, behind all their walls, fed by stored's own hand: what is told, shown and written anew, and what
//! hostile ones do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod exiftool;
mod hostile;
mod samples;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use ipc_schema::edge::stored_mediad::{Kind, ShowError};
use ipc_schema::grant::Settings;
use nix::sys::wait::WaitStatus;
use privatus_tests::Part;
use samples::{gif, jpeg, png, webp};
use stored::serve::{Failure, Pictures};
use tokio::task::{JoinHandle, spawn_local};

/// How a mediad ended, and what it said on stderr.
#[derive(Debug, Clone, PartialEq)]
struct Ended {
    how: WaitStatus,
    said: String,
}

/// mediads one after the other, as a supervisor starts them, and how each ended.
struct Mediads {
    pictures: Pictures,
    ended: Rc<RefCell<Vec<Ended>>>,
    starting: JoinHandle<()>,
}

impl Drop for Mediads {
    fn drop(&mut self) {
        self.starting.abort();
    }
}

impl Mediads {
    fn new() -> Self {
        let (pictures, ended) = (Pictures::default(), Rc::<RefCell<Vec<Ended>>>::default());
        let (granted, ends) = (pictures.clone(), ended.clone());
        let starting = spawn_local(async move {
            loop {
                let mut mediad =
                    Part::start("mediad", Settings { headless: true, ..Settings::default() }, vec![]);
                granted.connected(mediad.callers_ends("stored-mediad")).unwrap();
                let how = loop {
                    match mediad.ended() {
                        Some(how) => break how,
                        None => tokio::time::sleep(Duration::from_millis(1)).await,
                    }
                };
                ends.borrow_mut().push(Ended { how, said: mediad.said() });
            }
        });
        Self { pictures, ended, starting }
    }

    /// Waits until as many have ended, and gives those that did not end well and silently.
    async fn deaths(&self, lives: usize) -> Vec<Ended> {
        while self.ended.borrow().len() < lives {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let badly = |end: &&Ended| !matches!(end.how, WaitStatus::Exited(_, 0)) || !end.said.is_empty();
        self.ended.borrow().iter().filter(badly).cloned().collect()
    }
}

fn local<F: Future>(test: impl FnOnce(Mediads) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async { test(Mediads::new()).await });
}

#[test]
fn each_kind_is_told_shown_and_written_anew_by_a_process_of_its_own() {
    local(|mediads| async move {
        let (size, mut lives) = ((640, 400), 0);
        for (file, kind, now) in [
            (png(size), Kind::Png, Kind::Png),
            (jpeg(size), Kind::Jpeg, Kind::Jpeg),
            (webp(size), Kind::Webp, Kind::Webp),
            (gif(size), Kind::Gif, Kind::Gif),
        ] {
            let pictures = &mediads.pictures;
            assert_eq!(pictures.kind(&mut &file[..]).await.unwrap(), kind);
            let thumbnail = pictures.show(&mut &file[..], 100).await.unwrap();
            assert_eq!((thumbnail.width, thumbnail.height), (100, 63), "{kind:?}");
            let view = pictures.show(&mut &file[..], 2_560).await.unwrap();
            assert_eq!((view.width, view.height), (640, 400), "{kind:?}");
            let mut clean = Vec::new();
            assert_eq!(pictures.clean(&mut &file[..], &mut clean).await.unwrap().kind, now);
            let again = pictures.show(&mut &clean[..], 2_560).await.unwrap();
            let far =
                again.rgb.iter().zip(&view.rgb).filter(|(one, other)| one.abs_diff(**other) > 16).count();
            assert!(far * 100 < view.rgb.len(), "{kind:?}: {far} of {}", view.rgb.len());
            lives += 5;
        }
        assert_eq!(mediads.deaths(lives).await, []);
        assert_eq!(mediads.ended.borrow().len(), lives, "one picture a life");
    });
}

#[test]
fn files_that_are_never_decoded_are_told_by_their_first_bytes() {
    local(|mediads| async move {
        for (file, kind) in [
            (&b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"[..], Kind::Heic),
            (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf", Kind::Avif),
            (b"\0\0\0\x18ftypmp42\0\0\0\0isommp42", Kind::Mp4),
            (b"%PDF-1.7 /JavaScript", Kind::Pdf),
            (b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>", Kind::Other),
            (b"PK\x03\x04[Content_Types].xml", Kind::Other),
        ] {
            assert_eq!(mediads.pictures.kind(&mut { file }).await.unwrap(), kind);
            let shown = mediads.pictures.show(&mut { file }, 100).await;
            assert!(matches!(shown, Err(Failure::Picture(ShowError::NotAPicture))), "{kind:?}");
        }
        assert_eq!(mediads.deaths(12).await, []);
    });
}

/// 12 megapixels, and what a camera of 100 has.
#[test]
fn a_cameras_whole_picture_is_shown_and_written_anew() {
    local(|mediads| async move {
        let file = jpeg((4_000, 3_000));
        let shown = mediads.pictures.show(&mut &file[..], 512).await.unwrap();
        assert_eq!((shown.width, shown.height), (512, 384));
        let mut clean = Vec::new();
        mediads.pictures.clean(&mut &file[..], &mut clean).await.unwrap();
        assert!(clean.len() < file.len() * 5 / 4, "{} B of {} B", clean.len(), file.len());
        assert_eq!(mediads.deaths(2).await, []);
    });
}
