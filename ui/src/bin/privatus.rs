//! The command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    privatus::cli::main(std::env::args_os())
}
