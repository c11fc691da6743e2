//! Pictures at mediads that do what they should, and at those that do not. Real ones: `tests/tests/pictures.rs`.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use futures::future::{FutureExt, LocalBoxFuture};
use ipc_schema::edge::Served;
use ipc_schema::edge::stored_mediad::{self as room, Decoder, Size};
use ipc_schema::limits::PICTURE_CHUNK_MAX_BYTES;
use tokio::task::{AbortHandle, spawn_local};

use super::*;

/// What one mediad does with its picture.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Does {
    /// It shows grey as long as it should be.
    Well,
    /// It says that the picture is damaged.
    Says,
    /// It ends before it is asked anything.
    Ends,
    /// It ends when it is asked.
    Dies,
    /// It hands over so many bytes, and says that it was two pixels each way.
    HandsOver(usize),
    /// It says that it is wider than was asked.
    Wide,
    /// It does not answer.
    Nothing,
}

/// mediads one after the other, as a supervisor starts them.
struct Mediads {
    pictures: Pictures,
    lives: Rc<Cell<usize>>,
}

impl Mediads {
    /// Each does as it is said, the last one again and again.
    fn new(does: &[Does]) -> Self {
        let (pictures, lives) = (Pictures::default(), Rc::new(Cell::new(0)));
        let mut does: VecDeque<Does> = does.iter().copied().collect();
        let (granted, count) = (pictures.clone(), lives.clone());
        spawn_local(async move {
            loop {
                let does = if does.len() > 1 { does.pop_front() } else { does.front().copied() };
                count.set(count.get() + 1);
                let (ours, theirs) = EdgeEnds::pipes().unwrap();
                let life = Rc::new(Life { does: does.unwrap(), edge: RefCell::default() });
                let edge = Decoder::serve(Rc::new(One(life.clone())), theirs).unwrap();
                life.edge.replace(Some(edge.abort_handle()));
                granted.connected(ours).unwrap();
                let _ = edge.await;
            }
        });
        Self { pictures, lives }
    }
}

struct Life {
    does: Does,
    edge: RefCell<Option<AbortHandle>>,
}

impl Life {
    fn end(&self) {
        if let Some(edge) = self.edge.borrow().as_ref() {
            edge.abort();
        }
    }
}

struct One(Rc<Life>);

impl Decoder for One {
    async fn picture(self: Rc<Self>, _: Begin) -> Served<Begin> {
        if self.0.does == Does::Ends {
            self.0.end();
            std::future::pending::<()>().await;
        }
        Ok(Ok(room::Job::client(Rc::new(Job(self.0.clone(), Cell::new(0))), Closer::default())))
    }
}

/// What it is asked about, and how many bytes came.
struct Job(Rc<Life>, Cell<usize>);

impl Drop for Job {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl room::Job for Job {
    async fn bytes(self: Rc<Self>, piece: Chunk) -> Result<(), capnp::Error> {
        self.1.set(self.1.get() + piece.chunk.len());
        Ok(())
    }

    async fn kind(self: Rc<Self>, _: TellKind) -> Served<TellKind> {
        Ok(Ok(if self.1.get() == PICTURE_CHUNK_MAX_BYTES { Kind::Heic } else { Kind::Other }))
    }

    async fn show(self: Rc<Self>, call: Show) -> Served<Show> {
        let bytes = match self.0.does {
            Does::Says => return Ok(Err(ShowError::Damaged)),
            Does::Dies => {
                self.0.end();
                return std::future::pending().await;
            }
            Does::Nothing => return std::future::pending().await,
            Does::HandsOver(bytes) => bytes,
            Does::Well | Does::Ends | Does::Wide => 12,
        };
        for chunk in vec![7; bytes].chunks(PICTURE_CHUNK_MAX_BYTES) {
            let taken = stream(&call.sink, &Handed { chunk: chunk.to_vec() }).await;
            taken.map_err(|_| capnp::Error::failed(String::new()))?;
        }
        let wide = self.0.does == Does::Wide;
        Ok(Ok(if wide { Size { width: 4, height: 1 } } else { Size { width: 2, height: 2 } }))
    }

    async fn clean(self: Rc<Self>, call: Clean) -> Served<Clean> {
        let bytes = match self.0.does {
            Does::Dies => {
                // Some of it is handed over before.
                let _ = stream(&call.sink, &Handed { chunk: vec![1; 5] }).await;
                self.0.end();
                return std::future::pending().await;
            }
            Does::HandsOver(bytes) => bytes,
            _ => 2,
        };
        for chunk in vec![2; bytes].chunks(PICTURE_CHUNK_MAX_BYTES) {
            let taken = stream(&call.sink, &Handed { chunk: chunk.to_vec() }).await;
            taken.map_err(|_| capnp::Error::failed(String::new()))?;
        }
        Ok(Ok(CleanFile { kind: Kind::Png, bytes: 2 }))
    }
}

fn local<'a>(does: &[Does], test: impl FnOnce(Mediads) -> LocalBoxFuture<'a, ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        timeout(Duration::from_secs(60), test(Mediads::new(does))).await.expect("the test hangs");
    });
}

const FILE: &[u8] = b"a file";

#[test]
fn a_picture_is_shown_by_a_mediad_of_its_own() {
    local(&[Does::Well], |mediads| {
        async move {
            for pictures in 1..4 {
                let shown = mediads.pictures.show(&mut { FILE }, 2).await.unwrap();
                assert_eq!(shown, Pixels { width: 2, height: 2, rgb: vec![7; 12] });
                assert!(mediads.lives.get() >= pictures);
            }
        }
        .boxed_local()
    });
}

#[test]
fn of_a_file_whose_kind_is_asked_the_first_bytes_alone_are_handed_over() {
    local(&[Does::Well], |mediads| {
        async move {
            let kind = mediads.pictures.kind(&mut &vec![0; 9 << 20][..]).await;
            assert!(matches!(kind, Ok(Kind::Heic)));
        }
        .boxed_local()
    });
}

#[test]
fn what_mediad_says_of_a_picture_is_final() {
    local(&[Does::Says, Does::Well], |mediads| {
        async move {
            let told = mediads.pictures.show(&mut { FILE }, 2).await;
            assert!(matches!(told, Err(Failure::Picture(ShowError::Damaged))));
        }
        .boxed_local()
    });
}

#[test]
fn a_mediad_that_dies_of_a_picture_is_asked_for_once_more_and_no_more() {
    local(&[Does::Dies, Does::Well], |mediads| {
        async move { assert!(mediads.pictures.show(&mut { FILE }, 2).await.is_ok()) }.boxed_local()
    });
    local(&[Does::Dies, Does::Dies, Does::Well], |mediads| {
        async move {
            assert!(matches!(mediads.pictures.show(&mut { FILE }, 2).await, Err(Failure::Died)));
            assert!(mediads.pictures.show(&mut { FILE }, 2).await.is_ok(), "the next picture is not held up");
        }
        .boxed_local()
    });
}

#[test]
fn a_mediad_that_ends_before_it_saw_anything_is_no_try() {
    local(&[Does::Ends, Does::Ends, Does::Dies, Does::Ends, Does::Well], |mediads| {
        async move { assert!(mediads.pictures.show(&mut { FILE }, 2).await.is_ok()) }.boxed_local()
    });
}

#[test]
fn of_a_clean_file_nothing_stays_that_a_mediad_wrote_before_it_died() {
    local(&[Does::Dies, Does::Well], |mediads| {
        async move {
            let mut clean = b"before".to_vec();
            let file = mediads.pictures.clean(&mut { FILE }, &mut clean).await.unwrap();
            assert_eq!((file.kind, clean), (Kind::Png, vec![2; 2]));
        }
        .boxed_local()
    });
}

#[test]
fn more_or_fewer_bytes_than_it_says_are_a_mediad_that_was_taken_over() {
    for does in [
        Does::HandsOver(11),
        Does::HandsOver(13),
        Does::HandsOver(0),
        Does::HandsOver(40_000_000),
        Does::Wide,
    ] {
        local(&[does, does, Does::Well], |mediads| {
            async move {
                assert!(matches!(mediads.pictures.show(&mut { FILE }, 2).await, Err(Failure::Died)));
                assert_eq!(mediads.lives.get().min(2), 2);
            }
            .boxed_local()
        });
    }
    local(&[Does::HandsOver(PICTURE_MAX_BYTES + 1)], |mediads| {
        async move {
            let told = mediads.pictures.clean(&mut { FILE }, &mut Vec::new()).await;
            assert!(matches!(told, Err(Failure::Died)));
        }
        .boxed_local()
    });
}

#[test]
fn a_file_that_is_too_long_is_not_handed_over_whole() {
    local(&[Does::Well], |mediads| {
        async move {
            let long = vec![0; PICTURE_MAX_BYTES + 1];
            let told = mediads.pictures.show(&mut &long[..], 2).await;
            assert!(matches!(told, Err(Failure::Picture(ShowError::TooLarge))));
        }
        .boxed_local()
    });
}

#[test]
fn a_file_that_cannot_be_read_or_written_is_told_as_that() {
    struct Broken;
    impl Source for Broken {
        fn read(&mut self, _: usize) -> io::Result<Vec<u8>> {
            Err(io::ErrorKind::NotFound.into())
        }
    }
    impl Target for Broken {
        fn begin(&mut self) -> io::Result<()> {
            Ok(())
        }

        fn write(&mut self, _: Vec<u8>) -> io::Result<()> {
            Err(io::ErrorKind::StorageFull.into())
        }
    }
    local(&[Does::Well], |mediads| {
        async move {
            assert!(matches!(mediads.pictures.show(&mut Broken, 2).await, Err(Failure::Disk(_))));
            assert!(matches!(
                mediads.pictures.clean(&mut { FILE }, &mut Broken).await,
                Err(Failure::Disk(_))
            ));
        }
        .boxed_local()
    });
}

#[test]
fn pictures_wait_for_each_other() {
    local(&[Does::Well], |mediads| {
        async move {
            let all = (0..5).map(|_| async { mediads.pictures.show(&mut { FILE }, 2).await.is_ok() });
            assert_eq!(futures::future::join_all(all).await, [true; 5]);
        }
        .boxed_local()
    });
}

#[test]
fn a_picture_that_holds_mediad_up_is_given_up() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let mediads = Mediads::new(&[Does::Nothing, Does::Well]);
        assert!(matches!(mediads.pictures.show(&mut { FILE }, 2).await, Err(Failure::Died)));
        assert!(mediads.pictures.show(&mut { FILE }, 2).await.is_ok());
        assert!(matches!(Pictures::default().show(&mut { FILE }, 2).await, Err(Failure::Away)));
    });
}
