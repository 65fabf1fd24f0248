//! The command line. Secrets come from the environment or from files, never from arguments,
//! which every user of the machine can list.

use std::path::PathBuf;

use clap::Parser;
use cosell_http::sign_in::ENTRA_AUTHORITY;
use url::Url;

const ENVIRONMENT: &str = "\
Environment:
  COSELL_TOKEN_KEY      key of the token file, 32 random bytes in base64 (see --new-key)
  COSELL_CLIENT_SECRET  secret of the app registration, if it has one";

/// Sign in once for unattended access to Partner Center referrals.
#[derive(Debug, Parser)]
#[command(version, about, after_help = ENVIRONMENT)]
pub(crate) struct Arguments {
    /// Play the whole sign-in against a double, with nobody at the keyboard.
    #[arg(long)]
    pub(crate) sandbox: bool,

    /// Tenant: its id or a verified domain.
    #[arg(long, required_unless_present_any = ["sandbox", "new_key"])]
    pub(crate) tenant: Option<String>,

    /// Client id of the app registration.
    #[arg(long, required_unless_present_any = ["sandbox", "new_key"])]
    pub(crate) client_id: Option<String>,

    /// Use a device code: the browser may be on another machine.
    #[arg(long)]
    pub(crate) device: bool,

    /// Do not sign in: try the token that is stored, and tell how it stands.
    #[arg(long, conflicts_with_all = ["device", "sandbox"])]
    pub(crate) check: bool,

    /// Answer the claims challenge of an earlier refusal: the JSON text that --check shows.
    #[arg(long, value_name = "JSON", conflicts_with_all = ["device", "check"])]
    pub(crate) claims: Option<String>,

    /// Print a new key for the token file, and end.
    #[arg(long)]
    pub(crate) new_key: bool,

    /// The file that keeps the refresh token.
    #[arg(long, default_value = "referrals.token")]
    pub(crate) store: PathBuf,

    /// PEM file with certificate and key, in the place of a secret.
    #[arg(long)]
    pub(crate) certificate: Option<PathBuf>,

    /// Redirect address as registered at the app; without a port any free one is taken.
    #[arg(long, default_value = "http://localhost")]
    pub(crate) redirect: String,

    /// Where accounts sign in.
    #[arg(long, default_value = ENTRA_AUTHORITY)]
    pub(crate) authority: Url,

    /// Sign in through the older endpoint, for apps that are bound to it.
    #[arg(long)]
    pub(crate) old_endpoint: bool,
}
