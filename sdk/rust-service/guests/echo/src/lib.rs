//! The echo service as a component.

strowger_component::component!(strowger_echo::Echo);
