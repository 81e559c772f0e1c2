//! Guests made by hand: core modules in text form, joined with the interface to components.

use std::path::Path;
use std::time::Duration;

use strowger_host::{Host, Limits, LoadedService, Settings};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// What a guest made by hand does; a guest that does nothing by default.
pub(crate) struct Guest {
    /// The body of `constructor`: parameters are the setup; leaves a handle.
    pub(crate) make: &'static str,
    /// The body of `handle`: `$kind` is the number of the event's kind, `$length` that of the message that comes with a
    /// request; leaves the place of the list.
    pub(crate) handle: &'static str,
    /// The body of `key`: parameters are place and length of the request; leaves the place of the answer.
    pub(crate) key: &'static str,
    /// What `has-keys` gives.
    pub(crate) has_keys: u32,
    /// What `hears-completed` gives.
    pub(crate) hears_completed: u32,
    /// The body of `save`: the parameter is the instance; leaves the place of the answer.
    pub(crate) save: &'static str,
    /// The body of `restore`: parameters are setup, moment, and place and length of what was saved; leaves the place of
    /// the answer.
    pub(crate) restore: &'static str,
    /// The body of `check-config`: parameters are place and length of the settings; leaves the place of the answer.
    pub(crate) check_config: &'static str,
    /// Pages of memory it begins with.
    pub(crate) pages: u64,
    /// What else is in the module.
    pub(crate) more: String,
}

/// Bytes of memory that a guest begins with.
pub(crate) const MEMORY: u64 = 2 << 16;

/// The body of a `handle` that answers the first event of a leg with its commands and nothing else.
pub(crate) const FIRST_ONLY: &str =
    "(if (result i32) (local.get $kind) (then (i32.const 0)) (else (i32.const 16)))";

/// The place of an empty list, and of no key.
pub(crate) const NOTHING: &str = "(i32.const 0)";
/// Leaves the place of an error without a text.
const REFUSED: &str = "(i32.store8 (i32.const 65000) (i32.const 1)) (i32.const 65000)";
/// The place of the list of `commands`.
pub(crate) const COMMANDS: &str = "(i32.const 16)";

impl Default for Guest {
    fn default() -> Self {
        Self {
            make: "(call $new (i32.const 1))",
            handle: NOTHING,
            key: NOTHING,
            has_keys: 1,
            hears_completed: 1,
            save: NOTHING,
            restore: REFUSED,
            check_config: NOTHING,
            pages: 2,
            more: String::new(),
        }
    }
}

impl Guest {
    /// A guest that answers every event with these commands, `count` of them, of 56 bytes each and written as the
    /// canonical ABI has it.
    pub(crate) fn giving(count: u32, commands: &[u8]) -> Self {
        let mut data = Vec::new();
        data.extend_from_slice(&64_u32.to_le_bytes());
        data.extend_from_slice(&count.to_le_bytes());
        data.resize(48, 0);
        data.extend_from_slice(commands);
        let data: String = data.iter().map(|byte| format!("\\{byte:02x}")).collect();
        Self {
            handle: COMMANDS,
            more: format!("(data (i32.const 16) \"{data}\")"),
            ..Self::default()
        }
    }

    fn text(&self) -> String {
        let Self {
            make,
            handle,
            key,
            has_keys,
            hears_completed,
            save,
            restore,
            check_config,
            pages,
            more,
        } = self;
        format!(
            r#"(module
              (import "strowger:service/host@0.1.0" "log" (func $log (param i32 i32 i32)))
              (import "[export]strowger:service/service@0.1.0" "[resource-new]instance"
                (func $new (param i32) (result i32)))
              (memory (export "memory") {pages})
              (global $top (mut i32) (i32.const 65536))
              (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                (local $at i32)
                (local.set $at (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
                (global.set $top (i32.add (local.get $at) (local.get 3)))
                (local.get $at))
              (func (export "strowger:service/service@0.1.0#[constructor]instance")
                (param $seed i64) (param i64 i32) (result i32)
                (global.set $top (i32.const 65536))
                {make})
              (func (export "strowger:service/service@0.1.0#[method]instance.handle")
                (param i32 i64) (param $last_leg i32) (param $kind i32) (param i64 i64) (param $length i32)
                (param i64 i32 i32 i32 i32 i32 i64) (result i32)
                (local $i i32)
                (global.set $top (i32.const 65536))
                {handle})
              (func (export "strowger:service/service@0.1.0#key") (param i32 i32) (result i32)
                (global.set $top (i32.const 65536))
                {key})
              (func (export "strowger:service/service@0.1.0#has-keys") (result i32) (i32.const {has_keys}))
              (func (export "strowger:service/service@0.1.0#hears-completed") (result i32) (i32.const {hears_completed}))
              (func (export "strowger:service/service@0.1.0#takes-http") (result i32) (i32.const 0))
              (func (export "strowger:service/service@0.1.0#http-key") (param i32 i32 i32 i32 i32 i32 i32 i32 i64) (result i32)
                {NOTHING})
              (func (export "strowger:service/service@0.1.0#check-config") (param i32 i32) (result i32)
                {check_config})
              (func (export "strowger:service/service@0.1.0#[method]instance.save") (param i32) (result i32)
                {save})
              (func (export "strowger:service/service@0.1.0#[static]instance.restore")
                (param i64 i64 i32) (param i64 i32 i32 i32 i32 i32 i32) (param $saved i32) (param $length i32) (result i32)
                (global.set $top (i32.const 65536))
                {restore})
              {more})"#
        )
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        component(&self.text())
    }

    pub(crate) fn load(&self) -> LoadedService {
        self.load_with(limits())
    }

    pub(crate) fn load_with(&self, limits: Limits) -> LoadedService {
        host().load(&self.bytes(), limits).unwrap()
    }
}

pub(crate) fn host() -> Host {
    Host::new(Settings::default()).unwrap()
}

/// Limits that keep the tests short: their guests do next to nothing or go on for ever.
pub(crate) fn limits() -> Limits {
    Limits {
        memory: 1 << 20,
        budget: Duration::from_millis(10),
        instances: 100,
        ..Limits::default()
    }
}

/// A component of the world of services.
fn component(module: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
    let (package, _) = resolve.push_dir(wit).unwrap();
    let world = resolve.select_world(&[package], Some("loadable")).unwrap();
    let mut module = wat::parse_str(module).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    encode(&module)
}

/// A component of a module that says itself what world it is of.
pub(crate) fn encode(module: &[u8]) -> Vec<u8> {
    let encoder = ComponentEncoder::default().module(module).unwrap();
    encoder.validate(true).encode().unwrap()
}

/// One command as the canonical ABI has it: its number, and what follows at the eighth byte.
pub(crate) fn command(number: u8, fields: &[u32]) -> [u8; 56] {
    let mut bytes = [0; 56];
    bytes[0] = number;
    for (field, place) in fields.iter().zip(bytes[8..].chunks_exact_mut(4)) {
        place.copy_from_slice(&field.to_le_bytes());
    }
    bytes
}
