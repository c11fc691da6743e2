use std::time::Duration;

use super::*;
use ipc_schema::edge::stored_mediad::{CleanError, Kind, ShowError, Taker};
use ipc_schema::edge::{Failed, ask, send};
use ipc_schema::edges::stored_mediad_capnp::{decoder, picture_job};

fn local<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        tokio::time::timeout(Duration::from_secs(30), future).await.expect("the test hangs")
    })
}

fn decoder() -> (decoder::Client, Rc<Life>) {
    let (ours, theirs) = EdgeEnds::pipes().unwrap();
    let life = Rc::new(Life::default());
    serve(theirs, life.clone()).unwrap();
    (ipc_schema::rpc::connect(ours).unwrap().0, life)
}

async fn job(decoder: &decoder::Client, bytes: &[u8]) -> picture_job::Client {
    let job = ask(decoder, &Begin {}).await.unwrap();
    for chunk in bytes.chunks(50_000) {
        stream(&job, &Chunk { chunk: chunk.to_vec() }).await.unwrap();
    }
    job
}

/// Takes so many bytes, and no more.
#[derive(Default)]
struct Kept {
    bytes: RefCell<Vec<u8>>,
    most: Option<usize>,
}

impl Taker for Kept {
    async fn bytes(self: Rc<Self>, piece: Handed) -> Result<(), capnp::Error> {
        let mut bytes = self.bytes.borrow_mut();
        bytes.extend(piece.chunk);
        if self.most.is_some_and(|most| bytes.len() > most) {
            return Err(capnp::Error::failed(String::new()));
        }
        Ok(())
    }
}

impl Kept {
    fn sink(self: &Rc<Self>) -> byte_sink::Client {
        self.clone().client(Closer::default())
    }
}

fn png(side: u32) -> Vec<u8> {
    let mut png = Vec::new();
    let mut encoder = png::Encoder::new(&mut png, side, side);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().unwrap().write_image_data(&vec![7; (side * side * 3) as usize]).unwrap();
    png
}

#[test]
fn one_picture_is_asked_about_and_then_the_life_is_over() {
    local(async {
        let (decoder, life) = decoder();
        let job = job(&decoder, &png(300)).await;
        assert_eq!(ask(&job, &TellKind {}).await, Ok(Kind::Png));
        // More than one piece of pixels.
        let (shown, cleaned) = (Rc::new(Kept::default()), Rc::new(Kept::default()));
        let show = Show { max_side: 299, sink: shown.sink() };
        assert_eq!(send(&job, &show).await, Ok(Ok(Size { width: 299, height: 299 })));
        let clean = Clean { sink: cleaned.sink() };
        let file = send(&job, &clean).await.unwrap().unwrap();
        // What is handed over may arrive after the answer.
        while shown.bytes.borrow().len() < 299 * 299 * 3 || cleaned.bytes.borrow().len() < file.bytes as usize
        {
            tokio::task::yield_now().await;
        }
        assert_eq!(*shown.bytes.borrow(), vec![7; 299 * 299 * 3]);
        assert_eq!(file.kind, Kind::Png);
        assert!(cleaned.bytes.borrow().starts_with(b"\x89PNG"));
        drop(job);
        life.over().await;
    });
}

#[test]
fn a_second_picture_is_refused() {
    local(async {
        let (decoder, _life) = decoder();
        let _first = job(&decoder, b"").await;
        assert!(matches!(ask(&decoder, &Begin {}).await, Err(Failed::Refused)));
    });
}

#[test]
fn rubbish_is_told_and_ends_the_life_too() {
    local(async {
        let (decoder, life) = decoder();
        let job = job(&decoder, b"<svg/>").await;
        let sink = Rc::new(Kept::default()).sink();
        assert_eq!(ask(&job, &TellKind {}).await, Ok(Kind::Other));
        let show = Show { max_side: 64, sink: sink.clone() };
        assert_eq!(send(&job, &show).await, Ok(Err(ShowError::NotAPicture)));
        assert_eq!(send(&job, &Clean { sink }).await, Ok(Err(CleanError::NotAPicture)));
        drop(job);
        life.over().await;
    });
}

#[test]
fn more_bytes_than_allowed_are_told() {
    local(async {
        let (decoder, _life) = decoder();
        let job = job(&decoder, &vec![0; ipc_schema::limits::PICTURE_MAX_BYTES + 1]).await;
        let sink = Rc::new(Kept::default()).sink();
        assert_eq!(send(&job, &Show { max_side: 64, sink }).await, Ok(Err(ShowError::TooLarge)));
    });
}

#[test]
fn a_caller_that_takes_no_more_is_given_no_more() {
    local(async {
        let (decoder, _life) = decoder();
        let job = job(&decoder, &png(1_000)).await;
        let kept = Rc::new(Kept { most: Some(PICTURE_CHUNK_MAX_BYTES), ..Kept::default() });
        let show = Show { max_side: 1_000, sink: kept.sink() };
        assert!(send(&job, &show).await.is_err());
        assert!(kept.bytes.borrow().len() < 1_000 * 1_000 * 3);
        assert_eq!(ask(&job, &TellKind {}).await, Ok(Kind::Png), "the job goes on");
    });
}
