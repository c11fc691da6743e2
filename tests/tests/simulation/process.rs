//! A process of a simulated machine: tasks that run, and die, together.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Once;
use std::task::{Context, Poll};

use tokio::task::{JoinHandle, LocalSet};

/// Its tasks. Dropped, it is killed: the tasks are gone at once with all that they hold, and whoever is at the other end of an edge
/// notices as with a real one.
pub struct Process {
    tasks: Rc<RefCell<Option<LocalSet>>>,
    runs: JoinHandle<()>,
}

impl Process {
    /// A process without tasks among those of the world.
    pub fn start(world: &LocalSet) -> Self {
        let tasks = Rc::new(RefCell::new(Some(LocalSet::new())));
        Self { runs: world.spawn_local(Runs(tasks.clone())), tasks }
    }

    /// Does something inside: what is spawned meanwhile is the process's.
    pub fn inside<T>(&self, work: impl FnOnce() -> T) -> T {
        let tasks = self.tasks.borrow();
        let _inside = tasks.as_ref().unwrap().enter();
        work()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.tasks.take());
        self.runs.abort();
    }
}

struct Runs(Rc<RefCell<Option<LocalSet>>>);

impl Future for Runs {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if let Some(tasks) = self.0.borrow_mut().as_mut() {
            // One without tasks just now may get some.
            let _ = Pin::new(tasks).poll(context);
        }
        Poll::Pending
    }
}

thread_local! {
    static PANICKED: Cell<bool> = const { Cell::new(false) };
}

/// From now on it is known whether a task of this thread has panicked: the runtime would catch it and go on.
pub fn watch_for_panics() {
    static WATCH: Once = Once::new();
    WATCH.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICKED.set(true);
            before(panic);
        }));
    });
}

/// Whether anything on this thread has panicked.
pub fn has_panicked() -> bool {
    PANICKED.get()
}
