//! Both adapters on the public conformance suite of replicas, over the sandbox.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use cosell::{
    mapping::{FieldId, Snapshot, Value, field},
    sync::{
        PairKey, RecordId, Replica, Side,
        conformance::replica::{Bench, every_check},
    },
};
use cosell_sandbox::Act;
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::world::World;

/// One service without an engine. The other one gives records from which new ones are made.
struct Desk {
    world: World,
    side: Side,
    made: AtomicU64,
}

impl Desk {
    async fn new(side: Side) -> Self {
        Self {
            world: World::new().await,
            side,
            made: AtomicU64::new(1),
        }
    }

    fn next(&self) -> u64 {
        self.made.fetch_add(1, Ordering::Relaxed)
    }

    fn of(&self, side: Side) -> &dyn Replica {
        match side {
            Side::Left => self.world.cosell.partner_center(),
            Side::Right => self.world.cosell.dynamics(),
        }
    }

    fn appear(&self, side: Side) -> RecordId {
        let id = match side {
            Side::Left => self.portal_deal(),
            Side::Right => self.world.marked_deal(),
        };
        RecordId::new(id.to_string())
    }

    /// A deal as people enter it in the portal.
    fn portal_deal(&self) -> Uuid {
        let referral = json!({
            "name": "Plant analytics", "qualification": "SalesQualified", "type": "Independent",
            "customerProfile": {
                "name": "Fabrikam Works Ltd",
                "address": {
                    "addressLine1": "12 Harbour Road", "city": "Leeds", "state": "",
                    "postalCode": "LS1 4AB", "country": "GB",
                },
                "team": [{
                    "firstName": "Ada", "lastName": "Berg", "phoneNumber": "+441130000001",
                    "email": "ada.berg@fabrikam.example",
                }],
            },
            "consent": {
                "consentToToShareInfoWithOthers": true, "consentToContact": true,
                "consentToMicrosoftToContactSpecificPartners": true,
                "consentToShareReferralWithMicrosoftSellers": false,
            },
            "details": {
                "notes": "Predictive maintenance", "dealValue": 84000, "currency": "EUR",
                "closingDateTime": "2026-12-31T00:00:00Z",
                "requirements": {
                    "solutions": [{ "id": "SOL-10482-QRT", "type": "Name" }],
                    "additionalRequirements": {
                        "attributes": [{ "type": "CustomerMarketplaceIntent", "id": "HaveNotDecided" }],
                    },
                },
            },
            "team": [{
                "firstName": "Omar", "lastName": "Diaz", "phoneNumber": "+441130000002",
                "email": "omar.diaz@fabrikam.example",
            }],
        });
        let Json::Object(referral) = referral else {
            unreachable!()
        };
        let made = self.world.sandbox.act(&Act::PortalCreate { referral });
        let made = made.expect("the portal user may").id.expect("an id");
        made.parse().expect("a GUID")
    }
}

fn uuid(id: &RecordId) -> Uuid {
    id.as_str().parse().expect("a GUID")
}

#[async_trait]
impl Bench for Desk {
    fn replica(&self) -> &dyn Replica {
        self.of(self.side)
    }

    fn now(&self) -> DateTime<Utc> {
        self.world.sandbox.now()
    }

    async fn wait(&self, time: Duration) {
        self.world.sandbox.advance(time);
    }

    async fn appear(&self) -> RecordId {
        self.appear(self.side)
    }

    async fn edit(&self, id: &RecordId) {
        let (id, words) = (uuid(id), json!(format!("word {}", self.next())));
        match self.side {
            Side::Left => self.world.portal_edit(id, &[("/details/notes", words)]),
            Side::Right => self.world.crm_update(id, json!({ "description": words })),
        }
    }

    /// Nobody deletes a referral.
    async fn delete(&self, id: &RecordId) -> bool {
        if self.side == Side::Left {
            return false;
        }
        let (table, id) = ("opportunity".to_owned(), uuid(id));
        let deleted = self.world.sandbox.act(&Act::CrmDelete { table, id });
        deleted.expect("the seller may");
        true
    }

    fn key(&self) -> PairKey {
        PairKey::new(Uuid::from_u64_pair(11, self.next()).to_string())
    }

    fn unknown(&self) -> RecordId {
        RecordId::new(Uuid::from_u64_pair(12, 1).to_string())
    }

    async fn newborn(&self) -> Snapshot {
        let there = self.side.other();
        let id = self.appear(there);
        let record = self.of(there).fetch(&id).await;
        record.expect("it can be read").expect("it is there").fields
    }

    fn changes(&self) -> Snapshot {
        let day = NaiveDate::from_ymd_opt(2027, 1, 31).expect("a day");
        Snapshot::from([
            // More than the CRM has room for.
            (field::DESCRIPTION, Value::text("Maintenance. ".repeat(200))),
            (
                field::VALUE,
                Value::money(Decimal::new(91_000_125, 3), "EUR"),
            ),
            (field::CLOSE_DATE, Value::Date(day)),
            // No referral takes another name.
            (field::NAME, Value::text("Plant analytics, phase two")),
        ])
    }

    fn refused(&self) -> Option<(FieldId, Value)> {
        let value = match self.side {
            Side::Left => Value::money(Decimal::new(-5, 0), "EUR"),
            Side::Right => Value::money(Decimal::new(5, 0), "ZZZ"),
        };
        Some((field::VALUE, value))
    }

    async fn foreign(&self, id: &RecordId) -> Option<String> {
        let id = uuid(id);
        match self.side {
            // Some by no rule of this mapping, some below what rules map.
            Side::Left => {
                let referral = self.world.referral(id);
                let (team, below) = (&referral["team"], &referral["details"]["requirements"]);
                Some(format!("{team} {below}"))
            }
            Side::Right => {
                if self.world.opportunity(id)["budgetamount"].is_null() {
                    self.world.crm_update(id, json!({ "budgetamount": 1250.5 }));
                }
                Some(self.world.opportunity(id)["budgetamount"].to_string())
            }
        }
    }
}

// R133
#[tokio::test]
async fn partner_center_keeps_the_contract_of_a_replica() {
    every_check(async || Desk::new(Side::Left).await).await;
}

// R133
#[tokio::test]
async fn dynamics_keeps_the_contract_of_a_replica() {
    every_check(async || Desk::new(Side::Right).await).await;
}
