//! Relay crypto: a relay's share of one cell, against plain AES-128-CTR over the same bytes.

use aes::cipher::{KeyIvInit, StreamCipher};
use onion::cell::BODY_BYTES;
use onion::cell::cgo::{ClientLayer, ClientLayers, RelayHalf, SEED_BYTES};

use crate::report::{Report, per_second};

pub fn measure(report: &mut Report) {
    let mut body = [7_u8; BODY_BYTES];
    let mut half = RelayHalf::new(&[3; SEED_BYTES]);
    let ours = per_second(|| {
        std::hint::black_box(half.outward(std::hint::black_box(&mut body)));
    });
    let mut plain = ctr::Ctr128BE::<aes::Aes128>::new(&[1; 16].into(), &[2; 16].into());
    let aes = per_second(|| plain.apply_keystream(std::hint::black_box(&mut body)));
    report.against(
        "CGO cells/s a core, one hop at a relay",
        "cells/s",
        ours,
        ("AES-128-CTR, same bytes", aes.clone()),
        "≥ 0.30",
    );

    let mut layers = ClientLayers::default();
    for hop in 0..4 {
        layers.push(ClientLayer::new(&[hop; SEED_BYTES], &[hop + 9; SEED_BYTES]));
    }
    let ours = per_second(|| {
        std::hint::black_box(layers.wrap(3, std::hint::black_box(&mut body)));
    });
    report.against(
        "CGO cells/s a core, client, four hops",
        "cells/s",
        ours,
        ("AES-128-CTR, same bytes", aes),
        "-",
    );
}
