//! Bytes of a hostile neighbour on an edge: Cap'n Proto RPC into a served bootstrap, mediad's.
#![no_main]

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use mediad::serve::{Life, serve};

fuzz_target!(|untrusted: &[u8]| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let (theirs, mut ours) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let served = serve(theirs.into(), Rc::new(Life::default())).unwrap();
        // What does not fit the socket at once is cut: then the message is short, which is a case too.
        let _ = ours.write(untrusted);
        drop(ours);
        tokio::time::timeout(Duration::from_secs(5), served)
            .await
            .expect("an edge whose caller is gone ends")
            .ok();
    });
});
