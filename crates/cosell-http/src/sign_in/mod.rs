//! Access tokens from Microsoft Entra, or any service that speaks OAuth 2.0.
//!
//! | who signs in | how | gives |
//! |---|---|---|
//! | a person, once, with a browser here | [`BrowserSignIn`]: authorization code with PKCE | access and refresh token |
//! | a person, once, with a browser elsewhere | [`DeviceSignIn`]: device code | access and refresh token |
//! | that person, from then on, unattended | [`RefreshToken`] | access token; the newest refresh token goes to a [`RefreshTokenStore`] |
//! | the application itself | [`ClientCredentials`] | access token |
//! | an identity that Azure vouches for | `AzureTokens` (feature `azure_identity`): managed identity, workload identity | access token |
//!
//! An [`App`] says where and as which application all of them ask, and how it proves itself.
//! The last two are [`TokenProvider`](crate::TokenProvider)s that fetch a new token each time
//! they are asked: wrap them in [`CachedTokens`], and in [`WatchedTokens`] to be warned before
//! a sign-in dies. All requests go through a [`Transport`](crate::Transport), so that sign-in
//! runs against a double in process, too.
//!
//! v2.0 endpoints come first ([`TokenEndpoint::entra`]); the older ones, which give their
//! numbers as text, are understood as well ([`TokenEndpoint::entra_v1`]).
//!
#![doc = include_str!("unattended.md")]

mod advice;
mod app;
#[cfg(feature = "azure_identity")]
mod azure;
mod browser;
mod cached;
#[cfg(feature = "certificate")]
mod certificate;
mod challenge;
mod check;
mod claims;
mod cloud;
mod denial;
#[cfg(feature = "certificate")]
mod der;
mod device;
mod endpoint;
mod grant;
mod health;
#[cfg(feature = "login")]
mod loopback;
#[cfg(feature = "certificate")]
mod pem;
mod store;
#[cfg(feature = "token-file")]
mod token_file;
mod wire;

pub use advice::Cure;
pub use app::{App, ClientAssertion};
#[cfg(feature = "azure_identity")]
#[cfg_attr(docsrs, doc(cfg(feature = "azure_identity")))]
pub use azure::{AzureOptions, AzureTokens};
pub use browser::{BrowserOptions, BrowserSignIn, SignedIn};
pub use cached::CachedTokens;
#[cfg(feature = "certificate")]
#[cfg_attr(docsrs, doc(cfg(feature = "certificate")))]
pub use certificate::ClientCertificate;
pub use challenge::ClaimsChallenge;
pub use check::{Expected, Finding, FindingKind};
pub use claims::Claims;
pub use cloud::Cloud;
pub use denial::{Denial, DenialKind};
pub use device::DeviceSignIn;
pub use endpoint::{ENTRA_AUTHORITY, TokenEndpoint};
pub use grant::{ClientCredentials, RefreshToken};
pub use health::{HealthOptions, SignInHealth, Warning, WatchedTokens};
#[cfg(feature = "login")]
#[cfg_attr(docsrs, doc(cfg(feature = "login")))]
pub use loopback::Loopback;
pub use store::{KeptToken, MemoryRefreshToken, RefreshTokenStore};
#[cfg(feature = "token-file")]
#[cfg_attr(docsrs, doc(cfg(feature = "token-file")))]
pub use token_file::{TokenFile, TokenFileKey};

pub(crate) use advice::cure;
