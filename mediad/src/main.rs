//! mediad's process: confinement, then one job.

use std::process::ExitCode;

fn main() -> ExitCode {
    ipc_schema::child::run(&sandbox::profiles::MEDIAD, mediad::serve::run)
}
