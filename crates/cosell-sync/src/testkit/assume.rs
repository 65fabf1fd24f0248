//! What the promises assume, so that it can be taken away.

/// An assumption of the project's specification, under its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Assumption {
    /// A1: a read by id is late by no more than the read lag.
    ReadLag,
    /// A2: what we made is found by its key within the find lag.
    FindLag,
    /// A3: a request takes effect within the lateness, or never.
    Lateness,
    /// A4: a conditional write takes effect only at the version that it names.
    ConditionalWrite,
    /// A5: all rows of one write take effect, or none.
    WholeWrite,
    /// A6: an edit moves the record's version.
    EditMovesVersion,
    /// A7: a change is told of.
    ChangeHinted,
    /// A8: nobody else writes our columns.
    OwnColumns,
    /// A9: a clock does not jump by more than the lease.
    SteadyClock,
    /// A10: one engine writes at a time.
    OneEngine,
}

impl Assumption {
    /// Every one, by number.
    pub const ALL: [Self; 10] = [
        Self::ReadLag,
        Self::FindLag,
        Self::Lateness,
        Self::ConditionalWrite,
        Self::WholeWrite,
        Self::EditMovesVersion,
        Self::ChangeHinted,
        Self::OwnColumns,
        Self::SteadyClock,
        Self::OneEngine,
    ];
}
