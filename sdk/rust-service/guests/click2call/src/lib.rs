//! The click-to-call service as a component.

strowger_component::component!(strowger_click2call::Click2Call);
