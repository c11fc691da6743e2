//! stored's process: confinement, then the conversation engine, or a relay's mailbox disk.

use std::process::ExitCode;

fn main() -> ExitCode {
    ipc_schema::child::run(&sandbox::profiles::STORED, stored::serve::run)
}
