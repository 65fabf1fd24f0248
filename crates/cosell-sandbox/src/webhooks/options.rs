//! How the webhook side behaves, one switch for each fact that the public record leaves open.

use std::time::Duration;

/// What `ResourceUri` of an event looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResourceUri {
    /// `https://api.partnercenter.microsoft.com/engagements/v1/referrals/{id}`, as documented.
    #[default]
    Documented,
    /// The address of the referral in the API, as Microsoft's own sample flow expects it.
    Rest,
}

/// In which order posts that are due together go out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeliveryOrder {
    /// As things happened.
    #[default]
    AsHappened,
    /// The newest first.
    Reversed,
    /// Mixed by the seed.
    Shuffled,
}

/// What `POST` does where a registration exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PostOnExisting {
    /// It takes the place of the old one.
    #[default]
    Overwrites,
    /// 409.
    Conflict,
}

/// What reading the registration says where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NoRegistration {
    /// 404 with the service's error body.
    #[default]
    NotFound,
    /// 200 with an empty object.
    EmptyObject,
    /// 200 without a body.
    Nothing,
}

/// How the certificate is served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CertificateFile {
    /// Binary, issued by the root.
    #[default]
    Der,
    /// The binary form as base64 text without marks.
    Base64,
    /// Text with marks.
    Pem,
    /// Text with marks, issued by an intermediate that follows in the same file.
    PemChain,
    /// Binary, issued by an intermediate that is not in the file: the certificate names an address
    /// where it is found (on `www.microsoft.com`), and the sandbox serves it there.
    IssuerElsewhere,
}

/// Who signs, and how: for trying what a receiver refuses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signature {
    /// As it should be.
    #[default]
    Genuine,
    /// With another key than that of the certificate.
    Forged,
    /// The body loses its last bytes after it was signed.
    Truncated,
    /// By a certificate whose issuer is another organization, under the trusted root.
    OtherOrganization,
    /// By a certificate of a root that nobody trusts, with all the right names.
    UntrustedRoot,
    /// By a certificate that ran out in 2021.
    Expired,
    /// Said to be `rsa-sha1`.
    Sha1,
    /// With a certificate address that redirects.
    Redirected,
    /// Not at all.
    Missing,
}

/// Settings of the webhook side.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Seed of ids and of [`DeliveryOrder::Shuffled`].
    pub seed: u64,
    /// Where receivers find the certificate. The sandbox serves it under any host of this service,
    /// on the paths below `/cert/`.
    pub certificate_url: String,
    /// How the certificate is served.
    pub certificate_file: CertificateFile,
    /// Who signs.
    pub signature: Signature,
    /// What `ResourceUri` looks like.
    pub resource_uri: ResourceUri,
    /// How often a post is tried (default 10) before it is given up.
    pub attempts: u32,
    /// Wait before the second try (default 10 seconds); it doubles with each further one.
    pub first_retry: Duration,
    /// Time between a change and its first post (default none).
    pub delay: Duration,
    /// How often each post comes once more (default 0).
    pub duplicates: u32,
    /// Order of posts that are due together.
    pub order: DeliveryOrder,
    /// What `POST` does where a registration exists.
    pub post_on_existing: PostOnExisting,
    /// What reading says where nothing is registered.
    pub no_registration: NoRegistration,
    /// May a registration name no event (default no, 400)?
    pub empty_events: bool,
    /// Does reading a registration give its `SubscriberId` (default no)?
    pub subscriber_id_on_read: bool,
    /// Roles that may register, for users; applications may always.
    pub roles: Vec<String>,
    /// Validation events per minute (default 2).
    pub validations_per_minute: usize,
}

impl Options {
    /// Sets the seed.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets who signs.
    #[must_use]
    pub fn with_signature(mut self, signature: Signature) -> Self {
        self.signature = signature;
        self
    }

    /// Sets how the certificate is served.
    #[must_use]
    pub fn with_certificate_file(mut self, file: CertificateFile) -> Self {
        self.certificate_file = file;
        self
    }

    /// Sets where receivers find the certificate.
    #[must_use]
    pub fn with_certificate_url(mut self, url: impl Into<String>) -> Self {
        self.certificate_url = url.into();
        self
    }

    /// Sets what `ResourceUri` looks like.
    #[must_use]
    pub fn with_resource_uri(mut self, style: ResourceUri) -> Self {
        self.resource_uri = style;
        self
    }

    /// Sets the time between a change and its first post.
    #[must_use]
    pub fn with_delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Sets how often each post comes once more.
    #[must_use]
    pub fn with_duplicates(mut self, more: u32) -> Self {
        self.duplicates = more;
        self
    }

    /// Sets the order of posts that are due together.
    #[must_use]
    pub fn with_order(mut self, order: DeliveryOrder) -> Self {
        self.order = order;
        self
    }

    /// Sets what `POST` does where a registration exists.
    #[must_use]
    pub fn with_post_on_existing(mut self, what: PostOnExisting) -> Self {
        self.post_on_existing = what;
        self
    }

    /// Sets what reading says where nothing is registered.
    #[must_use]
    pub fn with_no_registration(mut self, what: NoRegistration) -> Self {
        self.no_registration = what;
        self
    }

    /// Says whether a registration may name no event.
    #[must_use]
    pub fn with_empty_events(mut self, may: bool) -> Self {
        self.empty_events = may;
        self
    }

    /// Says whether reading a registration gives its `SubscriberId`.
    #[must_use]
    pub fn with_subscriber_id_on_read(mut self, given: bool) -> Self {
        self.subscriber_id_on_read = given;
        self
    }

    /// Sets the roles that may register.
    #[must_use]
    pub fn with_roles(mut self, roles: Vec<String>) -> Self {
        self.roles = roles;
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        let roles = [
            "ReferralsAdmin",
            "BillingAdmin",
            "AdminAgent",
            "SalesAgent",
            "HelpdeskAgent",
        ];
        Self {
            seed: 1,
            certificate_url: "https://3psostorageacct.blob.core.windows.net/cert/\
                              pcnotifications-dispatch.microsoft.com.cer"
                .into(),
            certificate_file: CertificateFile::default(),
            signature: Signature::default(),
            resource_uri: ResourceUri::default(),
            attempts: 10,
            first_retry: Duration::from_secs(10),
            delay: Duration::ZERO,
            duplicates: 0,
            order: DeliveryOrder::default(),
            post_on_existing: PostOnExisting::default(),
            no_registration: NoRegistration::default(),
            empty_events: false,
            subscriber_id_on_read: false,
            roles: roles.map(Into::into).to_vec(),
            validations_per_minute: 2,
        }
    }
}
