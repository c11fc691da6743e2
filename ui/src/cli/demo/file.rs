//! One file from one to the other in the demo, each byte of it looked at.

use std::time::Duration;

use ipc_schema::edge::ui_stored::{File, FileAction, FilePiece, FileState, KeptFile, SendFiles, TakeFile};
use ipc_schema::limits::UPLOAD_CHUNK_MAX_BYTES;
use tokio::sync::mpsc;

use super::super::exit::{Failure, Outcome};
use super::super::{embedded, sockets, talk};
use super::{DELIVERY_WAIT, Person, Stage, now};
use crate::peers::messenger::Messenger;

const NAME: &str = "turtle.bin";
const BYTES: usize = 1 << 20;
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Sends it, has it taken, and waits until the other side has the same bytes.
pub(super) fn give(stage: &Stage, from: (&str, &Person), to: (&str, &Person)) -> Outcome {
    let mut bytes = vec![0; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| Failure::Failed(format!("cannot make a file: {error}")))?;
    let begun = now();
    let kept = hand_over(from.1, &bytes)?;
    let id = embedded::random_network()?.0;
    let (who, files) = (to.0.to_owned(), vec![kept.file]);
    let send =
        SendFiles { who, id, files, caption: String::new(), reply_to: String::new(), with_metadata: false };
    from.1.call(talk::SOON, send)?;
    let offered = wait(to.1, from.0, |_| true)?;
    act(to.1, &offered.id, FileAction::Accept)?;
    let here = wait(to.1, from.0, |file| file.state == FileState::Saved)?;
    let took = begun.elapsed();
    if hand_out(to.1, &here.id)? != bytes {
        return Err(Failure::Failed(format!("the file from {} is another one with {}", from.0, to.0)));
    }
    wait(from.1, to.0, |file| file.state == FileState::Saved)?;
    stage.say("file", &format!("{} → {} in {} ms: {NAME}, 1 MiB", from.0, to.0, took.as_millis()))
}

fn hand_over(person: &Person, bytes: &[u8]) -> Outcome<KeptFile> {
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let call = |messenger: Messenger| async move {
        let (sender, mut pieces) = mpsc::channel(bytes.len() / UPLOAD_CHUNK_MAX_BYTES + 1);
        for chunk in bytes.chunks(UPLOAD_CHUNK_MAX_BYTES) {
            // There is room for all of them.
            let _ = sender.try_send(FilePiece { chunk: chunk.to_vec() });
        }
        drop(sender);
        messenger.hand_over(TakeFile { name: NAME.into(), size, keep_metadata: false }, &mut pieces).await
    };
    sockets::block_on(talk::messenger(&person.profile, talk::AS_LONG_AS_IT_TAKES, call))
}

fn hand_out(person: &Person, id: &str) -> Outcome<Vec<u8>> {
    let call = |messenger: Messenger| async move {
        let mut bytes = Vec::new();
        let taken = messenger.hand_out(id, |piece| {
            bytes.extend_from_slice(piece);
            Ok::<_, std::convert::Infallible>(())
        });
        let _ = taken.await?;
        Ok(bytes)
    };
    sockets::block_on(talk::messenger(&person.profile, talk::AS_LONG_AS_IT_TAKES, call))
}

fn act(person: &Person, id: &str, action: FileAction) -> Outcome<File> {
    let call = |messenger: Messenger| async move { messenger.act_on_file(id, action).await };
    sockets::block_on(talk::messenger(&person.profile, talk::SOON, call))
}

/// Waits for a file with somebody.
fn wait(person: &Person, who: &str, is: impl Fn(&File) -> bool) -> Outcome<File> {
    let until = now() + DELIVERY_WAIT;
    loop {
        let call = |messenger: Messenger| async move { messenger.files(who, 1, "").await };
        let files = sockets::block_on(talk::messenger(&person.profile, talk::SOON, call))?;
        if let Some(file) = files.into_iter().find(&is) {
            return Ok(file);
        }
        if now() > until {
            return Err(Failure::Failed(format!("the file with {who} does not come: see the lines above")));
        }
        std::thread::sleep(LOOK_EVERY);
    }
}
