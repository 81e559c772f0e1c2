//! Makes a component of a module that was built with `strowger-component`:
//! `cargo run -p strowger-host --example component -- MODULE COMPONENT`.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(module), Some(component)) = (arguments.next(), arguments.next()) else {
        return Err("two paths are needed: that of the module and that of the component".into());
    };
    let encoder = wit_component::ComponentEncoder::default().module(&std::fs::read(module)?)?;
    std::fs::write(component, encoder.validate(true).encode()?)?;
    Ok(())
}
