//! The real binary behind all its walls, started as the supervisor starts it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Duration;

use capnp_rpc::new_client;
use ipc_schema::edges::onion_netd_capnp::{acceptor, cell_sink, connect_result, link, links};
use ipc_schema::ends::EdgeEnds;
use ipc_schema::grant::{self, Grant, Settings};
use ipc_schema::limits::CELL_BYTES;
use netd::serve::{Shared, serve};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use sandbox::spawn::{SpawnSpec, spawn};
use tokio::sync::Notify;

const NETWORK: [u8; 32] = [9; 32];

fn local<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        tokio::time::timeout(Duration::from_secs(60), future).await.expect("the test hangs")
    })
}

/// A running netd. Dropping `control` asks it to stop.
struct Process {
    pid: rustix::process::Pid,
    control: Option<OwnedFd>,
    stdout: BufReader<UnixStream>,
    stderr: UnixStream,
}

impl Process {
    fn start(settings: Settings, state: std::fs::File, edge: Option<EdgeEnds>) -> Self {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (control, childs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
        let (stderr, childs_stderr) = UnixStream::pair().unwrap();
        let (stdout, childs_stdout) = UnixStream::pair().unwrap();
        let arguments = sandbox::Args {
            name: "netd".into(),
            namespaces: false,
            role: sandbox::Role::Relay,
            folder: None,
            without_walls: false,
        };
        let spec = SpawnSpec {
            program: env!("CARGO_BIN_EXE_netd").as_ref(),
            argv: arguments.to_argv(),
            environment: Vec::new(),
            control: childs.as_fd(),
            stdout: childs_stderr.as_fd(),
            stderr: childs_stderr.as_fd(),
        };
        let pid = spawn(&spec).unwrap();
        let pid = rustix::process::Pid::from_raw(pid.as_raw()).unwrap();
        let send = |grant| grant::send(control.as_fd(), &grant).unwrap();
        send(Grant::Settings(settings));
        send(Grant::File { name: "state".into(), file: state.into() });
        send(Grant::File { name: "stdout".into(), file: childs_stdout.into() });
        if let Some(ends) = edge {
            send(Grant::Edge { name: "onion-netd".into(), caller: false, ends });
        }
        send(Grant::Ready);
        Self { pid, control: Some(control), stdout: BufReader::new(stdout), stderr }
    }

    /// Asks it to stop.
    fn stop(mut self) -> (i32, String) {
        drop(self.control.take());
        self.ended()
    }

    /// Its exit code, and what it said on stderr. A signal fails the test.
    fn ended(mut self) -> (i32, String) {
        let (_, status) =
            rustix::process::waitpid(Some(self.pid), rustix::process::WaitOptions::empty()).unwrap().unwrap();
        let mut said = String::new();
        self.stderr.read_to_string(&mut said).unwrap();
        (status.exit_status().unwrap_or_else(|| panic!("ended by a signal: {status:?} {said}")), said)
    }
}

fn relay(listen: &[&str]) -> Settings {
    let listen = listen.iter().map(ToString::to_string).collect();
    Settings { relay: true, network_id: NETWORK, listen, ..Settings::default() }
}

#[derive(Default)]
struct Arrived {
    bytes: RefCell<usize>,
    changed: Notify,
}

impl Arrived {
    async fn until(&self, bytes: usize) {
        while *self.bytes.borrow() < bytes {
            self.changed.notified().await;
        }
    }
}

struct Sink(Rc<Arrived>);

impl cell_sink::Server for Sink {
    async fn cells(self: Rc<Self>, params: cell_sink::CellsParams) -> Result<(), capnp::Error> {
        *self.0.bytes.borrow_mut() += params.get()?.get_batch()?.len();
        self.0.changed.notify_one();
        Ok(())
    }
}

/// Sends back a batch for each link that comes in.
struct Answering(Rc<Arrived>);

impl acceptor::Server for Answering {
    async fn incoming(
        self: Rc<Self>,
        params: acceptor::IncomingParams,
        mut results: acceptor::IncomingResults,
    ) -> Result<(), capnp::Error> {
        let link = params.get()?.get_link()?;
        results.get().set_sink(new_client(Sink(self.0.clone())));
        tokio::task::spawn_local(async move {
            for _ in 0..20 {
                cells(&link).await;
            }
            std::future::pending::<()>().await;
        });
        Ok(())
    }
}

async fn cells(link: &link::Client) {
    let mut request = link.cells_request();
    request.get().set_batch(&[5; 64 * CELL_BYTES]);
    request.send().await.unwrap();
}

async fn listen(edge: EdgeEnds, arrived: &Rc<Arrived>) -> links::Client {
    let (links, _) = ipc_schema::rpc::connect::<links::Client>(edge).unwrap();
    let mut request = links.listen_request();
    request.get().set_acceptor(new_client(Answering(arrived.clone())));
    let answer = request.send().promise.await.unwrap();
    assert_eq!(answer.get().unwrap().get_identity().unwrap().len(), 32);
    links
}

async fn exchange_with(address: &str, arrived: &Rc<Arrived>) {
    let settings =
        Settings { network_id: NETWORK, bootstraps: vec![address.to_owned()], ..Settings::default() };
    let shared = Shared::start(&settings, &mut BTreeMap::new()).await.unwrap();
    let (ours, theirs) = EdgeEnds::pipes().unwrap();
    serve(theirs, shared).unwrap();
    let (client, _) = ipc_schema::rpc::connect::<links::Client>(ours).unwrap();
    let back = Rc::new(Arrived::default());
    let mut request = client.bootstrap_request();
    request.get().set_sink(new_client(Sink(back.clone())));
    let answer = request.send().promise.await.unwrap();
    let Ok(connect_result::Link(link)) = answer.get().unwrap().get_result().unwrap().which() else {
        panic!("no link to {address}")
    };
    let link = link.unwrap();
    for _ in 0..20 {
        cells(&link).await;
    }
    arrived.until(20 * 64 * CELL_BYTES).await;
    back.until(20 * 64 * CELL_BYTES).await;
}

#[test]
fn a_confined_relay_exchanges_cells_over_quic_and_tcp_and_keeps_its_name() {
    local(async {
        for listening in [
            &["/ip4/127.0.0.1/udp/0/quic-v1", "/ip4/127.0.0.1/tcp/0"][..],
            &["/ip4/127.0.0.1/tcp/0"],
            &["/ip4/0.0.0.0/udp/0/quic-v1", "/ip4/0.0.0.0/tcp/0"],
            &[],
        ] {
            let state = tempfile::tempfile().unwrap();
            let mut lines = Vec::new();
            for _ in 0..2 {
                let (edge, theirs) = EdgeEnds::pipes().unwrap();
                let mut process = Process::start(relay(listening), state.try_clone().unwrap(), Some(theirs));
                let arrived = Rc::new(Arrived::default());
                let links = listen(edge, &arrived).await;
                let mut line = String::new();
                process.stdout.read_line(&mut line).unwrap();
                exchange_with(line.trim_start_matches("relay ready ").trim_end(), &arrived).await;
                drop(links);
                assert_eq!(process.stop(), (0, String::new()), "{listening:?}");
                lines.push(line);
            }
            assert_eq!(lines[0], lines[1], "{listening:?}");
        }
    });
}

#[test]
fn a_taken_port_and_a_damaged_state_end_a_confined_relay_with_one_line() {
    for taken in ["tcp", "udp"] {
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = match taken {
            "tcp" => format!("/ip4/127.0.0.1/tcp/{}", tcp.local_addr().unwrap().port()),
            _ => format!("/ip4/127.0.0.1/udp/{}/quic-v1", udp.local_addr().unwrap().port()),
        };
        let process = Process::start(relay(&[&address]), tempfile::tempfile().unwrap(), None);
        let (code, said) = process.ended();
        assert_eq!((code, said.lines().count()), (5, 1), "{said}");
        assert!(said.contains(&address) && said.contains("in use"), "{said}");
    }
    // Of a relay that had a key, nothing is no key either.
    for (begun, bytes) in [(false, &[7; 600][..]), (true, &[0; 600]), (true, &[])] {
        let state = tempfile::tempfile().unwrap();
        state.write_all_at(bytes, 0).unwrap();
        let settings = Settings { begun, ..relay(&["/ip4/127.0.0.1/tcp/0"]) };
        let (code, said) = Process::start(settings, state.try_clone().unwrap(), None).ended();
        assert_eq!((code, said.lines().count()), (5, 1), "{said}");
        assert!(said.contains("netd.state is damaged") && said.contains("put back a copy"), "{said}");
        assert_eq!(state.metadata().unwrap().len(), bytes.len() as u64, "nothing is written over it");
    }
}
