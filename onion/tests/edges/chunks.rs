//! Chunks of files, from one client's edge to the other's, over circuits of their own.

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use ipc_schema::edge::Failed;
use ipc_schema::edge::stored_onion::ChunkWaiting;
use ipc_schema::limits::{CHUNKS_UNACKED_MAX, CHUNKS_UNANSWERED_MAX};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::people::{Taken, chunk};
use super::*;

/// Two people with a queue, each with a circuit for chunks to it.
struct Pair {
    _hub: Rc<netd::Hub>,
    _relays: Vec<Node>,
    alice: Node,
    at_alice: Open,
    at_bob: Open,
    sender: Sender,
    receiver: Receiver,
    queue: Queue,
    /// Bob's, for texts.
    text: Open,
}

impl Pair {
    async fn new() -> Self {
        let (hub, relays, alice, bob) = world(5).await;
        let (to_alice, to_bob) = (alice.carrier(), bob.carrier());
        let relay = pick(&to_bob).await;
        let text = open(&to_bob, relay, 1).await;
        let mut receiver = Receiver::new(1);
        let queue = receiver.create(&text).await;
        let at_bob = bulk(&to_bob, relay, 1).await;
        let at_alice = bulk(&to_alice, relay, 2).await;
        assert_ne!(text.binding, at_bob.binding, "lanes share no circuit");
        // Counters rise on a circuit: each has people of its own.
        let receiver = Receiver::new(1);
        let mut sender = Sender::new(2, &queue);
        assert_eq!(sender.secure(&at_alice).await, Ok(Done::Plain));
        Self { _hub: hub, _relays: relays, alice, at_alice, at_bob, sender, receiver, queue, text }
    }

    /// Those that come are each answered when their receiver lets go of them.
    async fn subscribe_slowly(&mut self) -> UnboundedReceiver<Taken> {
        let (sink, come) = Sink::of_chunks();
        let answer = self.receiver.subscribe_chunks(&self.at_bob, &self.queue, sink).await;
        assert_eq!(answer, Ok(Done::Plain));
        come
    }

    /// Those that come are answered at once.
    async fn subscribe(&mut self) -> UnboundedReceiver<ChunkWaiting> {
        let mut slowly = self.subscribe_slowly().await;
        let (take, come) = unbounded_channel();
        tokio::task::spawn_local(async move {
            while let Some(taken) = slowly.recv().await {
                let _ = take.send(taken.waiting);
            }
        });
        come
    }

    async fn acknowledge(&mut self, numbers: impl IntoIterator<Item = u32>) {
        let ids: Vec<_> = numbers.into_iter().map(|number| chunk(number).id).collect();
        let answer = self.receiver.acknowledge_chunks(&self.at_bob, &self.queue, &ids).await;
        assert_eq!(answer, Ok(Done::Plain));
    }

    /// Puts these, so many at a time.
    async fn put(&mut self, numbers: std::ops::Range<u32>) {
        let mut under_way = FuturesUnordered::new();
        for number in numbers {
            if under_way.len() == CHUNKS_UNANSWERED_MAX {
                assert_eq!(under_way.next().await, Some(Ok(Ok(Done::Plain))));
            }
            under_way.push(self.sender.put_chunk(&self.at_alice, number));
        }
        while let Some(answer) = under_way.next().await {
            assert_eq!(answer, Ok(Ok(Done::Plain)));
        }
    }
}

async fn bulk(carrier: &carrier::Client, relay: RelayId, key: u8) -> Open {
    try_open_for(carrier, relay, key, Lane::Bulk).await.unwrap()
}

#[test]
fn chunks_go_from_one_client_to_another_in_order_once_and_whole() {
    run(|| async {
        let mut pair = Pair::new().await;
        pair.put(0..20).await;
        pair.put(10..20).await;
        let mut come = pair.subscribe().await;
        pair.put(20..60).await;
        for number in 0..60 {
            assert!(come.recv().await.unwrap() == chunk(number), "{number}");
            pair.acknowledge([number]).await;
        }
        pair.put(0..60).await;
        assert!(come.try_recv().is_err(), "what was acked does not come again");
    });
}

#[test]
fn chunks_are_fetched_by_name_while_others_lie_in_the_way() {
    run(|| async {
        let mut pair = Pair::new().await;
        pair.put(0..60).await;
        let mut waiting = pair.subscribe().await;
        let (sink, mut come) = Sink::of_chunks();
        // Whoever takes the subscription's chunks takes no more than is un-acked.
        let mut kept = 0;
        while kept < CHUNKS_UNACKED_MAX {
            waiting.recv().await.unwrap();
            kept += 1;
        }
        let named = [50, 70, 40].map(|number| chunk(number).id).to_vec();
        let Pair { receiver, at_bob, queue, .. } = &mut pair;
        let taking = async {
            for number in [50, 40] {
                assert!(come.recv().await.unwrap().waiting == chunk(number));
            }
        };
        let (answer, ()) = futures::join!(receiver.fetch_chunks(at_bob, queue, named, sink), taking);
        assert_eq!(answer, Ok(Done::Plain));
        assert!(come.recv().await.is_none(), "the sink is let go of");
        assert!(waiting.try_recv().is_err());
    });
}

/// Its window runs out: what is on its way to it stays a few chunks, and a text to the same person does not notice.
#[test]
fn a_reader_who_takes_nothing_holds_the_relay_back_and_no_text() {
    run(|| async {
        let mut pair = Pair::new().await;
        pair.put(0..60).await;
        let mut come = pair.subscribe_slowly().await;
        let first = come.recv().await.unwrap();
        let mut second = Vec::new();
        // The text's way is as long as the chunks', so by then they would have come.
        let mut texts = Receiver::new(1);
        for _ in 0..20 {
            let answer = texts.acknowledge(&pair.text, &pair.queue, &[]).await;
            assert_eq!(answer, Ok(Done::Plain));
            while let Ok(taken) = come.try_recv() {
                second.push(taken);
            }
        }
        assert!(second.len() <= 1, "{}", second.len());
        drop((first, second));
        let mut number = 1;
        while number < u32::try_from(CHUNKS_UNACKED_MAX).unwrap() - 1 {
            come.recv().await.unwrap();
            number += 1;
        }
    });
}

#[test]
fn what_was_on_its_way_when_a_circuit_died_is_repeated_on_the_next_and_lies_there_once() {
    run(|| async {
        let mut pair = Pair::new().await;
        pair.put(0..5).await;
        let calls: Vec<_> = (5..10).map(|number| pair.sender.put_chunk(&pair.at_alice, number)).collect();
        pair.alice.join_netd(pair._hub.add());
        for answer in futures::future::join_all(calls).await {
            assert!(matches!(answer, Ok(Ok(Done::Plain)) | Err(Failed::Gone)), "{answer:?}");
        }
        let carrier = pair.alice.carrier();
        pair.at_alice = loop {
            pair.alice.knows(5).await;
            if let Ok(opened) = try_open_for(&carrier, pair.at_alice.relay, 2, Lane::Bulk).await {
                break opened;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        pair.put(0..10).await;
        let mut come = pair.subscribe().await;
        let mut numbers = std::collections::BTreeSet::new();
        for _ in 0..10 {
            numbers.insert(come.recv().await.unwrap().id);
        }
        assert_eq!(numbers, (0..10).map(|number| chunk(number).id).collect());
        pair.acknowledge(0..10).await;
        assert!(come.try_recv().is_err());
    });
}
