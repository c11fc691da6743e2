//! `privatus version`, and `--version`.

use serde::Serialize;

use super::{Context, Outcome, Output};

#[derive(Serialize)]
struct Version {
    version: &'static str,
}

pub(super) fn run(context: &Context) -> Outcome {
    tell(context.output)
}

/// The version as an answer.
pub(super) fn tell(output: Output) -> Outcome {
    let version = env!("CARGO_PKG_VERSION");
    output.row(&Version { version }, || format!("privatus {version}"))
}
