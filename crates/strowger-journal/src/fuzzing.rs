//! The body of the fuzz target: what must hold for any input. It panics where that does not.

use crate::Journal;

/// Any bytes as a journal: never a panic, and what is read is the same after it was written in either form.
pub fn journal(data: &[u8]) {
    let journal = match Journal::read(data) {
        Ok(journal) => journal,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let binary = journal.to_binary();
    assert_eq!(Journal::read(&binary).expect("what was written is read"), journal);
    let text = journal.to_text();
    let again = Journal::read(text.as_bytes()).expect("what was written is read");
    assert_eq!(again.to_text(), text);
    assert_eq!(again.records.len(), journal.records.len());
}
