//! `privatus stop`: asks the suite that holds the folder to end, and waits for it.

use std::time::Duration;

use rustix::process::{Signal, pidfd_send_signal};
use serde::Serialize;

use super::exit::{Doing, Failure, Outcome};
use super::{Context, paths::Profile};

/// A suite ends within 10 s by the contract; with room for a loaded machine.
const WAIT: Duration = Duration::from_secs(15);

/// How often the folder's lock is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

#[derive(Serialize)]
struct Stopped {
    stopped: bool,
    pid: i32,
}

pub(super) fn run(context: &Context) -> Outcome {
    let pid = stop(&context.profile)?;
    context.output.row(&Stopped { stopped: true, pid }, || "stopped".into())
}

/// Stops the suite of `profile` and waits until its folder is free. Gives the process id that it had.
fn stop(profile: &Profile) -> Outcome<i32> {
    let running = profile.running()?;
    let doing = || format!("stop process {}", running.pid);
    // By a handle: a number may be another process's by now.
    pidfd_send_signal(running.handle().doing(doing())?, Signal::TERM).doing(doing())?;
    let mut waited = Duration::ZERO;
    while profile.running().is_ok_and(|now| now.pid == running.pid) {
        if waited >= WAIT {
            return Err(Failure::Failed(format!(
                "process {} does not end: stop it with kill -9, nothing is lost by that",
                running.pid
            )));
        }
        std::thread::sleep(LOOK_EVERY);
        waited += LOOK_EVERY;
    }
    Ok(running.pid)
}
