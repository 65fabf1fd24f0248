//! The obsolete `PUT`: a whole referral in place of the one that is there, by the rules of a patch.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::PartnerCenter;
use super::bind::bind_referral;
use super::create::{complete, is_for_microsoft};
use super::fields::{By, Field, REFERRAL, Shape};
use super::options::{Omitted, Validation};
use super::patch::Operation;
use super::refusal::Refusal;
use super::status::MICROSOFT;
use super::store::text;

/// What no caller changes once it is there.
const FROZEN: [&str; 4] = [
    "customerProfile.name",
    "customerProfile.address",
    "customerProfile.ids",
    "mpnId",
];

/// What the rules of a patch look at.
const JUDGED: [&str; 7] = [
    "customerProfile.team",
    "details.currency",
    "details.dealValue",
    "details.requirements.solutions",
    "name",
    "salesStage",
    "team",
];

impl PartnerCenter {
    pub(super) fn replace(
        &mut self,
        now: DateTime<Utc>,
        id: Uuid,
        body: &Value,
    ) -> Result<(), Refusal> {
        let Some(before) = self.store.body(id).and_then(Value::as_object).cloned() else {
            return Err(Refusal::not_found());
        };
        if before["organizationId"] == MICROSOFT && !self.options.microsoft_patchable {
            return Err(Refusal::denied("The referral belongs to Microsoft."));
        }
        let strict = self.options.validation == Validation::Strict;
        if strict && given(body, "links").is_some() {
            return Err(Refusal::invalid("links", "Links must be removed."));
        }
        let bound = bind_referral(body, self.options.unknown_fields)?;
        let mut after = before.clone();
        overlay(REFERRAL, &mut after, &bound, body, self.options.put_omitted);
        // The group is the service's once it is there.
        after.insert("engagementId".into(), before["engagementId"].clone());

        let (old, new) = (Value::Object(before.clone()), Value::Object(after.clone()));
        if before["status"] == "Closed" {
            return match first_difference(&old, &new) {
                Some(name) => Err(Refusal::invalid(
                    name,
                    "A closed referral cannot be changed.",
                )),
                None => Ok(()),
            };
        }
        let mut operations = vec![
            Operation::difference("status"),
            Operation::difference("substatus"),
        ];
        operations.extend(
            JUDGED
                .iter()
                .filter(|path| at(&old, path) != at(&new, path))
                .map(|path| Operation::difference(path)),
        );
        self.judge(&before, &after, &operations)?;
        if strict {
            if let Some(path) = FROZEN.iter().find(|path| at(&old, path) != at(&new, path)) {
                return Err(Refusal::invalid(path, "The value cannot be changed."));
            }
            complete(&after, is_for_microsoft(&after))?;
        }
        let closes = after["status"] == "Closed";
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
}

/// Puts what a caller may set over what is there.
fn overlay(
    fields: &[Field],
    there: &mut Map<String, Value>,
    bound: &Map<String, Value>,
    body: &Value,
    omitted: Omitted,
) {
    for field in fields.iter().filter(|field| field.by == By::Caller) {
        let given = given(body, field.name);
        if given.is_none() && omitted == Omitted::Kept {
            continue;
        }
        let Some(value) = bound.get(field.name) else {
            continue;
        };
        match (&field.shape, there.get_mut(field.name), value) {
            (Shape::Object(inner), Some(Value::Object(old)), Value::Object(new)) => {
                overlay(inner, old, new, given.unwrap_or(&Value::Null), omitted);
            }
            _ => {
                there.insert(field.name.to_owned(), value.clone());
            }
        }
    }
}

fn given<'a>(body: &'a Value, name: &str) -> Option<&'a Value> {
    body.as_object()?
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

fn at<'a>(body: &'a Value, path: &str) -> Option<&'a Value> {
    body.pointer(&format!("/{}", path.replace('.', "/")))
}

fn first_difference<'a>(old: &Value, new: &'a Value) -> Option<&'a str> {
    new.as_object()?
        .iter()
        .find(|(name, value)| old.get(name.as_str()) != Some(*value))
        .map(|(name, _)| name.as_str())
}
