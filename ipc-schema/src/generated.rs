//! What `capnpc` makes of `edges/*.capnp` and `grant.capnp`. Used in `serve.rs` and `peers/` only.
#![allow(
    warnings,
    clippy::all,
    clippy::pedantic,
    clippy::restriction,
    reason = "written by a program, read by nobody"
)]

macro_rules! edge {
    ($module:ident, $file:literal) => {
        #[allow(missing_docs)]
        pub mod $module {
            include!(concat!(env!("OUT_DIR"), "/", $file));
        }
    };
}

edge!(grant_capnp, "grant_capnp.rs");
edge!(ui_keyvault_capnp, "edges/ui_keyvault_capnp.rs");
edge!(ui_stored_capnp, "edges/ui_stored_capnp.rs");
edge!(stored_keyvault_capnp, "edges/stored_keyvault_capnp.rs");
edge!(stored_onion_capnp, "edges/stored_onion_capnp.rs");
edge!(stored_mediad_capnp, "edges/stored_mediad_capnp.rs");
edge!(onion_netd_capnp, "edges/onion_netd_capnp.rs");
edge!(onion_stored_capnp, "edges/onion_stored_capnp.rs");
edge!(operator_onion_capnp, "edges/operator_onion_capnp.rs");
