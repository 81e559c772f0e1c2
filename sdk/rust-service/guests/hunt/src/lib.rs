//! The hunt service as a component: `async` code in a guest.

strowger_component::component!(strowger_hunt::Hunt::default());
