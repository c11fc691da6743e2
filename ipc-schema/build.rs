//! Compiles `grant.capnp` and every edge.

#![allow(clippy::expect_used, reason = "a build script's only caller is the person building")]

fn main() {
    let mut command = capnpc::CompilerCommand::new();
    command.src_prefix(".").default_parent_module(vec!["generated".into()]).file("grant.capnp");
    println!("cargo:rerun-if-changed=edges");
    println!("cargo:rerun-if-changed=grant.capnp");
    let mut edges: Vec<_> = std::fs::read_dir("edges")
        .expect("edges/ is part of the crate")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "capnp"))
        .collect();
    edges.sort();
    for edge in edges {
        command.file(edge);
    }
    command.run().expect("capnp (Debian: capnproto, libcapnp-dev) must be installed");
}
