//! `privatus version`.

use serde::Serialize;

use super::{Context, Outcome};

#[derive(Serialize)]
struct Version {
    version: &'static str,
}

pub(super) fn run(context: &Context) -> Outcome {
    let version = env!("CARGO_PKG_VERSION");
    context.output.row(&Version { version }, || format!("privatus {version}"))
}
