//! The relay service as a component.

strowger_component::component!(strowger_relay::Relay);
