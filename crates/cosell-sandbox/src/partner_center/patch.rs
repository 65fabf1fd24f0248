//! `PATCH`: JSON Patch with `add` and `replace` on the paths that the service knows. The rules
//! look at the whole document's outcome; either all of it is stored or nothing.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::PartnerCenter;
use super::bind::bind;
use super::create::{currency, deal_value, members, solutions};
use super::fields::{Shape, shape_at};
use super::options::{Clearing, Validation};
use super::refusal::Refusal;
use super::registrations;
use super::status::{self, MICROSOFT};
use super::store::text;

const MAX_OPERATIONS: usize = 1000;
const SHARE: &str = "/consent/consentToShareReferralWithMicrosoftSellers";

/// Paths that may be written whole; `-` after the lists among them appends.
const PATHS: &[&str] = &[
    "/status",
    "/substatus",
    "/statusReason",
    "/salesStage",
    "/externalReferenceId",
    "/campaignId",
    "/referralProgram",
    "/details/dealValue",
    "/details/currency",
    "/details/closingDateTime",
    "/details/notes",
    "/details/requirements/solutions",
    "/customerProfile/team",
    "/team",
    SHARE,
];

/// Whose edit it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hand {
    Api,
    Portal,
}

impl PartnerCenter {
    /// Applies a document to a referral.
    pub(super) fn patch(
        &mut self,
        now: DateTime<Utc>,
        id: Uuid,
        document: &Value,
        hand: Hand,
    ) -> Result<(), Refusal> {
        let Some(before) = self.store.body(id).and_then(Value::as_object).cloned() else {
            return Err(Refusal::not_found());
        };
        if before["organizationId"] == MICROSOFT && !self.options.microsoft_patchable {
            return Err(Refusal::denied("The referral belongs to Microsoft."));
        }
        let Value::Array(operations) = document else {
            return Err(Refusal::invalid(
                "body",
                "The body must be an array of operations.",
            ));
        };
        if operations.is_empty() || operations.len() > MAX_OPERATIONS {
            return Err(Refusal::invalid(
                "body",
                format!("1 to {MAX_OPERATIONS} operations are allowed."),
            ));
        }
        let operations = operations
            .iter()
            .enumerate()
            .map(|(index, one)| self.operation(index, one, hand))
            .collect::<Result<Vec<_>, _>>()?;

        let mut after = before.clone();
        for operation in &operations {
            operation.apply(&mut after, self.options.clearing)?;
        }
        self.judge(&before, &after, &operations)?;
        self.derive_type(&mut after);
        self.register(now, &mut after, &operations)?;

        let closes = before["status"] != "Closed" && after["status"] == "Closed";
        let accepts = before["status"] != "Active" && after["status"] == "Active";
        self.store.write(now, id, |at, body| {
            *body = after;
            if closes {
                body.insert("closedDateTime".into(), text(at).into());
            }
            if accepts {
                body.insert("acceptedDateTime".into(), text(at).into());
            }
        });
        Ok(())
    }

    fn operation(&self, index: usize, one: &Value, hand: Hand) -> Result<Operation, Refusal> {
        let part = |name: &str| one.get(name).and_then(Value::as_str);
        let (Some(op), Some(path)) = (part("op"), part("path")) else {
            return Err(Refusal::invalid(
                &format!("[{index}]"),
                "An operation has op, path and value.",
            ));
        };
        let path = if self.options.paths_ignore_case {
            in_published_case(path)
        } else {
            path
        };
        if !matches!(op, "add" | "replace") {
            return Err(Refusal::invalid(
                &format!("[{index}].op"),
                "Supported are add and replace.",
            ));
        }
        let Some(value) = one.get("value") else {
            return Err(Refusal::invalid(
                &format!("[{index}].value"),
                "The value is missing.",
            ));
        };
        let (whole, appends) = match path.strip_suffix("/-") {
            Some(list) => (list, true),
            None => (path, false),
        };
        let name_too = whole == "/name" && (hand == Hand::Portal || self.options.name_patchable);
        let known = name_too || PATHS.contains(&whole) || registrations::is_path(path);
        let segments: Vec<String> = whole.split('/').skip(1).map(str::to_owned).collect();
        let target = segments.join(".");
        // The tables know no places within lists.
        let names: Vec<&String> = segments.iter().filter(|name| *name != "0").collect();
        let shape = shape_at(&names).filter(|_| known);
        let shape = match (shape, appends) {
            (Some(Shape::List(item)), true) if op == "add" => *item,
            (Some(Shape::List(_)), true) => {
                return Err(Refusal::invalid(&target, "Only add appends."));
            }
            (Some(shape), false) => shape,
            _ => {
                return Err(Refusal::invalid(
                    &target,
                    format!("The path {path} cannot be patched."),
                ));
            }
        };
        if appends && value.is_null() {
            return Err(Refusal::invalid(&target, "The item is null."));
        }
        let value = bind(shape, value, &target, self.options.unknown_fields)?;
        Ok(Operation {
            segments,
            target,
            appends,
            value,
        })
    }

    pub(super) fn judge(
        &self,
        before: &Map<String, Value>,
        after: &Map<String, Value>,
        operations: &[Operation],
    ) -> Result<(), Refusal> {
        let touched = |target: &str| operations.iter().any(|one| one.target == target);
        if before["status"] == "Closed" {
            // Naming the pair as it stands is no edit.
            return match operations.iter().find(|one| !one.leaves_closed_alone()) {
                Some(one) => Err(Refusal::invalid(
                    &one.target,
                    "A closed referral cannot be changed.",
                )),
                None if pair(before) == pair(after) => Ok(()),
                None => Err(Refusal::illegal_move(
                    self.options.illegal_move,
                    "A closed referral cannot be changed.",
                )),
            };
        }
        status::judge(
            pair(before),
            pair(after),
            (touched("status"), touched("substatus")),
            &self.options,
        )?;
        let ended = matches!(pair(after).1, "Declined" | "Lost" | "Error");
        let silent = after["statusReason"].as_str().is_none_or(str::is_empty);
        if self.options.reason_required && ended && silent {
            return Err(Refusal::invalid("statusReason", "A value is required."));
        }
        let shared = |body: &Map<String, Value>| {
            body["consent"]["consentToShareReferralWithMicrosoftSellers"] == true
        };
        if shared(before) && !shared(after) {
            return Err(Refusal::invalid(
                "consent.consentToShareReferralWithMicrosoftSellers",
                "Sharing cannot be taken back.",
            ));
        }
        let contacts = |body: &Map<String, Value>| body["customerProfile"]["team"].clone();
        if touched("customerProfile.team")
            && contacts(before) != contacts(after)
            && self.is_shared(before)
        {
            return Err(Refusal::invalid(
                "customerProfile.team",
                "Contacts cannot be changed after sharing with Microsoft.",
            ));
        }
        if touched("details.dealValue") {
            deal_value(&after["details"])?;
        }
        if touched("salesStage") {
            self.sales_stage(after)?;
        }
        if touched("details.currency") {
            currency(&after["details"])?;
        }
        if touched("name")
            && after["name"]
                .as_str()
                .is_none_or(|name| name.trim().is_empty())
        {
            return Err(Refusal::invalid("name", "A value is required."));
        }
        if self.options.validation == Validation::Strict {
            if touched("details.requirements.solutions") {
                solutions(&after["details"])?;
            }
            if touched("team") {
                members(&after["team"], "team", true)?;
            }
            if touched("customerProfile.team") {
                members(
                    &after["customerProfile"]["team"],
                    "customerProfile.team",
                    false,
                )?;
            }
        }
        Ok(())
    }

    /// Is Microsoft in this engagement, as sender or as invited party?
    fn is_shared(&self, body: &Map<String, Value>) -> bool {
        let engagement = body["engagementId"]
            .as_str()
            .and_then(|id| Uuid::try_parse(id).ok());
        body["inviteContext"]["invitedBy"]["organizationId"] == MICROSOFT
            || engagement.is_some_and(|id| {
                self.store
                    .engagement(id)
                    .any(|(_, body)| body["organizationId"] == MICROSOFT)
            })
    }
}

/// The path as it is published, whatever case it came in.
fn in_published_case(path: &str) -> &str {
    let same = |known: &&&str| known.eq_ignore_ascii_case(path);
    let lists = [
        "/team/-",
        "/customerProfile/team/-",
        "/details/requirements/solutions/-",
        "/name",
    ];
    PATHS
        .iter()
        .find(same)
        .copied()
        .or_else(|| {
            lists
                .into_iter()
                .find(|known| known.eq_ignore_ascii_case(path))
        })
        .or_else(|| registrations::published(path))
        .unwrap_or(path)
}

fn pair(body: &Map<String, Value>) -> (&str, &str) {
    (
        body["status"].as_str().unwrap_or_default(),
        body["substatus"].as_str().unwrap_or_default(),
    )
}

/// One operation of a document, or one difference of a replaced body.
pub(super) struct Operation {
    segments: Vec<String>,
    pub(super) target: String,
    pub(super) appends: bool,
    value: Value,
}

impl Operation {
    /// The property at `target` is another than before.
    pub(super) fn difference(target: &str) -> Self {
        Self {
            segments: Vec::new(),
            target: target.to_owned(),
            appends: false,
            value: Value::Null,
        }
    }

    /// Naming the pair as it stands is no edit; registrations have rules of their own.
    fn leaves_closed_alone(&self) -> bool {
        matches!(self.target.as_str(), "status" | "substatus") || self.is_registration()
    }

    pub(super) fn is_registration(&self) -> bool {
        self.target == "registrations" || self.target.starts_with("registrations.")
    }

    fn apply(&self, body: &mut Map<String, Value>, clearing: Clearing) -> Result<(), Refusal> {
        let Some((last, parents)) = self.segments.split_last() else {
            return Ok(());
        };
        let place = parent(body, parents)
            .ok_or_else(|| Refusal::invalid(&self.target, "The parent does not exist."))?;
        if self.value.is_null() {
            let optional = !matches!(
                last.as_str(),
                "status" | "substatus" | "name" | "dealValue" | "currency"
            ) && self.segments[0] != "consent";
            match clearing {
                Clearing::Accepted if optional => {}
                Clearing::Ignored if optional => return Ok(()),
                _ => return Err(Refusal::invalid(&self.target, "The value cannot be null.")),
            }
        }
        match place.get_mut(last) {
            Some(Value::Array(items)) if self.appends => items.push(self.value.clone()),
            _ if self.appends => {
                place.insert(last.clone(), Value::Array(vec![self.value.clone()]));
            }
            _ => {
                place.insert(last.clone(), self.value.clone());
            }
        }
        Ok(())
    }
}

/// The object that a path ends in, through objects and places within lists.
fn parent<'a>(
    body: &'a mut Map<String, Value>,
    path: &[String],
) -> Option<&'a mut Map<String, Value>> {
    let mut place = body;
    let mut names = path.iter();
    while let Some(name) = names.next() {
        let mut next = place.get_mut(name)?;
        if let Value::Array(items) = next {
            next = items.get_mut(names.next()?.parse::<usize>().ok()?)?;
        }
        place = next.as_object_mut()?;
    }
    Some(place)
}
