//! Requests as a client sends them, against the service as it stands.

mod doors;
mod leads;
mod lists;
mod patches;
mod posts;
mod puts;
mod readings;
mod registrations;
mod story;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderMap, Request, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;

/// The service, the time, and one caller.
struct Desk {
    service: PartnerCenter,
    now: DateTime<Utc>,
    caller: Caller,
}

struct Got {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Got {
    fn target(&self) -> (u16, &str) {
        (
            self.status.as_u16(),
            self.body["error"]["target"].as_str().unwrap_or_default(),
        )
    }
}

impl Desk {
    fn new(options: Options) -> Self {
        Self {
            service: PartnerCenter::new(options),
            now: "2026-03-09T14:22:31.4412087Z".parse().unwrap(),
            caller: Caller {
                tenant: Uuid::from_u128(1),
                object_id: Uuid::from_u128(2),
                app_id: "app".into(),
                user: Some("robot@northwind.example".into()),
                mfa: true,
                roles: vec!["ReferralsAdmin".into()],
            },
        }
    }

    fn wait(&mut self, time: TimeDelta) {
        self.now += time;
    }

    fn send(&mut self, method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Got {
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .body(Bytes::copy_from_slice(body.as_bytes()))
            .unwrap();
        let response = self.service.handle(self.now, Ok(&self.caller), &request);
        let (parts, body) = response.into_parts();
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        Got {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    fn get(&mut self, rest: &str) -> Got {
        let url = format!("https://api.partner.microsoft.com/v1.0/engagements/referrals{rest}");
        self.send("GET", &url.replace(' ', "%20"), &[], "")
    }

    fn post(&mut self, body: &Value) -> Got {
        let url = "https://api.partner.microsoft.com/v1.0/engagements/referrals";
        self.send(
            "POST",
            url,
            &[("content-type", "application/json")],
            &body.to_string(),
        )
    }

    fn patch(&mut self, id: Uuid, document: &Value) -> Got {
        self.patch_with(id, document, &[])
    }

    fn patch_with(&mut self, id: Uuid, document: &Value, headers: &[(&str, &str)]) -> Got {
        let url = format!("https://api.partner.microsoft.com/v1.0/engagements/referrals/{id}");
        let mut all = vec![("content-type", "application/json")];
        all.extend_from_slice(headers);
        self.send("PATCH", &url, &all, &document.to_string())
    }

    /// An own deal, partner-led.
    fn deal(&mut self) -> Uuid {
        let got = self.post(&deal_body());
        assert!(got.status.is_success(), "{}", got.body);
        id_of(&got.body)
    }

    fn inbound(&mut self) -> Uuid {
        self.service
            .microsoft_sends(self.now, &InboundDeal::new("Inbound", "Fabrikam"))
            .unwrap()
    }

    fn body(&self, id: Uuid) -> &Value {
        self.service.referral(id).unwrap()
    }

    /// Invites Microsoft into the engagement of an own deal.
    fn invite(&mut self, id: Uuid) -> Uuid {
        let body = invitation(self.body(id)["engagementId"].as_str().unwrap());
        let got = self.post(&body);
        assert!(got.status.is_success(), "{}", got.body);
        id_of(&got.body)
    }

    /// Ids of a list, in order.
    fn ids(&mut self, rest: &str) -> Vec<Uuid> {
        let got = self.get(rest);
        assert_eq!(got.status, 200, "{}", got.body);
        got.body["value"]
            .as_array()
            .unwrap()
            .iter()
            .map(id_of)
            .collect()
    }
}

impl Default for Desk {
    fn default() -> Self {
        Self::new(Options::default().with_matching_delay(None))
    }
}

fn id_of(body: &Value) -> Uuid {
    body["id"].as_str().unwrap().parse().unwrap()
}

fn engagement_of(body: &Value) -> Uuid {
    body["engagementId"].as_str().unwrap().parse().unwrap()
}

fn deal_body() -> Value {
    json!({
        "name": "Fabrikam – plant analytics",
        "externalReferenceId": "OPP-20931",
        "qualification": "SalesQualified",
        "type": "Independent",
        "customerProfile": {
            "name": "Fabrikam Works Ltd",
            "address": { "addressLine1": "12 Harbour Road", "city": "Leeds", "state": "", "postalCode": "LS1 4AB", "country": "GB" },
            "size": "251to1000employees",
            "team": [ { "firstName": "Ada", "lastName": "Berg", "phoneNumber": "+441130000001", "email": "ada.berg@fabrikam.example" } ],
            "ids": [ { "profileType": "Duns", "id": "214567890" } ]
        },
        "consent": {
            "consentToToShareInfoWithOthers": true,
            "consentToContact": true,
            "consentToMicrosoftToContactSpecificPartners": true,
            "consentToShareReferralWithMicrosoftSellers": false
        },
        "details": {
            "notes": "Wants predictive maintenance on Azure.",
            "dealValue": 84000,
            "currency": "GBP",
            "closingDateTime": "2026-09-30T00:00:00Z",
            "requirements": {
                "solutions": [ { "id": "SOL-10482-QRT", "name": "Northwind Plant Insight", "type": "Name" } ],
                "additionalRequirements": { "iot": {}, "attributes": [ { "type": "CustomerMarketplaceIntent", "id": "HaveNotDecided" } ] }
            }
        },
        "team": [ { "firstName": "Omar", "lastName": "Diaz", "phoneNumber": "+441130000002", "email": "omar.diaz@northwind.example" } ],
        "target": []
    })
}

fn invitation(engagement: &str) -> Value {
    let mut body = deal_body();
    body["engagementId"] = engagement.into();
    body["type"] = "Shared".into();
    body["status"] = "New".into();
    body["substatus"] = "Pending".into();
    body["target"] = json!([ { "type": "BusinessProfileLocation", "id": "msft" } ]);
    body["inviteContext"] =
        json!({ "notes": "Please help.", "assistanceRequestCode": "QuotesOrLicensing" });
    body
}

fn replace(path: &str, value: impl Into<Value>) -> Value {
    json!([ { "op": "replace", "path": path, "value": value.into() } ])
}

fn state(status: &str, substatus: &str) -> Value {
    json!([
        { "op": "replace", "path": "/status", "value": status },
        { "op": "replace", "path": "/substatus", "value": substatus },
    ])
}
