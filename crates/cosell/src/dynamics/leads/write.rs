//! Making leads, changing them, qualifying and disqualifying them.

use cosell_dataverse::{
    Columns, Condition, ETag, Op, QualifyLead, Table,
    names::{
        lead::{self, state},
        opportunity,
    },
};
use cosell_http::{Error, ErrorKind, Sent};
use cosell_mapping::{Assignment, DealState, FieldId, RecordKind, Value, tick};
use cosell_sync::{
    Deadline, Draft, Observed, PairKey, Patch, Reason, ReasonCode, RecordId, RefusedField, Replica,
    WriteError, WriteStamp, Written,
};
use uuid::Uuid;

use super::{LeadOptions, states};
use crate::{
    derived,
    dynamics::{
        Customer, Dynamics,
        read::NativeRow,
        write::{Marks, text},
    },
    failure,
    lead::LEAD,
};

impl Dynamics {
    /// Is a lead to be made?
    pub(in crate::dynamics) fn makes_lead(&self, draft: &Draft) -> Option<&LeadOptions> {
        let asked = draft.fields.get(&LEAD) == Some(&Value::Flag(true));
        self.options.leads.as_ref().filter(|_| asked)
    }

    pub(in crate::dynamics) async fn create_lead(
        &self,
        leads: &LeadOptions,
        key: &PairKey,
        stamp: WriteStamp,
        draft: &Draft,
        until: Deadline,
    ) -> Result<Written, WriteError> {
        let fields = draft.fields.iter().filter(|(field, _)| **field != LEAD);
        let assignments = self
            .fields
            .put(RecordKind::Row, fields, None, &self.context)
            .map_err(failure::refused)?;
        let marks = Marks::of_lead(leads);
        let (columns, name) = placed(leads, assignments);
        let columns = marks.linked(columns, key, &self.options.portal_link);
        let mut columns = marks.stamped(columns, stamp);
        if let Some(outcome) = &draft.outcome {
            let name = name.unwrap_or_default();
            columns = self.with_outcome(&marks, columns, outcome, &name, "");
        }
        let id = derived::lead(self.organization, key.as_str());
        let make = Op::update(&Table::LEAD, id, columns, &Condition::MustNotExist)
            .returning(self.lead_columns(leads));
        let made = self
            .client
            .run(&make, Some(until))
            .await
            .map_err(|error| self.failed(&error))?;
        // What the lead has no place for was not written: only the lead itself tells.
        match made.row.map(|row| self.observe_lead(leads, row)) {
            Some(Ok(after)) => Ok(Written {
                id: after.id.clone(),
                moved_to: None,
                after: Some(after),
            }),
            Some(Err(fault)) => Err(WriteError::Unknown(fault.into())),
            None => Err(WriteError::Unknown("the new lead was not shown".into())),
        }
    }

    pub(in crate::dynamics) async fn patch_lead(
        &self,
        leads: &LeadOptions,
        seen: &Observed,
        stamp: WriteStamp,
        patch: &Patch,
        until: Deadline,
    ) -> Result<Written, WriteError> {
        let (native, id, assignments) = self.assigned(seen, patch)?;
        let marks = Marks::of_lead(leads);
        let (columns, name) = placed(leads, assignments);
        let columns = marks.stamped(columns, stamp);
        let mut columns = self.decorated(&marks, columns, native, patch, name);
        let wanted = self.wanted_state(patch);
        if let Some((_, DealState::Lost)) = wanted {
            columns = columns
                .set(lead::STATE, state::DISQUALIFIED)
                .set(lead::STATUS, leads.disqualified);
        }
        let version = Condition::Version(ETag::new(seen.version.as_str()));
        let update =
            Op::update(&Table::LEAD, id, columns, &version).returning(self.lead_columns(leads));
        let written = self
            .client
            .run(&update, Some(until))
            .await
            .map_err(|error| self.failed(&error))?;
        if let Some((field, DealState::Accepted | DealState::Won)) = wanted {
            return self.qualify(leads, id, native, field, until).await;
        }
        let after = written.row;
        Ok(Written {
            id: seen.id.clone(),
            moved_to: None,
            after: after.and_then(|row| self.observe_lead(leads, row).ok()),
        })
    }

    /// Where the deal shall stand, by the field that says so.
    fn wanted_state<'a>(&'a self, patch: &Patch) -> Option<(&'a FieldId, DealState)> {
        states(&self.fields).find_map(|field| {
            let wanted = DealState::try_from(patch.fields.get(field)?).ok()?;
            Some((field, wanted))
        })
    }

    /// Makes an opportunity of the lead. The action carries no version: the conditional write
    /// just before it guards it, and the service refuses to qualify a lead twice.
    async fn qualify(
        &self,
        leads: &LeadOptions,
        id: Uuid,
        native: &NativeRow,
        field: &FieldId,
        until: Deadline,
    ) -> Result<Written, WriteError> {
        let unknown = |error: &Error| WriteError::Unknown(failure::told(error));
        let mut options = QualifyLead::default().with_contact(leads.make_contact);
        options.account = false;
        // From here on the values are written: whatever goes wrong, the lead has to be looked at.
        let customer = self.customer_of(leads, native, until).await;
        if let Some(account) = customer.map_err(|error| unknown(&error))? {
            options = options.with_customer(account);
        }
        let currency = native.row.lookup(opportunity::CURRENCY).ok().flatten();
        if let Some(currency) = currency {
            options = options.with_currency(currency);
        }
        let qualified = self.client.qualify_lead(id, &options, Some(until)).await;
        let lead = RecordId::new(id.to_string());
        // A lost answer, and a seller who was faster, show in the lead itself.
        if let Ok(Some(deal)) = self.fetch(&lead).await
            && deal.id != lead
        {
            return Ok(Written {
                id: lead,
                moved_to: Some(deal.id.clone()),
                after: Some(deal),
            });
        }
        match qualified {
            Err(error)
                if error.sent() == Sent::Answered
                    && matches!(error.kind(), ErrorKind::Refused | ErrorKind::Denied) =>
            {
                let message = failure::told(&error);
                let reason = Reason::new(ReasonCode::Invalid, message.text.clone());
                let field = field.clone();
                Err(WriteError::Refused {
                    message,
                    fields: vec![RefusedField { field, reason }],
                })
            }
            Err(error) => Err(unknown(&error)),
            Ok(_) => Err(WriteError::Unknown(
                "the lead was qualified, and its opportunity does not show yet".into(),
            )),
        }
    }

    /// The account of the lead's customer, made if there is none.
    async fn customer_of(
        &self,
        leads: &LeadOptions,
        native: &NativeRow,
        until: Deadline,
    ) -> Result<Option<Uuid>, Error> {
        let mut customer = Customer::default();
        let mut columns = Columns::new();
        for (place, column) in &leads.places {
            let of_account = place
                .split_once('/')
                .filter(|(navigation, _)| *navigation == opportunity::ACCOUNT);
            if let (Some((_, place)), Some(json)) = (of_account, native.row.json(column)) {
                customer = customer.with(place, text(json));
                columns = columns.set_json(place, json.to_owned());
            }
        }
        if columns.is_empty() {
            return Ok(None);
        }
        let Some((account, known)) = self.customer(&customer).await? else {
            return Ok(None);
        };
        if !known {
            let make = Op::update(&Table::ACCOUNT, account, columns, &Condition::MustNotExist);
            match self.client.run(&make, Some(until)).await {
                // Made meanwhile for another deal of the customer.
                Err(error) if error.kind() != ErrorKind::Conflict => return Err(error),
                _ => {}
            }
        }
        Ok(Some(account))
    }
}

/// Assignments at the places of a lead, and its name without a tick, if that is written.
fn placed(leads: &LeadOptions, assignments: Vec<Assignment>) -> (Columns, Option<String>) {
    let mut columns = Columns::new();
    let mut name = None;
    for assignment in assignments {
        let Some(column) = leads.column(&assignment.path) else {
            continue;
        };
        if column == leads.name() {
            name = Some(tick::strip(&text(&assignment.value)).to_owned());
        }
        columns = columns.set_json(column, assignment.value);
    }
    (columns, name)
}
