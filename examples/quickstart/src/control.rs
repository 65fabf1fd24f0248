//! The control API of the double: what people do there, what is held, what was asked.

use bytes::Bytes;
use cosell::http::{BodyLimit, ReqwestTransport, Transport as _};
use http::{Method, Request};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use url::Url;

use crate::{
    failure::{Failure, with_causes},
    sides::{Account, Currency, Opportunity, Referral},
};

/// Answers are the whole content of a table.
const LARGEST: BodyLimit = BodyLimit(1 << 30);

/// All that a program needs to sign in. The secrets open nothing but a double.
#[derive(Clone, Deserialize)]
pub(crate) struct About {
    pub(crate) endpoints: Endpoints,
    pub(crate) organizations: Organizations,
    pub(crate) tenant: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    pub(crate) refresh_token: String,
}

#[derive(Clone, Deserialize)]
pub(crate) struct Endpoints {
    pub(crate) sign_in: Url,
    pub(crate) partner_center: Url,
    pub(crate) dataverse: Url,
}

#[derive(Clone, Deserialize)]
pub(crate) struct Organizations {
    pub(crate) partner_center: String,
    pub(crate) dataverse: String,
}

/// Requests to one service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Calls {
    pub(crate) requests: u64,
    pub(crate) reads: u64,
    pub(crate) writes: u64,
    pub(crate) failures: u64,
}

impl Calls {
    fn since(self, before: Self) -> Self {
        Self {
            requests: self.requests - before.requests,
            reads: self.reads - before.reads,
            writes: self.writes - before.writes,
            failures: self.failures - before.failures,
        }
    }
}

/// Requests per service, as the double counted them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Counts {
    pub(crate) sign_in: Calls,
    pub(crate) partner_center: Calls,
    pub(crate) dataverse: Calls,
}

impl Counts {
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            sign_in: self.sign_in.since(before.sign_in),
            partner_center: self.partner_center.since(before.partner_center),
            dataverse: self.dataverse.since(before.dataverse),
        }
    }
}

#[derive(Deserialize)]
struct Acted {
    id: Option<String>,
}

#[derive(Deserialize)]
struct Held {
    id: u64,
}

/// A caller of the control API.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    base: Url,
    transport: ReqwestTransport,
}

impl Control {
    /// At `address`, as the double prints it.
    pub(crate) fn new(address: &str, transport: ReqwestTransport) -> Result<Self, Failure> {
        const EXAMPLE: &str = "give the control address that `cargo run -p cosell-sandbox` \
                               prints, such as http://127.0.0.1:7003/_sandbox/";
        let mut base = Url::parse(address).map_err(|error| {
            Failure::start(format!(
                "--sandbox {address}: not an address ({error}); {EXAMPLE}"
            ))
        })?;
        if base.cannot_be_a_base() || !matches!(base.scheme(), "http" | "https") {
            return Err(Failure::start(format!(
                "--sandbox {address}: not an http address; {EXAMPLE}"
            )));
        }
        base.set_path("/_sandbox/");
        base.set_query(None);
        base.set_fragment(None);
        Ok(Self { base, transport })
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, String> {
        let address = self.base.join(path).map_err(|error| error.to_string())?;
        let body = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        let request = Request::builder()
            .method(method)
            .uri(address.as_str())
            .extension(LARGEST)
            .body(body)
            .map_err(|error| error.to_string())?;
        let answer = self
            .transport
            .send(request)
            .await
            .map_err(|error| with_causes(&error))?;
        if !answer.status().is_success() {
            let told: Option<Value> = serde_json::from_slice(answer.body()).ok();
            let told = told
                .as_ref()
                .and_then(|told| told["error"].as_str())
                .unwrap_or_default();
            return Err(format!("answered {}: {told}", answer.status()));
        }
        serde_json::from_slice(answer.body())
            .map_err(|error| format!("its answer is not understood: {error}"))
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, Failure> {
        self.call(method, path, body)
            .await
            .map_err(|error| Failure::work(format!("the double at {}: {error}", self.base)))
    }

    /// Addresses and credentials; also shows whether there is a double at all.
    pub(crate) async fn about(&self) -> Result<About, Failure> {
        self.call(Method::GET, "", None).await.map_err(|error| {
            Failure::start(format!(
                "--sandbox {}: no double there ({error}); start one with \
                 `cargo run -p cosell-sandbox` and give the control address that it prints",
                self.base
            ))
        })
    }

    /// Lets somebody do something; the id of the record that it was about.
    pub(crate) async fn act(&self, act: &Value) -> Result<String, Failure> {
        let acted: Acted = self.ask(Method::POST, "act", Some(act)).await?;
        Ok(acted.id.unwrap_or_default())
    }

    /// Holds the answer to the next create of a referral, after it took effect.
    pub(crate) async fn hold_next_referral(&self) -> Result<(), Failure> {
        let rule = json!({
            "fault": { "kind": "hold", "at": "after_effect" },
            "services": ["partner_center"],
            "method": "POST",
        });
        let _: Value = self.ask(Method::POST, "faults", Some(&rule)).await?;
        Ok(())
    }

    /// Waits until an answer is held; its name.
    pub(crate) async fn wait_until_held(&self) -> Result<u64, Failure> {
        let held: Vec<Held> = self.ask(Method::GET, "held?wait_seconds=30", None).await?;
        let first = held.first().map(|held| held.id);
        first.ok_or_else(|| Failure::work("no referral was created within 30 seconds"))
    }

    /// Closes the connection of a held answer.
    pub(crate) async fn drop_held(&self, id: u64) -> Result<(), Failure> {
        let wish = json!({ "id": id, "drop": true });
        let _: Value = self.ask(Method::POST, "release", Some(&wish)).await?;
        Ok(())
    }

    pub(crate) async fn counts(&self) -> Result<Counts, Failure> {
        self.ask(Method::GET, "counts", None).await
    }

    pub(crate) async fn referrals(&self) -> Result<Vec<Referral>, Failure> {
        self.ask(Method::GET, "referrals", None).await
    }

    pub(crate) async fn opportunities(&self) -> Result<Vec<Opportunity>, Failure> {
        self.ask(Method::GET, "rows/opportunity", None).await
    }

    pub(crate) async fn accounts(&self) -> Result<Vec<Account>, Failure> {
        self.ask(Method::GET, "rows/account", None).await
    }

    pub(crate) async fn currencies(&self) -> Result<Vec<Currency>, Failure> {
        self.ask(Method::GET, "rows/transactioncurrency", None)
            .await
    }
}
