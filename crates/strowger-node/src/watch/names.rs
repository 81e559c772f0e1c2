//! The words by which records, logs, traces and ladders name causes.

use jsip_stack::EndCause;
use strowger_channel::LostCause;

/// Why a dialog ended, in a word.
pub const fn cause_name(cause: EndCause) -> &'static str {
    match cause {
        EndCause::Bye => "bye",
        EndCause::Cancelled => "cancelled",
        EndCause::Refused => "refused",
        EndCause::Completed => "completed",
        EndCause::TimedOut => "timed_out",
        EndCause::ChannelLost => "channel_lost",
        EndCause::Finished => "service_finished",
    }
}

/// Why a channel is gone, in a word.
pub const fn lost_name(cause: LostCause) -> &'static str {
    match cause {
        LostCause::RetentionOver => "retention_over",
        LostCause::OutboxFull => "outbox_full",
        LostCause::EndedByUser => "ended_by_user",
        LostCause::EndedByOperator => "ended_by_operator",
        LostCause::LinkFailed => "link_failed",
    }
}
