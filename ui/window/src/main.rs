//! The window's process: confinement but the filter, the display, the filter, then FLTK on this thread and the edges on another.

use std::process::ExitCode;

use ipc_schema::child;
use privatus_ui::serve::{self, Wires};
use privatus_ui::window::Window;

fn main() -> ExitCode {
    let (window, worker) = Wires::new();
    child::run_beside(
        &sandbox::profiles::UI,
        || Window::open(window),
        Window::run,
        |child| serve::run(child, worker),
    )
}
