//! The smallest child: enters the profile that argv[0] names, writes its report to stdout and waits for the supervisor to
//! hang up. For the tests of this crate, and to be looked at with strace.
#![allow(clippy::print_stderr, reason = "an example")]

use std::io::Write;
use std::os::fd::AsFd;
use std::process::ExitCode;

fn main() -> ExitCode {
    match child() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{e}");
            ExitCode::FAILURE
        }
    }
}

fn child() -> Result<(), Box<dyn std::error::Error>> {
    sandbox::first_line()?;
    let args = sandbox::Args::parse(std::env::args_os())?;
    let profile = sandbox::profiles::by_name(&args.name).ok_or("no such profile")?;
    let control = sandbox::take_control()?;
    let jail = sandbox::enter(profile, control.as_fd(), args.folder.as_deref(), args.namespaces)?;
    let report = jail.seal()?;
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(&report.encode())?;
    stdout.flush()?;
    // A hang-up reads as an empty datagram.
    while nix::unistd::read(&control, &mut [0; 64])? > 0 {}
    Ok(())
}
