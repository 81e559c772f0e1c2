//! A Strowger service in Rust as a WebAssembly component.
//!
//! A service is written against `strowger_service` as a native one is: the same events, commands, legs, timers and
//! `async` scripts, and the same test kit, natively. [`component!`] makes a component of it:
//!
//! ```
//! use strowger_component::strowger_service::{Context, Event, Instance, Service};
//!
//! struct Silent;
//!
//! impl Service for Silent {
//!     fn start(&self) -> Box<dyn Instance> {
//!         Box::new(Self)
//!     }
//! }
//!
//! impl Instance for Silent {
//!     fn handle(&mut self, _: Event, cx: &mut Context<'_>) {
//!         cx.finish();
//!     }
//! }
//!
//! strowger_component::component!(Silent);
//! # fn main() {}
//! ```
//!
//! Built for `wasm32-unknown-unknown` as a `cdylib`, that exports the world `strowger:service/loadable`; built for
//! anything else it is nothing, so one crate can be linked into a server and loaded into another.

pub use strowger_service;

#[cfg(target_arch = "wasm32")]
mod convert;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod guest;
#[cfg(target_arch = "wasm32")]
mod store;

/// Exports a service from a component: give an expression that makes the service.
#[macro_export]
macro_rules! component {
    ($service:expr) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Author;

            impl $crate::guest::Author for Author {
                fn service() -> ::std::boxed::Box<dyn $crate::strowger_service::Service> {
                    ::std::boxed::Box::new($service)
                }
            }

            type Exported = $crate::guest::Exported<Author>;

    $crate::guest::export_loadable!(Exported with_types_in $crate::guest);
        };
    };
}
