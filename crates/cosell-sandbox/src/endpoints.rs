//! Where a served sandbox is found.

use serde::Serialize;

/// Where a served sandbox is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Endpoints {
    /// Token endpoint's base address, such as `http://127.0.0.1:7001`.
    pub sign_in: String,
    /// Partner Center's.
    pub partner_center: String,
    /// The Dataverse environment's.
    pub dataverse: String,
    /// Webhook registration's.
    pub webhooks: String,
    /// Address of the control API, ending in `/_sandbox/`.
    pub control: String,
}
