//! Who may sign in: the tenant, its applications and its users.

use std::fmt;

use chrono::TimeDelta;
use uuid::Uuid;

/// Tenant id of a sandbox with default options.
pub const TENANT: Uuid = Uuid::from_u128(0x5a4d_0000_0000_4000_8000_0000_0000_0001);
/// Client id of the registered application.
pub const CLIENT_ID: &str = "51d27a38-0c4e-4f60-9b7d-2f3e6a81c001";
/// Secret of the registered application. Known to everybody: it opens nothing but a sandbox.
pub const CLIENT_SECRET: &str = "sandbox-secret";
/// Client id of the registered application that has no secret, as a desktop program has it.
pub const PUBLIC_CLIENT_ID: &str = "51d27a38-0c4e-4f60-9b7d-2f3e6a81c002";
/// First refresh token of [`REFERRALS_USER`].
pub const REFRESH_TOKEN: &str = "sandbox-refresh-token";
/// The user who works referrals through the API: role `ReferralsAdmin`, multi-factor sign-in.
pub const REFERRALS_USER: &str = "referrals@fabrikam.example";
/// The person who edits referrals in the portal.
pub const PORTAL_USER: &str = "portal@fabrikam.example";
/// The seller who works in the CRM.
pub const CRM_SELLER: &str = "ana@fabrikam.example";

/// An application registered in the tenant, with the application user it is in Dataverse.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct App {
    /// Application (client) id.
    pub client_id: String,
    /// Client secret. A public client has none.
    pub secret: String,
    /// Certificates (DER) with which it may prove itself in the place of the secret.
    pub certificates: Vec<Vec<u8>>,
    /// Are public client flows allowed?
    pub public: bool,
    /// Addresses a browser may be sent back to. One on `http://localhost` without a port stands
    /// for all ports.
    pub redirects: Vec<String>,
    /// Object id of its service principal.
    pub object_id: Uuid,
}

impl App {
    /// An application with a secret; its object id follows from the client id.
    pub fn new(client_id: impl Into<String>, secret: impl Into<String>) -> Self {
        let client_id = client_id.into();
        Self {
            object_id: Uuid::new_v5(&TENANT, client_id.as_bytes()),
            client_id,
            secret: secret.into(),
            certificates: Vec::new(),
            public: false,
            redirects: vec![
                "http://localhost".into(),
                "https://localhost:8443/callback".into(),
            ],
        }
    }

    /// A public client.
    pub fn public(client_id: impl Into<String>) -> Self {
        let mut app = Self::new(client_id, "");
        app.public = true;
        app
    }

    /// Adds a certificate (DER).
    #[must_use]
    pub fn with_certificate(mut self, der: impl Into<Vec<u8>>) -> Self {
        self.certificates.push(der.into());
        self
    }

    /// Adds an address a browser may be sent back to.
    #[must_use]
    pub fn with_redirect(mut self, address: impl Into<String>) -> Self {
        self.redirects.push(address.into());
        self
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("client_id", &self.client_id)
            .field("object_id", &self.object_id)
            .finish_non_exhaustive()
    }
}

/// A person of the tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct User {
    /// Sign-in name.
    pub upn: String,
    /// Object id.
    pub object_id: Uuid,
    /// Role names in Partner Center.
    pub roles: Vec<String>,
    /// Do sign-ins of this user carry the multi-factor claim?
    pub mfa: bool,
    /// The `AADSTS` number with which the sign-in service refuses this user, if it does.
    pub blocked: Option<u32>,
    /// What Conditional Access asks of this user's sign-ins, as the JSON text of a claims challenge:
    /// tokens are refused with it until the user signs in in a browser and answers it.
    pub demanded: Option<String>,
}

impl User {
    /// A user with multi-factor sign-in and no role; the object id follows from the name.
    pub fn new(upn: impl Into<String>) -> Self {
        let upn = upn.into();
        Self {
            object_id: Uuid::new_v5(&TENANT, upn.as_bytes()),
            upn,
            roles: Vec::new(),
            mfa: true,
            blocked: None,
            demanded: None,
        }
    }

    /// Adds a role, such as `ReferralsAdmin`.
    #[must_use]
    pub fn with_role(mut self, role: impl Into<String>) -> Self {
        self.roles.push(role.into());
        self
    }

    /// Says whether sign-ins carry the multi-factor claim.
    #[must_use]
    pub fn with_mfa(mut self, mfa: bool) -> Self {
        self.mfa = mfa;
        self
    }
}

/// A refresh token that is valid from the start: the outcome of a person's earlier sign-in.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FirstSignIn {
    /// The token's text.
    pub refresh_token: String,
    /// Sign-in name of its user.
    pub upn: String,
    /// Client id of its application.
    pub client_id: String,
}

impl FirstSignIn {
    /// A refresh token of `upn` at the application `client_id`.
    pub fn new(
        refresh_token: impl Into<String>,
        upn: impl Into<String>,
        client_id: impl Into<String>,
    ) -> Self {
        Self {
            refresh_token: refresh_token.into(),
            upn: upn.into(),
            client_id: client_id.into(),
        }
    }
}

impl fmt::Debug for FirstSignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FirstSignIn")
            .field("upn", &self.upn)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// What becomes of a refresh token when it is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rotation {
    /// A new one is given, the used one stays good. What the public record says.
    #[default]
    OldStays,
    /// A new one is given, the used one is dead: shows a client that forgets to store it.
    OldDies,
    /// None is given.
    None,
}

/// What the person does who is shown a device code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtTheDevice {
    /// Enters it and signs in, this long after it was given.
    SignsIn {
        /// How long.
        after: TimeDelta,
    },
    /// Enters it and declines.
    Declines {
        /// How long after it was given.
        after: TimeDelta,
    },
    /// Nothing.
    Nothing,
}

/// Settings of the sign-in service.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SignInOptions {
    /// Tenant id.
    pub tenant: Uuid,
    /// Verified domain, accepted in the place of the tenant id.
    pub domain: String,
    /// Registered applications.
    pub apps: Vec<App>,
    /// Users.
    pub users: Vec<User>,
    /// Refresh tokens that are good from the start.
    pub first_sign_ins: Vec<FirstSignIn>,
    /// Life of an access token (default 3599 seconds).
    pub access_life: TimeDelta,
    /// Life of a refresh token (default 90 days), counted anew from each rotation.
    pub refresh_life: TimeDelta,
    /// What becomes of a used refresh token.
    pub rotation: Rotation,
    /// Sign-in name of the person who sits at the browser when a sign-in page is opened without
    /// a `login_hint`, and at the device.
    pub person: String,
    /// What that person does with a device code.
    pub at_the_device: AtTheDevice,
    /// Is a client that asks for a device code's token too often told to slow down? The public
    /// record of the service does not list that answer.
    pub slow_down: bool,
    /// Addresses that mean the Partner Center in a scope.
    pub partner_center_audiences: Vec<String>,
    /// Addresses that mean the Dataverse environment in a scope.
    pub dataverse_audiences: Vec<String>,
    /// Addresses that mean the webhook registration in a scope.
    pub webhook_audiences: Vec<String>,
}

impl SignInOptions {
    /// Adds a user.
    #[must_use]
    pub fn with_user(mut self, user: User) -> Self {
        self.users.push(user);
        self
    }

    /// Adds an application.
    #[must_use]
    pub fn with_app(mut self, app: App) -> Self {
        self.apps.push(app);
        self
    }

    /// Sets what becomes of a used refresh token.
    #[must_use]
    pub fn with_rotation(mut self, rotation: Rotation) -> Self {
        self.rotation = rotation;
        self
    }

    /// Sets who sits at the browser.
    #[must_use]
    pub fn with_person(mut self, upn: impl Into<String>) -> Self {
        self.person = upn.into();
        self
    }

    /// Sets what the person does with a device code.
    #[must_use]
    pub fn with_at_the_device(mut self, what: AtTheDevice) -> Self {
        self.at_the_device = what;
        self
    }

    /// Says whether hasty clients are told to slow down.
    #[must_use]
    pub fn with_slow_down(mut self, slow_down: bool) -> Self {
        self.slow_down = slow_down;
        self
    }

    /// Sets the life of access tokens.
    #[must_use]
    pub fn with_access_life(mut self, life: TimeDelta) -> Self {
        self.access_life = life;
        self
    }
}

impl Default for SignInOptions {
    fn default() -> Self {
        Self {
            tenant: TENANT,
            domain: "fabrikam.example".into(),
            apps: vec![
                App::new(CLIENT_ID, CLIENT_SECRET),
                App::public(PUBLIC_CLIENT_ID),
            ],
            users: vec![
                User::new(REFERRALS_USER).with_role("ReferralsAdmin"),
                User::new(PORTAL_USER).with_role("ReferralsAdmin"),
                User::new(CRM_SELLER),
            ],
            first_sign_ins: vec![FirstSignIn::new(REFRESH_TOKEN, REFERRALS_USER, CLIENT_ID)],
            access_life: TimeDelta::seconds(3599),
            refresh_life: TimeDelta::days(90),
            rotation: Rotation::default(),
            person: REFERRALS_USER.into(),
            at_the_device: AtTheDevice::SignsIn {
                after: TimeDelta::seconds(12),
            },
            slow_down: false,
            partner_center_audiences: vec!["https://api.partner.microsoft.com".into()],
            dataverse_audiences: vec!["https://fabrikam-sales.crm4.dynamics.com".into()],
            webhook_audiences: vec!["https://api.partnercenter.microsoft.com".into()],
        }
    }
}
