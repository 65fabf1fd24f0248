// What the examples of the guide stand on: a double of the service in this process.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use cosell_dataverse::Dataverse;
use cosell_http::{Sleep, Transport, sign_in};
use cosell_sandbox::{CLIENT_ID, CLIENT_SECRET, InProcess, Options, SandboxHandle, TENANT};

#[derive(Debug)]
struct SandboxTime(SandboxHandle);

#[async_trait]
impl Sleep for SandboxTime {
    fn now(&self) -> DateTime<Utc> {
        self.0.now()
    }

    async fn sleep(&self, duration: Duration) {
        self.0.advance(duration);
    }
}

fn sandbox() -> Result<(SandboxHandle, Dataverse), Box<dyn std::error::Error>> {
    let sandbox = SandboxHandle::new(Options::default());
    let transport: Arc<dyn Transport> = Arc::new(InProcess::new(sandbox.clone()));
    let time: Arc<dyn Sleep> = Arc::new(SandboxTime(sandbox.clone()));
    let environment = "https://fabrikam-sales.crm4.dynamics.com".parse()?;
    let endpoint = sign_in::TokenEndpoint::entra(
        &Dataverse::cloud(&environment).authority().parse()?,
        &TENANT.to_string(),
        transport.clone(),
        time.clone(),
    )?;
    let scope = Dataverse::scope(&environment);
    let grant = sign_in::ClientCredentials::new(endpoint, CLIENT_ID, CLIENT_SECRET.into(), scope);
    let tokens = sign_in::CachedTokens::new(Arc::new(grant), time.clone());
    let client = Dataverse::builder(environment, transport, Arc::new(tokens), time).build()?;
    Ok((sandbox, client))
}
