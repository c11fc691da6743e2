//! The command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    // A passphrase passes through here.
    if let Err(error) = sandbox::first_line() {
        eprintln!("privatus: {error}");
        return ExitCode::FAILURE;
    }
    privatus::cli::main(std::env::args_os())
}
