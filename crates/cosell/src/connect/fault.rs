//! What is wrong with a connection, all of it at once.

use std::fmt;

use cosell_http::ErrorKind;
use cosell_mapping::rules::{Fault, Unreviewed};

/// Which service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Partner Center.
    PartnerCenter,
    /// Dynamics 365.
    Dynamics,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PartnerCenter => "Partner Center",
            Self::Dynamics => "Dynamics 365",
        })
    }
}

/// One thing that is wrong with a connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectFault {
    /// A service cannot be worked with.
    Service {
        /// Which.
        service: Service,
        /// What the call came to.
        error: cosell_http::Error,
        /// What to do.
        cure: &'static str,
    },
    /// The mapping does not fit the services.
    Mapping(Fault),
    /// Nobody reviewed the mapping for this environment.
    Unreviewed(Unreviewed),
}

impl fmt::Display for ConnectFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service {
                service,
                error,
                cure,
            } => write!(f, "{service}: {error}; {cure}"),
            Self::Mapping(fault) => fault.fmt(f),
            Self::Unreviewed(unreviewed) => unreviewed.fmt(f),
        }
    }
}

impl ConnectFault {
    pub(super) fn new(service: Service, error: cosell_http::Error) -> Self {
        let cure = match (service, error.kind()) {
            (_, ErrorKind::SignIn) => {
                "check tenant, client id and secret, or sign in again to get a new refresh token"
            }
            (_, ErrorKind::Transport) => "check the address and that this machine reaches it",
            (Service::PartnerCenter, ErrorKind::Denied) => {
                "give the user the role Referrals Admin and sign in with multi-factor \
                 authentication"
            }
            (Service::Dynamics, ErrorKind::Denied) => {
                "add the application as an application user of the environment, with rights on \
                 opportunities, accounts and currencies"
            }
            (Service::Dynamics, ErrorKind::Refused | ErrorKind::NotFound) => {
                "check the address, and that the connector's columns exist under the configured \
                 names"
            }
            (_, ErrorKind::Malformed) => "check that the address is the service's own",
            _ => "check the address; if it is right, try again later",
        };
        Self::Service {
            service,
            error,
            cure,
        }
    }
}

/// The integration cannot begin. Nothing was written.
#[derive(Debug)]
#[non_exhaustive]
pub struct ConnectError {
    /// Everything that is wrong.
    pub faults: Vec<ConnectFault>,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, fault) in self.faults.iter().enumerate() {
            let between = if place == 0 { "" } else { "\n" };
            write!(f, "{between}{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConnectError {}
