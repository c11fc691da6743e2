//! netd's process: confinement, then the edge to onion.

use std::process::ExitCode;

fn main() -> ExitCode {
    ipc_schema::child::run(&sandbox::profiles::NETD, netd::serve::run)
}
