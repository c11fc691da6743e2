//! An edge lives as long as its processes: calls that are over owe nothing, with and without capabilities in their answers.
#![allow(clippy::unwrap_used, missing_docs)]

use std::rc::Rc;

use ipc_schema::edges::stored_mediad_capnp::{decoder, picture_job};
use ipc_schema::edges::ui_keyvault_capnp::{VaultState, unlock};
use ipc_schema::ends::EdgeEnds;
use ipc_schema::limits::QUESTIONS_MAX;
use tokio::task::LocalSet;

struct Callee;

impl unlock::Server for Callee {
    async fn state(
        self: Rc<Self>,
        _: unlock::StateParams,
        mut results: unlock::StateResults,
    ) -> Result<(), capnp::Error> {
        results.get().set_vault(VaultState::Ok);
        Ok(())
    }
}

impl decoder::Server for Callee {
    async fn picture(
        self: Rc<Self>,
        _: decoder::PictureParams,
        mut results: decoder::PictureResults,
    ) -> Result<(), capnp::Error> {
        results.get().set_job(capnp_rpc::new_client(Self));
        Ok(())
    }
}

impl picture_job::Server for Callee {
    async fn bytes(self: Rc<Self>, _: picture_job::BytesParams) -> Result<(), capnp::Error> {
        Ok(())
    }
}

fn on_an_edge<F: Future<Output = ()>>(work: impl FnOnce(EdgeEnds, EdgeEnds) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let (ours, theirs) = EdgeEnds::pipes().unwrap();
        work(ours, theirs).await;
    });
}

#[test]
fn any_number_of_calls_one_after_the_other_is_answered() {
    on_an_edge(|ours, theirs| async {
        let bootstrap: unlock::Client = capnp_rpc::new_client(Callee);
        ipc_schema::rpc::serve(theirs, bootstrap.client).unwrap();
        let (client, _) = ipc_schema::rpc::connect::<unlock::Client>(ours).unwrap();
        for _ in 0..3 * QUESTIONS_MAX {
            client.state_request().send().promise.await.unwrap();
        }
        // Calls that nobody waits for any more are over too.
        for _ in 0..3 * QUESTIONS_MAX / 8 {
            let given_up: Vec<_> = (0..8).map(|_| client.state_request().send()).collect();
            drop(given_up);
            client.state_request().send().promise.await.unwrap();
        }
    });
}

#[test]
fn any_number_of_capabilities_and_streamed_calls_one_after_the_other_is_served() {
    on_an_edge(|ours, theirs| async {
        let bootstrap: decoder::Client = capnp_rpc::new_client(Callee);
        ipc_schema::rpc::serve(theirs, bootstrap.client).unwrap();
        let (client, _) = ipc_schema::rpc::connect::<decoder::Client>(ours).unwrap();
        for _ in 0..3 * QUESTIONS_MAX {
            let answer = client.picture_request().send().promise.await.unwrap();
            let job = answer.get().unwrap().get_job().unwrap();
            job.bytes_request().send().await.unwrap();
        }
    });
}
