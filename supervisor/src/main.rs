//! Started by `privatus run` and `privatus relay`, never by hand.

use std::process::ExitCode;

fn main() -> ExitCode {
    // It will hold a passphrase's descriptor, and others' ends of edges.
    if let Err(error) = sandbox::first_line() {
        eprintln!("privatus: {error}");
        return ExitCode::FAILURE;
    }
    match supervisor::run(std::env::args_os()) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("privatus: {error}");
            ExitCode::from(error.code())
        }
    }
}
