//! Code of services that panics ends an instance, never a shard.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs code of a service; a panic becomes its text. Nothing that the code may have left half done is looked at again:
/// the caller drops it.
pub(crate) fn guarded<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
        let text = format!("panicked: {}", panic_text(panic.as_ref()));
        dispose(panic);
        text
    })
}

/// Drops something of a service, whose destructor may panic as well.
pub(crate) fn dispose<T>(value: T) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        // It may go on like this for ever; a leak ends it.
        std::mem::forget(panic);
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_text() {
        assert_eq!(guarded(|| 7), Ok(7));
        assert_eq!(
            guarded(|| panic!("no {}", "way")),
            Err::<(), _>("panicked: no way".to_owned())
        );
        assert_eq!(
            guarded(|| std::panic::panic_any(1_u8)),
            Err::<(), _>("panicked: no message".to_owned())
        );
    }

    #[test]
    fn a_destructor_may_panic_with_something_that_panics() {
        struct Bomb(u8);
        impl Drop for Bomb {
            fn drop(&mut self) {
                if !std::thread::panicking() {
                    std::panic::panic_any(Self(self.0 + 1));
                }
            }
        }
        dispose(Bomb(0));
        assert!(guarded(|| std::panic::panic_any(Bomb(0))).map(|()| 0).is_err());
    }
}
