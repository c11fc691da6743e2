//! An edge's round trip and its cells, over pipes as it is and over a socket pair.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Instant;

use capnp::capability::FromClientHook;
use ipc_schema::edges::onion_netd_capnp::link;
use ipc_schema::edges::ui_keyvault_capnp::{VaultState, unlock};
use ipc_schema::ends::EdgeEnds;
use ipc_schema::limits::{CELL_BYTES, CELLS_PER_BATCH_MAX};

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

/// Takes cells as netd does: streamed, with flow control.
struct Takes;

impl link::Server for Takes {
    async fn cells(self: std::rc::Rc<Self>, params: link::CellsParams) -> Result<(), capnp::Error> {
        std::hint::black_box(params.get()?.get_batch()?);
        Ok(())
    }
}

/// What lies under an edge.
#[derive(Clone, Copy)]
enum Wire {
    Pipes,
    Sockets,
}

/// One side's descriptors, which may go to another thread.
type Side = (OwnedFd, Option<OwnedFd>);

impl Wire {
    fn sides(self) -> (Side, Side) {
        match self {
            Self::Pipes => {
                let (ours, theirs) = EdgeEnds::pipes().unwrap();
                let side = |ends| match ends {
                    EdgeEnds::Pipes { read, write } => (read, Some(write)),
                    _ => panic!("pipes were made"),
                };
                (side(ours), side(theirs))
            }
            Self::Sockets => {
                let (ours, theirs) = UnixStream::pair().unwrap();
                ((ours.into(), None), (theirs.into(), None))
            }
        }
    }
}

fn ends((read, write): Side) -> EdgeEnds {
    match write {
        Some(write) => EdgeEnds::Pipes { read, write },
        None => read.into(),
    }
}

fn on_runtime<F: Future>(work: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, work)
}

/// Calls from this thread what another serves.
fn on_an_edge<C: FromClientHook, T>(
    wire: Wire,
    bootstrap: fn() -> capnp::capability::Client,
    work: impl AsyncFnOnce(C) -> T,
) -> T {
    let (ours, theirs) = wire.sides();
    let server = std::thread::spawn(move || {
        on_runtime(async move { ipc_schema::rpc::serve(ends(theirs), bootstrap()).unwrap().await.unwrap() });
    });
    let answer = on_runtime(async move {
        let (client, _task) = ipc_schema::rpc::connect::<C>(ends(ours)).unwrap();
        work(client).await
    });
    server.join().unwrap();
    answer
}

pub fn measure(report: &mut Report) {
    let baseline = "the same over a socket pair";
    let sockets = round_trips(Wire::Sockets);
    report.against("edge round trip", "us", round_trips(Wire::Pipes), (baseline, sockets), "-");
    let sockets = cells(Wire::Sockets);
    report.against("cells over an edge, 64 a call", "cells/s", cells(Wire::Pipes), (baseline, sockets), "-");
}

fn round_trips(wire: Wire) -> Vec<f64> {
    let answers = || {
        let bootstrap: unlock::Client = capnp_rpc::new_client(Answers);
        bootstrap.client
    };
    on_an_edge(wire, answers, async |client: unlock::Client| {
        let mut runs = Vec::new();
        for _ in 0..RUNS {
            let start = Instant::now();
            for _ in 0..ROUNDS {
                client.state_request().send().promise.await.unwrap();
            }
            runs.push(start.elapsed().as_secs_f64() * 1e6 / f64::from(ROUNDS));
        }
        runs
    })
}

/// As many batches as take about a tenth of a second.
const BATCHES: u32 = 3_000;
const BATCH_BYTES: usize = CELLS_PER_BATCH_MAX * CELL_BYTES;

fn cells(wire: Wire) -> Vec<f64> {
    let takes = || {
        let bootstrap: link::Client = capnp_rpc::new_client(Takes);
        bootstrap.client
    };
    on_an_edge(wire, takes, async |client: link::Client| {
        let mut runs = Vec::new();
        for _ in 0..RUNS {
            let start = Instant::now();
            for _ in 0..BATCHES {
                let mut request = client.cells_request();
                request.get().set_batch(&[7; BATCH_BYTES]);
                request.send().await.unwrap();
            }
            runs.push(f64::from(BATCHES) * 64.0 / start.elapsed().as_secs_f64());
        }
        runs
    })
}
