//! keyvault's process: confinement, then the edges.

use std::process::ExitCode;

fn main() -> ExitCode {
    ipc_schema::child::run(&sandbox::profiles::KEYVAULT, keyvault::serve::run)
}
