//! The clouds that sign in apart from each other.

use super::ENTRA_AUTHORITY;

/// A cloud with a sign-in of its own. Accounts of one mean nothing to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Cloud {
    /// The global cloud; also that of US local government (GCC).
    #[default]
    Public,
    /// US Government: GCC High and DoD.
    UsGovernment,
    /// China, run by 21Vianet.
    China,
}

impl Cloud {
    /// Where accounts of this cloud sign in, for [`TokenEndpoint::entra`](super::TokenEndpoint).
    pub const fn authority(self) -> &'static str {
        match self {
            Self::Public => ENTRA_AUTHORITY,
            Self::UsGovernment => "https://login.microsoftonline.us",
            Self::China => "https://login.partner.microsoftonline.cn",
        }
    }
}
