//! Started by `privatus run` and `privatus relay`, never by hand.

use std::process::ExitCode;

fn main() -> ExitCode {
    match supervisor::run(std::env::args_os()) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("privatus: {error}");
            ExitCode::from(error.code())
        }
    }
}
