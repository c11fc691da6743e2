//! The one thread that forks. It lives as long as the process, because the parent-death signal follows the thread that
//! forked; it parses nothing and carries the widest filter, because children inherit it.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};

use nix::unistd::Pid;
use sandbox::Image;
use sandbox::spawn::SpawnSpec;

use crate::error::{Doing, StartError};

/// A child to be started.
#[derive(Debug)]
pub struct Order {
    /// The binary, by absolute path.
    pub program: PathBuf,
    /// The whole command line.
    pub argv: Vec<OsString>,
    /// The whole environment.
    pub environment: Vec<(OsString, OsString)>,
    /// The child's end of its control socket.
    pub control: OwnedFd,
    /// Becomes descriptor 1.
    pub stdout: OwnedFd,
    /// Becomes descriptor 2.
    pub stderr: OwnedFd,
}

/// The spawner, as the event loop sees it.
#[derive(Debug)]
pub struct Spawner {
    orders: Sender<Order>,
    answers: Receiver<io::Result<Pid>>,
}

impl Spawner {
    /// Starts and seals the thread, which will run `images` and what else it is told by path. Call it before the calling thread seals itself: a thread inherits its maker's filter.
    ///
    /// # Errors
    /// A wall cannot be raised around it.
    pub fn start(images: Vec<Image>) -> Result<(Self, sandbox::Report), StartError> {
        let (orders, taken) = channel::<Order>();
        let (answer, answers) = channel();
        let (tell, told) = channel();
        let work = move || {
            let sealed = sandbox::supervisor::seal_spawner();
            let failed = sealed.is_err();
            if tell.send(sealed).is_err() || failed {
                return;
            }
            for order in taken {
                if answer.send(spawn(&images, &order)).is_err() {
                    return;
                }
            }
        };
        std::thread::Builder::new().name("spawner".into()).spawn(work).doing("start the spawner thread")?;
        let report = told.recv().map_err(io::Error::other).doing("start the spawner thread")??;
        Ok((Self { orders, answers }, report))
    }

    /// Starts a child and waits until it has become its program, about a millisecond.
    ///
    /// # Errors
    /// No process can be had, or the binary cannot be run.
    pub fn spawn(&self, order: Order) -> io::Result<Pid> {
        self.orders.send(order).map_err(io::Error::other)?;
        self.answers.recv().map_err(io::Error::other)?
    }
}

fn spawn(images: &[Image], order: &Order) -> io::Result<Pid> {
    let spec = SpawnSpec {
        program: &order.program,
        argv: order.argv.clone(),
        environment: order.environment.clone(),
        control: order.control.as_fd(),
        stdout: order.stdout.as_fd(),
        stderr: order.stderr.as_fd(),
    };
    let other = Image::by_path(&order.program);
    let image = images.iter().find(|image| image.path() == order.program).unwrap_or(&other);
    sandbox::spawn::spawn_image(image, &spec)
}
