//! The window's process: confinement, then FLTK on one thread and the edges on another.

use std::process::ExitCode;

fn main() -> ExitCode {
    ipc_schema::child::run(&sandbox::profiles::UI, privatus_ui::serve::run)
}
