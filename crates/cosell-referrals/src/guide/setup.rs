// What the examples of the guide stand on: a double of the service in this process.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use cosell_http::{Sleep, Transport, sign_in};
use cosell_referrals::Referrals;
use cosell_sandbox::{
    CLIENT_ID, CLIENT_SECRET, InProcess, Options, REFRESH_TOKEN, SandboxHandle, TENANT,
};

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

fn sandbox() -> Result<(SandboxHandle, Referrals), Box<dyn std::error::Error>> {
    let sandbox = SandboxHandle::new(Options::default());
    let transport: Arc<dyn Transport> = Arc::new(InProcess::new(sandbox.clone()));
    let time: Arc<dyn Sleep> = Arc::new(SandboxTime(sandbox.clone()));
    let endpoint = sign_in::TokenEndpoint::entra(
        &sign_in::ENTRA_AUTHORITY.parse()?,
        &TENANT.to_string(),
        transport.clone(),
        time.clone(),
    )?;
    let grant = sign_in::RefreshToken::new(
        endpoint,
        CLIENT_ID,
        Some(CLIENT_SECRET.into()),
        "https://api.partner.microsoft.com/.default offline_access",
        sign_in::MemoryRefreshToken::new(REFRESH_TOKEN.into()),
    );
    let tokens = sign_in::CachedTokens::new(Arc::new(grant), time.clone());
    Ok((sandbox, Referrals::builder(transport, Arc::new(tokens), time).build()?))
}
