use super::*;
use proptest::prelude::*;
use serde_json::Value;

fn vectors(kind: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("../../../../tests/vectors/cgo.json")).unwrap();
    let list = all[kind].as_array().unwrap().clone();
    assert!(list.len() >= 12, "the published list is not empty");
    list
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

fn fixed<const N: usize>(value: &Value) -> [u8; N] {
    bytes(value).try_into().unwrap()
}

fn split(keys: &[u8]) -> Vec<Tag> {
    keys.chunks(16).map(|key| key.try_into().unwrap()).collect()
}

#[test]
fn the_published_prf_vectors_come_out() {
    for case in vectors("prf") {
        let keys = split(&bytes(&case["key"]));
        let i = case["t"].as_u64().unwrap();
        let want = bytes(&case["output"]);
        let got: [Block; STREAM_BLOCKS] =
            Prf::new(&keys[0], &keys[1]).blocks(&fixed(&case["tweak"]), u128::from(i));
        assert_eq!(got.concat()[..want.len()], want[..]);
        assert_eq!(model::prf(&keys.concat(), &bytes(&case["tweak"]), u128::from(i), want.len()), want);
    }
}

#[test]
fn the_published_et_vectors_come_out() {
    for case in vectors("et") {
        let keys = split(&bytes(&case["key"]));
        let mut tweak = bytes(&case["tweak"]);
        assert_eq!(tweak.len(), 510);
        tweak.resize(512, 0);
        let tweak: [u8; TWEAK_BYTES] = tweak.try_into().unwrap();
        let mut left: Tag = fixed(&case["message"]);
        if case["encrypt"].as_bool().unwrap() {
            Et::<Aes128Enc>::new(&keys[0], &keys[1]).apply(&tweak, &mut left);
        } else {
            Et::<Aes128Dec>::new(&keys[0], &keys[1]).apply(&tweak, &mut left);
        }
        assert_eq!(left[..], bytes(&case["output"]));
    }
}

#[test]
fn the_published_uiv_vectors_come_out() {
    for case in vectors("uiv") {
        let keys = split(&bytes(&case["keys"]));
        let keys = [&keys[0], &keys[1], &keys[2], &keys[3]];
        let h = bytes(&case["h"]);
        let (chained, command): (Tag, u8) = (h[..16].try_into().unwrap(), h[16]);
        let mut body: [u8; BODY_BYTES] =
            [bytes(&case["x_left"]), bytes(&case["x_right"])].concat().try_into().unwrap();
        if case["encrypt"].as_bool().unwrap() {
            Uiv::<Aes128Enc>::new(keys).encrypt(&chained, command, &mut body);
        } else {
            Uiv::<Aes128Dec>::new(keys).decrypt(&chained, command, &mut body);
        }
        assert_eq!(body[..], [bytes(&case["y_left"]), bytes(&case["y_right"])].concat());
    }
}

#[test]
fn the_published_relay_vectors_come_out() {
    for case in vectors("relay") {
        let seed: [u8; SEED_BYTES] =
            [bytes(&case["state"]["keys"]), bytes(&case["state"]["nonce"])].concat().try_into().unwrap();
        let mut state = State::<Aes128Enc>::new(&seed);
        state.chained = fixed(&case["state"]["tag"]);
        let mut body: [u8; BODY_BYTES] = [bytes(&case["t"]), bytes(&case["c"])].concat().try_into().unwrap();
        let command: [u8; 1] = fixed(&case["ad"]);
        // The vectors name their own command byte, and hold no cell that is recognised.
        state.chained = state.uiv.encrypt(&state.chained, command[0], &mut body);
        assert!(!state.recognises(&state.chained));
        assert_eq!(body[..], [bytes(&case["out_t"]), bytes(&case["out_c"])].concat());
        assert_eq!(state.chained, fixed(&case["out_state"]["tag"]));
        assert_eq!(state.nonce, fixed(&case["out_state"]["nonce"]));
        assert_eq!(
            bytes(&case["state"]["keys"]),
            bytes(&case["out_state"]["keys"]),
            "no update without recognition"
        );
    }
}

fn seed(rng: &mut impl rand_core::Rng) -> [u8; SEED_BYTES] {
    let mut seed = [0; SEED_BYTES];
    rng.fill_bytes(&mut seed);
    seed
}

struct Net {
    client: ClientLayers,
    relays: Vec<(RelayHalf, RelayHalf)>,
    model: Vec<(model::Hop, model::Hop)>,
}

fn net(hops: usize, rng: &mut impl rand_core::Rng) -> Net {
    let mut net = Net { client: ClientLayers::default(), relays: Vec::new(), model: Vec::new() };
    for _ in 0..hops {
        let (towards, back) = (seed(rng), seed(rng));
        net.client.push(ClientLayer::new(&towards, &back));
        net.relays.push((RelayHalf::new(&towards), RelayHalf::new(&back)));
        net.model.push((model::Hop::new(&towards), model::Hop::new(&back)));
    }
    net
}

fn message(rng: &mut impl rand_core::Rng) -> [u8; BODY_BYTES] {
    let mut body = [0; BODY_BYTES];
    rng.fill_bytes(&mut body[16..]);
    body
}

/// The model's client wraps for `hop`.
fn model_wrap(hops: &mut [(model::Hop, model::Hop)], hop: usize, message: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut cell = [&hops[hop].0.n[..], &message[16..]].concat();
    cell = hops[hop].0.client(&cell);
    let tag = hops[hop].0.t.clone();
    hops[hop].0.update();
    for nearer in (0..hop).rev() {
        cell = hops[nearer].0.client(&cell);
    }
    (cell, tag)
}

impl Net {
    fn out_and_check(&mut self, hop: usize, content: &[u8; BODY_BYTES]) {
        let mut cell = *content;
        let tag = self.client.wrap(hop, &mut cell).unwrap();
        let (model_cell, model_tag) = model_wrap(&mut self.model, hop, content);
        assert_eq!(cell[..], model_cell, "the client's cell is the model's");
        assert_eq!(tag[..], model_tag);
        for relay in 0..hop {
            assert_eq!(self.relays[relay].0.outward(&mut cell), None, "relay {relay} passes it on");
        }
        assert_eq!(self.relays[hop].0.outward(&mut cell), Some(tag));
        assert_eq!(cell[16..], content[16..]);
    }

    fn back_and_check(&mut self, hop: usize, content: &[u8; BODY_BYTES]) {
        let mut cell = *content;
        let tag = self.relays[hop].1.originate(&mut cell);
        let back = &mut self.model[hop].1;
        let mut model_cell = back.relay(&[&back.n[..], &content[16..]].concat());
        back.update();
        for relay in (0..hop).rev() {
            self.relays[relay].1.inward(&mut cell);
            model_cell = self.model[relay].1.relay(&model_cell);
        }
        assert_eq!(cell[..], model_cell, "what reaches the client is the model's");
        assert_eq!(self.client.unwrap(&mut cell), Some((hop, tag)));
        assert_eq!(cell[16..], content[16..]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn cells_of_three_and_four_hops_agree_with_the_model_both_ways(
        hops in 3_usize..=4,
        steps in prop::collection::vec((any::<bool>(), 0_usize..4), 1..40),
        start in any::<u64>(),
    ) {
        use rand_core::SeedableRng;
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(start);
        let mut net = net(hops, &mut rng);
        for (out, hop) in steps {
            let content = message(&mut rng);
            if out { net.out_and_check(hop % hops, &content) } else { net.back_and_check(hop % hops, &content) }
        }
    }

    #[test]
    fn one_flipped_bit_on_any_link_makes_that_cell_and_all_later_ones_noise(
        at in 0_usize..BODY_BYTES * 8, link in 0_usize..4, start in any::<u64>(),
    ) {
        use rand_core::SeedableRng;
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(start);
        let mut net = net(4, &mut rng);
        for flip in [true, false, false] {
            let content = message(&mut rng);
            let mut cell = content;
            net.client.wrap(3, &mut cell).unwrap();
            for relay in 0..4 {
                if flip && relay == link { cell[at / 8] ^= 1 << (at % 8); }
                prop_assert_eq!(net.relays[relay].0.outward(&mut cell), None);
            }
            let same = cell[16..].iter().zip(&content[16..]).filter(|(a, b)| a == b).count();
            prop_assert!(same < 40, "{} of 493 bytes survived", same);
        }
    }

    #[test]
    fn one_flipped_bit_on_the_way_back_is_recognised_by_nobody(
        at in 0_usize..BODY_BYTES * 8, link in 0_usize..4, start in any::<u64>(),
    ) {
        use rand_core::SeedableRng;
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(start);
        let mut net = net(4, &mut rng);
        for flip in [true, false] {
            let mut cell = message(&mut rng);
            net.relays[3].1.originate(&mut cell);
            for relay in (0..4).rev() {
                if relay < 3 { net.relays[relay].1.inward(&mut cell); }
                if flip && relay == link { cell[at / 8] ^= 1 << (at % 8); }
            }
            prop_assert_eq!(net.client.unwrap(&mut cell), None);
        }
    }
}

#[test]
fn a_replayed_cell_is_not_recognised_again() {
    use rand_core::SeedableRng;
    let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(5);
    let mut net = net(1, &mut rng);
    let mut cell = message(&mut rng);
    net.client.wrap(0, &mut cell).unwrap();
    let again = cell;
    assert!(net.relays[0].0.outward(&mut cell).is_some());
    assert_eq!(net.relays[0].0.outward(&mut { again }), None);
}

#[test]
fn nothing_of_the_keys_is_printed() {
    let half = RelayHalf::new(&[7; SEED_BYTES]);
    assert_eq!(format!("{half:?}"), "RelayHalf(redacted)");
    assert_eq!(format!("{:?}", ClientLayers::default()), "ClientLayers(0 hops, redacted)");
}
