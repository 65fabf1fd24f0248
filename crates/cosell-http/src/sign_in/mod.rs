//! Access tokens from Microsoft Entra, or any service that speaks OAuth 2.0.
//!
//! [`ClientCredentials`] signs in as the application itself (Dataverse), [`RefreshToken`] as the
//! person who once consented (Partner Center, which takes nothing else). Both fetch a new token
//! each time they are asked: wrap them in [`CachedTokens`]. All requests go through a
//! [`Transport`](crate::Transport), so sign-in runs against a double in process, too.
//!
//! Only v2.0 endpoints are understood: the older ones give the lifetime as text.

mod advice;
mod cached;
mod endpoint;
mod grant;

pub use cached::CachedTokens;
pub use endpoint::{ENTRA_AUTHORITY, TokenEndpoint};
pub use grant::{ClientCredentials, MemoryRefreshToken, RefreshToken, RefreshTokenStore};
