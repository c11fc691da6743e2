//! The links that netd gave us.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::core::LinkKey;
use crate::id::LinkId;

/// A link, and the task that feeds it.
struct Open {
    wake: Rc<Notify>,
    writer: AbortHandle,
}

impl Drop for Open {
    fn drop(&mut self) {
        // The task holds the capability: without it netd closes the link.
        self.writer.abort();
    }
}

/// All links of one connection to netd.
#[derive(Default)]
pub struct OpenLinks {
    open: RefCell<BTreeMap<LinkId, Open>>,
    /// Of the links that we opened: netd gives the same one again for the same key, with a new sink.
    by_key: RefCell<BTreeMap<LinkKey, LinkId>>,
    last: Cell<u64>,
}

impl OpenLinks {
    /// A name for another link.
    pub fn name(&self) -> LinkId {
        self.last.set(self.last.get() + 1);
        LinkId(self.last.get())
    }

    /// The link that netd gave for that key.
    #[must_use]
    pub fn known(&self, key: &LinkKey) -> Option<LinkId> {
        self.by_key.borrow().get(key).copied()
    }

    /// Takes up a link that the task `writer` feeds whenever it is woken. `dialled`: whom we reached by it.
    pub fn open(&self, link: LinkId, dialled: Option<LinkKey>, wake: Rc<Notify>, writer: AbortHandle) {
        self.open.borrow_mut().insert(link, Open { wake, writer });
        if let Some(key) = dialled {
            self.by_key.borrow_mut().insert(key, link);
        }
    }

    /// The link has cells again.
    pub fn wake(&self, link: LinkId) {
        if let Some(open) = self.open.borrow().get(&link) {
            open.wake.notify_one();
        }
    }

    /// Lets go of a link. `false`: it was not there.
    pub fn close(&self, link: LinkId) -> bool {
        let open = self.open.borrow_mut().remove(&link);
        self.by_key.borrow_mut().retain(|_, id| *id != link);
        open.is_some()
    }

    /// Lets go of all.
    pub fn clear(&self) {
        self.by_key.borrow_mut().clear();
        self.open.borrow_mut().clear();
    }
}
