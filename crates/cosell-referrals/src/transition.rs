//! Where a referral may go: the service's table of states as a pure function.
//!
//! ```text
//!            accept              win, lose, error
//!   New ────────────────► Active ────────────────► Closed
//!    └── decline, error; after 14 days the service: expired ──►┘
//! ```
//! Nothing leads back, and nothing leads out of Closed. Each party's referral moves by itself.

use std::fmt;

use crate::{Profile, Referral, Status, Substatus};

/// Status and substatus, which change together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// Where it stands.
    pub status: Status,
    /// The finer step.
    pub substatus: Substatus,
}

impl State {
    /// New, without reaction.
    pub const PENDING: Self = Self::new(Status::New, Substatus::Pending);
    /// New, and has been received.
    pub const RECEIVED: Self = Self::new(Status::New, Substatus::Received);
    /// Active.
    pub const ACCEPTED: Self = Self::new(Status::Active, Substatus::Accepted);
    /// Closed with success.
    pub const WON: Self = Self::new(Status::Closed, Substatus::Won);
    /// Closed without success.
    pub const LOST: Self = Self::new(Status::Closed, Substatus::Lost);
    /// Closed by refusal before it was accepted.
    pub const DECLINED: Self = Self::new(Status::Closed, Substatus::Declined);
    /// Closed by the service: no answer in time.
    pub const EXPIRED: Self = Self::new(Status::Closed, Substatus::Expired);
    /// Closed because of an error.
    pub const ERROR: Self = Self::new(Status::Closed, Substatus::Error);

    /// A pair, consistent or not.
    pub const fn new(status: Status, substatus: Substatus) -> Self {
        Self { status, substatus }
    }
}

/// Who moves a referral.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// The organization whose referral it is: the partner for its own, a seller of Microsoft for
    /// Microsoft's.
    Owner,
    /// Another party of the engagement.
    Other,
    /// The service itself.
    Service,
}

/// What a move of the state is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// None: the state is named as it stands.
    Stay,
    /// It has been received. What brings this about is not published.
    Receive,
    /// Accepted.
    Accept,
    /// Refused before it was accepted.
    Decline,
    /// Nobody answered within 14 days.
    Expire,
    /// Won.
    Win,
    /// Lost.
    Lose,
    /// Closed as an error.
    CloseAsError,
}

impl Step {
    /// Who may take it.
    pub fn actors(self) -> &'static [Actor] {
        match self {
            Self::Stay | Self::Receive => &[Actor::Owner, Actor::Service],
            Self::Expire => &[Actor::Service],
            Self::Accept | Self::Decline | Self::Win | Self::Lose | Self::CloseAsError => {
                &[Actor::Owner]
            }
        }
    }
}

/// Why a move is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{}", self.rule())]
#[non_exhaustive]
pub enum Refused {
    /// The referral is closed.
    Closed,
    /// From Active back to New, or from received to pending.
    Backwards,
    /// Status and substatus do not belong together.
    NoPair,
    /// It has to be accepted before it is won or lost.
    NotAccepted,
    /// What was accepted is lost, not declined.
    AlreadyAccepted,
    /// Only what waits for an answer expires.
    NotWaiting,
    /// The move is another's.
    NotYours,
    /// One of the words is not published, so nothing can be said.
    Unpublished,
}

impl Refused {
    /// The rule, in words.
    pub fn rule(self) -> &'static str {
        match self {
            Self::Closed => "cannot move: the referral is closed",
            Self::Backwards => "cannot move back",
            Self::NoPair => "status and substatus do not belong together",
            Self::NotAccepted => "cannot be won or lost before it is accepted",
            Self::AlreadyAccepted => "cannot be declined: it is accepted",
            Self::NotWaiting => "cannot expire: it does not wait for an answer",
            Self::NotYours => "is moved by another party or by the service",
            Self::Unpublished => "a word is not published, so the move cannot be judged",
        }
    }

    /// What to do.
    pub fn cure(self) -> &'static str {
        match self {
            Self::Closed => "make a new referral",
            Self::Backwards => "leave it",
            Self::NoPair => "use the constants of State",
            Self::NotAccepted => "accept it first, or decline it",
            Self::AlreadyAccepted => "close it as lost",
            Self::NotWaiting => "leave it",
            Self::NotYours => "wait",
            Self::Unpublished => "ask the service",
        }
    }
}

/// Judges a move: which step it is, or why it is refused.
///
/// [`Profile::Strict`] allows what the portal offers; [`Profile::Lenient`] also what the service's
/// table of states does not forbid (winning, losing and un-receiving what is new, declining what
/// is accepted).
///
/// # Errors
/// [`Refused`], the first reason of: unpublished word, no pair, closed, the move itself, the actor.
///
/// ```
/// use cosell_referrals::{Actor, Profile, Refused, State, Step, judge};
///
/// let by = Actor::Owner;
/// assert_eq!(judge(&State::PENDING, &State::ACCEPTED, by, Profile::Strict), Ok(Step::Accept));
/// assert_eq!(judge(&State::WON, &State::LOST, by, Profile::Strict), Err(Refused::Closed));
/// ```
pub fn judge(from: &State, to: &State, by: Actor, profile: Profile) -> Result<Step, Refused> {
    let step = step(from, to, profile)?;
    if step.actors().contains(&by) {
        Ok(step)
    } else {
        Err(Refused::NotYours)
    }
}

fn step(from: &State, to: &State, profile: Profile) -> Result<Step, Refused> {
    for state in [from, to] {
        match (state.substatus.status(), &state.status) {
            (_, Status::Other(_) | Status::None) | (None, _) => return Err(Refused::Unpublished),
            (Some(belongs), status) if belongs != *status => return Err(Refused::NoPair),
            _ => {}
        }
    }
    if from == to {
        return Ok(Step::Stay);
    }
    let strict = profile == Profile::Strict;
    match (&from.status, &to.substatus) {
        (Status::Closed, _) => Err(Refused::Closed),
        (Status::New, Substatus::Received) => Ok(Step::Receive),
        (Status::New, Substatus::Pending) if !strict => Ok(Step::Stay),
        (_, Substatus::Pending | Substatus::Received) => Err(Refused::Backwards),
        (Status::New, Substatus::Accepted) => Ok(Step::Accept),
        (Status::New, Substatus::Won | Substatus::Lost) if strict => Err(Refused::NotAccepted),
        (Status::Active, Substatus::Declined) if strict => Err(Refused::AlreadyAccepted),
        (Status::New, Substatus::Expired) => Ok(Step::Expire),
        (_, Substatus::Expired) => Err(Refused::NotWaiting),
        (_, Substatus::Won) => Ok(Step::Win),
        (_, Substatus::Lost) => Ok(Step::Lose),
        (_, Substatus::Declined) => Ok(Step::Decline),
        (_, Substatus::Error) => Ok(Step::CloseAsError),
        _ => Err(Refused::Unpublished),
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.status, self.substatus)
    }
}

impl Referral {
    /// Status and substatus, if both are there and can be read.
    pub fn state(&self) -> Option<State> {
        let (status, substatus) = (self.status().ok()??, self.substatus().ok()??);
        Some(State { status, substatus })
    }
}
