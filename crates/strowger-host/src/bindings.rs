//! What `wit/strowger-service.wit` is in Rust, made from that file.

#![allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unused_qualifications,
    clippy::allow_attributes_without_reason,
    clippy::needless_pass_by_value,
    clippy::str_to_string,
    clippy::use_self,
    reason = "generated code"
)]

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "loadable",
});
