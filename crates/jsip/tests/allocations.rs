//! How often the way of a message through the codec allocates.
#![allow(
    unsafe_code,
    reason = "counting allocations takes a global allocator, which is an unsafe trait"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use jsip::{Limits, Message};

mod samples;

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

fn count() {
    // Fails only while a thread ends, when nothing is measured.
    let _ = COUNT.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of this very method.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[track_caller]
fn check(text: &str) {
    let before = COUNT.get();
    let Ok(Message::Request(mut request)) = Message::decode(text, &Limits::default()) else {
        panic!("a request")
    };
    request.set_request_uri("bob@node-7.example.net");
    request.set_dialog_id("n7-3-0000000000004f2a");
    let encoded = request.encode();
    let allocations = COUNT.get() - before;
    assert!(encoded.contains("n7-3-0000000000004f2a"));
    assert!(allocations > 0, "nothing is counted");
    assert!(allocations <= 4, "{allocations} allocations");
}

#[test]
fn a_message_takes_at_most_four_allocations() {
    let text = samples::message();
    assert!((280..340).contains(&text.len()), "{} bytes", text.len());
    check(&text);
}

#[test]
fn an_invite_with_an_offer_takes_at_most_four_allocations() {
    let text = samples::invite();
    assert!((2800..3300).contains(&text.len()), "{} bytes", text.len());
    check(&text);
}
