//! The command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    // A passphrase passes through here.
    if let Err(error) = sandbox::close_to_others() {
        eprintln!("privatus: {error}");
        return ExitCode::FAILURE;
    }
    privatus::cli::main(std::env::args_os())
}
