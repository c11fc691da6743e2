//! Compiles `content.capnp`.

#![allow(clippy::expect_used, reason = "a build script's only caller is the person building")]

fn main() {
    println!("cargo:rerun-if-changed=content.capnp");
    capnpc::CompilerCommand::new()
        .default_parent_module(vec!["content".into(), "generated".into()])
        .file("content.capnp")
        .run()
        .expect("capnp (Debian: capnproto, libcapnp-dev) must be installed");
}
