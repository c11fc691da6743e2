//! Confinement: what every process of Privatus gives up before it reads its first foreign byte.
//!
//! All authority over the kernel stands in [`profiles`], as tables with a reason per row. The rest of the crate is the
//! mechanism. A child is run from an [`Image`] that nobody can read; its `main` calls, in this order and with one thread until
//! the runtime is made:
//!
//! ```no_run
//! # use std::os::fd::AsFd;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! sandbox::first_line()?;
//! let args = sandbox::Args::parse(std::env::args_os())?;
//! let control = sandbox::take_control()?;
//! let jail = sandbox::enter(&sandbox::profiles::STORED, control.as_fd(), args.folder.as_deref(), args.namespaces)?;
//! // the tokio runtime (current thread) is made here
//! let report = jail.seal()?;
//! // only now the first recvmsg on `control`, whose first Grant names the file that takes `report.encode()`
//! # drop(report);
//! # Ok(())
//! # }
//! ```
//!
//! This crate holds the workspace's only `unsafe` code.
#![allow(
    unsafe_code,
    reason = "the one place where the kernel is spoken to directly; every block says why it is sound"
)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod args;
mod attempt;
pub mod audit;
pub mod bpf;
mod connections;
mod environment;
mod error;
mod image;
mod inherited;
#[cfg(feature = "inspect")]
pub mod inspect;
mod jail;
mod landlock;
mod maps;
pub mod names;
mod namespaces;
mod outside;
mod privileges;
mod procfs;
pub mod profiles;
pub mod resource;
mod riders;
pub mod rule;
mod secret;
pub mod signals;
#[cfg(debug_assertions)]
mod sigsys;
#[cfg(feature = "inspect")]
pub mod simulate;
pub mod spawn;
pub mod supervisor;
mod sys;
mod view;
mod wiping;

pub use args::{Args, ArgsError, Role};
pub use attempt::Attempt;
pub use audit::{REPORT_BYTES, Report, ReportError};
pub use environment::{Display, Environment};
pub use error::Error;
pub use image::Image;
pub use inherited::{inherited, only_inherited};
pub use jail::{Jail, enter, enter_without_walls, take_control};
pub use landlock::{Domain, Enforced, has_landlock};
pub use namespaces::{Namespaces, Probe, probe as probe_namespaces};
pub use outside::{Outside, ptrace_scope};
pub use privileges::first_line;
pub use procfs::{Status, read_proc_status, read_task_statuses};
pub use profiles::Profile;
pub use riders::refuse_riders;
pub use secret::{Guard, SecretMemory};
pub use supervisor::{Shed, shed_root};
pub use sys::Capabilities;
pub use wiping::WipingAllocator;
