//! An edge's round trip, against the socket pair under it.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use ipc_schema::edges::ui_keyvault_capnp::{VaultState, unlock};

use crate::report::{RUNS, Report};

const ROUNDS: u32 = 5_000;

struct Answers;

impl unlock::Server for Answers {
    async fn state(
        self: std::rc::Rc<Self>,
        _: unlock::StateParams,
        mut results: unlock::StateResults,
    ) -> Result<(), capnp::Error> {
        results.get().set_vault(VaultState::Ok);
        Ok(())
    }
}

fn on_runtime<F: Future>(work: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, work)
}

pub fn measure(report: &mut Report) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let server = std::thread::spawn(move || {
        on_runtime(async move {
            let bootstrap: unlock::Client = capnp_rpc::new_client(Answers);
            ipc_schema::rpc::serve(theirs.into(), bootstrap.client).unwrap().await.unwrap();
        });
    });
    let edge = on_runtime(async move {
        let (client, _task) = ipc_schema::rpc::connect::<unlock::Client>(ours.into()).unwrap();
        let mut runs = Vec::new();
        for _ in 0..RUNS {
            let start = Instant::now();
            for _ in 0..ROUNDS {
                client.state_request().send().promise.await.unwrap();
            }
            runs.push(start.elapsed().as_secs_f64() * 1e6 / f64::from(ROUNDS));
        }
        runs
    });
    server.join().unwrap();
    report.against("edge round trip", "us", edge, ("socket pair, two threads", socket_pair()), "-");
}

fn socket_pair() -> Vec<f64> {
    let (mut ours, mut theirs) = UnixStream::pair().unwrap();
    let echo = std::thread::spawn(move || {
        let mut bytes = [0; 200];
        while theirs.read_exact(&mut bytes).is_ok() {
            theirs.write_all(&bytes).unwrap();
        }
    });
    let mut bytes = [0; 200];
    let runs = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..ROUNDS {
                ours.write_all(&bytes).unwrap();
                ours.read_exact(&mut bytes).unwrap();
            }
            start.elapsed().as_secs_f64() * 1e6 / f64::from(ROUNDS)
        })
        .collect();
    drop(ours);
    echo.join().unwrap();
    runs
}
