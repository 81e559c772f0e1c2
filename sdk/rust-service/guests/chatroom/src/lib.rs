//! The chatroom service as a component: its rooms keep their members across an upgrade.

strowger_component::component!(strowger_chatroom::Chatroom::default());
