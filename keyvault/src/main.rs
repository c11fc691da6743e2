//! keyvault's process: confinement, then the edges.

use std::process::ExitCode;

/// Passphrases and texts pass through buffers that are not ours (an RPC message, a hash's block): none outlives its use.
#[global_allocator]
static ALLOCATOR: sandbox::WipingAllocator = sandbox::WipingAllocator;

fn main() -> ExitCode {
    ipc_schema::child::run(&sandbox::profiles::KEYVAULT, keyvault::serve::run)
}
