//! mediad as stored calls it (edges/stored-mediad.capnp): one picture, and the process is gone.

use ipc_schema::edges::stored_mediad_capnp::{decoder, picture_job, picture_result};
use ipc_schema::limits::PICTURE_SIDE_MAX;

use super::{Malformed, bounded};

/// Plain pixels.
pub(crate) struct Pixels {
    pub(crate) width: u16,
    pub(crate) height: u16,
    /// width × height × 3.
    pub(crate) rgb: Vec<u8>,
}

/// Begins a job with the instance that waits.
pub(crate) async fn begin(
    decoder: &decoder::Client,
    max_side: u16,
) -> Result<picture_job::Client, Malformed> {
    let mut request = decoder.picture_request();
    request.get().set_max_side(max_side.clamp(1, PICTURE_SIDE_MAX));
    let answer = request.send().promise.await?;
    Ok(answer.get()?.get_job()?)
}

/// Hands on a piece of the untrusted picture.
pub(crate) async fn bytes(job: &picture_job::Client, chunk: &[u8]) -> Result<(), Malformed> {
    let mut request = job.bytes_request();
    request.get().set_chunk(chunk);
    Ok(request.send().await?)
}

/// What mediad made of it, with its sizes checked: mediad may have been taken over by the picture.
pub(crate) async fn finish(job: &picture_job::Client) -> Result<Pixels, Malformed> {
    let answer = job.finish_request().send().promise.await?;
    let picture_result::Which::Pixels(pixels) = answer.get()?.get_result()?.which()? else {
        return Err(Malformed);
    };
    let (width, height) = (pixels.get_width(), pixels.get_height());
    let length = usize::from(width) * usize::from(height) * 3;
    let rgb = bounded(pixels.get_rgb()?, length)?;
    let sane = width > 0 && height > 0 && width <= PICTURE_SIDE_MAX && height <= PICTURE_SIDE_MAX;
    if sane && rgb.len() == length { Ok(Pixels { width, height, rgb }) } else { Err(Malformed) }
}
