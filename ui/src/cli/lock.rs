//! `privatus lock`: all keys are dropped, nothing is fetched until the passphrase comes.

use super::{Context, Outcome, sockets, talk};

pub(super) fn run(context: &Context) -> Outcome {
    sockets::block_on(talk::lock(&context.profile))
}
