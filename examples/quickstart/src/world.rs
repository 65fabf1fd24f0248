//! The two services and the way to them: a double within this process or a running one, and the
//! libraries connected to it as they would be to the real services.

use std::{path::PathBuf, sync::Arc};

use cosell::{
    Cosell, CosellPolicy, DynamicsOptions, NewDeals, PartnerCenterOptions, TokioTime,
    dataverse::Dataverse,
    http::{
        ReqwestOptions, ReqwestTransport,
        sign_in::{
            CachedTokens, ClientCredentials, MemoryRefreshToken, RefreshToken, TokenEndpoint,
        },
    },
    referrals::{Member, Referrals, Solution, SolutionType},
    store::{Options as StoreOptions, SqliteStore},
    sync::{BrakeOptions, EngineOptions},
};
use cosell_sandbox::{
    Options, SandboxHandle,
    server::{Running, ServeOptions, serve},
};
use secrecy::SecretString;
use tempfile::TempDir;

use crate::{
    args::{Arguments, Timing},
    control::{About, Control},
    failure::{Failure, with_causes},
};

/// The double, and where the sync keeps its state.
pub(crate) struct World {
    pub(crate) control: Control,
    about: About,
    transport: ReqwestTransport,
    state: PathBuf,
    timing: Timing,
    // Both end with this value.
    _own_double: Option<Running>,
    _own_folder: Option<TempDir>,
}

/// The libraries, connected.
pub(crate) struct Connected {
    pub(crate) cosell: Cosell,
    pub(crate) store: Arc<SqliteStore>,
}

impl World {
    pub(crate) async fn open(arguments: &Arguments) -> Result<Self, Failure> {
        let transport = ReqwestTransport::new(ReqwestOptions::default())
            .map_err(|error| Failure::start(with_causes(&error)))?;
        let (own_double, address) = match &arguments.sandbox {
            Some(address) => (None, address.clone()),
            None => {
                refuse_old_state(arguments)?;
                let double = serve(
                    SandboxHandle::new(Options::default()),
                    ServeOptions::default(),
                )
                .await
                .map_err(|error| {
                    Failure::start(format!("the double cannot listen on 127.0.0.1: {error}"))
                })?;
                let address = double.endpoints().control.clone();
                (Some(double), address)
            }
        };
        let control = Control::new(&address, transport.clone())?;
        let about = control.about().await?;
        let (own_folder, state) = match &arguments.state {
            Some(state) => (None, state.clone()),
            None => {
                let folder = tempfile::tempdir().map_err(|error| {
                    Failure::start(format!(
                        "no temporary folder for the state ({error}); name a file with --state"
                    ))
                })?;
                let state = folder.path().join("deals.db");
                (Some(folder), state)
            }
        };
        Ok(Self {
            control,
            about,
            transport,
            state,
            timing: arguments.timing,
            _own_double: own_double,
            _own_folder: own_folder,
        })
    }

    /// Where to find things, for whoever watches.
    pub(crate) fn places(&self) -> Vec<(&'static str, String)> {
        let at = &self.about.endpoints;
        vec![
            ("Partner Center", at.partner_center.to_string()),
            ("Dynamics 365", at.dataverse.to_string()),
            ("state", self.state.display().to_string()),
        ]
    }

    /// Signs in to both services and opens the state: what a program of one's own would do.
    pub(crate) async fn connect(&self) -> Result<Connected, Failure> {
        self.connect_braked(BrakeOptions::default()).await
    }

    /// As [`connect`](Self::connect), with limits of its own on what may happen in an hour.
    pub(crate) async fn connect_braked(&self, brakes: BrakeOptions) -> Result<Connected, Failure> {
        let store = self.open_store().await?;
        let (referrals, dataverse) = self
            .clients()
            .map_err(|error| Failure::start(with_causes(&error)))?;
        let window = self.timing.send_window();
        let lag = self.timing.lag();
        let cosell = Cosell::builder(referrals, dataverse, Arc::clone(&store) as _)
            .policy(CosellPolicy::default())
            .partner_center(
                PartnerCenterOptions::default()
                    .with_organization_id(Some(self.about.organizations.partner_center.clone()))
                    .with_new_deals(new_deals())
                    .with_overlap(lag)
                    .with_find_lag(lag)
                    .with_read_lag(lag)
                    .with_lateness(lag),
            )
            .dynamics(
                DynamicsOptions::default()
                    .with_read_lag(lag)
                    .with_lateness(lag),
            )
            .engine(
                EngineOptions::default()
                    .with_brakes(brakes)
                    .with_send_window(window)
                    .with_lease(window * 2)
                    .with_backoff_base(lag)
                    .with_backoff_max(window * 2),
            )
            .connect()
            .await
            .map_err(|error| Failure::start(format!("cannot connect: {error}")))?;
        Ok(Connected { cosell, store })
    }

    async fn open_store(&self) -> Result<Arc<SqliteStore>, Failure> {
        let about = &self.about;
        let scope = format!("{}/{}", about.tenant, about.organizations.dataverse);
        SqliteStore::open(&self.state, scope, StoreOptions::default())
            .await
            .map(Arc::new)
            .map_err(|error| {
                Failure::start(format!(
                    "--state {}: {}",
                    self.state.display(),
                    with_causes(&error)
                ))
            })
    }

    /// A client for each service: a person's refresh token there, the application here.
    fn clients(&self) -> Result<(Referrals, Dataverse), cosell::http::Error> {
        let about = &self.about;
        let transport = Arc::new(self.transport.clone());
        let time = Arc::new(TokioTime);
        let endpoint = TokenEndpoint::entra(
            &about.endpoints.sign_in,
            &about.tenant,
            transport.clone(),
            time.clone(),
        )?;
        let secret = SecretString::from(about.client_secret.clone());

        let person = RefreshToken::new(
            endpoint.clone(),
            about.client_id.clone(),
            Some(secret.clone()),
            "https://api.partner.microsoft.com/.default offline_access",
            // A service of one's own keeps it where a restart finds it again.
            MemoryRefreshToken::new(SecretString::from(about.refresh_token.clone())),
        );
        let person = Arc::new(CachedTokens::new(Arc::new(person), time.clone()));
        let referrals = Referrals::builder(transport.clone(), person, time.clone())
            .base(about.endpoints.partner_center.clone())
            .build()?;

        let environment = about.endpoints.dataverse.clone();
        let scope = format!("{}.default", environment.as_str());
        let application = ClientCredentials::new(endpoint, about.client_id.clone(), secret, scope);
        let application = Arc::new(CachedTokens::new(Arc::new(application), time.clone()));
        let dataverse = Dataverse::builder(environment, transport, application, time).build()?;
        Ok((referrals, dataverse))
    }
}

/// A double within this process is new each time: it knows nothing of what an old file holds.
fn refuse_old_state(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.state {
        Some(state) if state.exists() => Err(Failure::start(format!(
            "--state {}: holds the state of a double that is gone; remove the file, or keep a \
             double running (`cargo run -p cosell-sandbox`) and name it with --sandbox",
            state.display()
        ))),
        _ => Ok(()),
    }
}

/// What the portal wants on every deal besides the mapped fields.
fn new_deals() -> NewDeals {
    let ana = Member::new("Ana", "Fischer", "+441130000002", "ana@fabrikam.example");
    NewDeals::default()
        .with_solutions(&[Solution::new("SOL-10482-QRT", SolutionType::Name)])
        .with_team(&[ana])
}
