//! What the engine wants written, as one write that takes effect whole or not at all.

use cosell_dataverse::{
    ChangeSet, CloseDetails, Columns, Condition, ETag, Op, Query, Table, names::opportunity,
};
use cosell_http::{Error, ErrorKind, Sent};
use cosell_mapping::{Assignment, RecordKind, audit, tick};
use cosell_referrals::PortalTemplate;
use cosell_sync::{
    Deadline, Draft, Observed, Outcome, PairKey, Patch, RecordId, Side, WriteError, WriteStamp,
    Written,
};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{
    AccountMatch, ConnectorColumns, Customer, Dynamics, DynamicsOptions, LeadOptions,
    read::NativeRow,
};
use crate::{derived, failure};

/// Room of the columns that we write ourselves, in UTF-16 units.
const NAME_LIMIT: usize = 300;
const AUDIT_LIMIT: usize = 100_000;

/// How an opportunity is closed.
#[derive(Clone, Copy)]
enum Closing {
    Won,
    Lost,
}

/// What a patch or draft means for the row.
struct RowWrite {
    columns: Columns,
    account: Columns,
    /// The same as texts, to find the account by.
    customer: Customer,
    /// What stands in the row's name, without a tick, if it is written.
    name: Option<String>,
    closing: Option<(Closing, i32)>,
}

impl Dynamics {
    pub(super) async fn create_opportunity(
        &self,
        key: &PairKey,
        stamp: WriteStamp,
        draft: &Draft,
        until: Deadline,
    ) -> Result<Written, WriteError> {
        let assignments = self
            .fields
            .put(RecordKind::Row, &draft.fields, None, &self.context)
            .map_err(failure::refused)?;
        let mut write = sort(assignments);
        let marks = Marks::of_opportunity(&self.options);
        let name = write.name.take().unwrap_or_default();
        write.columns = marks.linked(write.columns, key, &self.options.portal_link);
        write.columns = marks.stamped(write.columns, stamp);
        if let Some(outcome) = &draft.outcome {
            write.columns = self.with_outcome(&marks, write.columns, outcome, &name, "");
        }
        let mut set = ChangeSet::new();
        if !write.account.is_empty() {
            let customer = self
                .customer(&write.customer)
                .await
                .map_err(|error| self.failed(&error))?;
            if let Some((account, known)) = customer {
                if !known {
                    set.push(Op::create(&Table::ACCOUNT, Some(account), write.account));
                }
                write.columns = write
                    .columns
                    .bind(opportunity::ACCOUNT, &Table::ACCOUNT, account);
            }
        }
        let id = derived::opportunity(self.organization, key.as_str());
        set.push(Op::update(
            &Table::OPPORTUNITY,
            id,
            write.columns,
            &Condition::MustNotExist,
        ));
        match self.client.change_set(&set, Some(until)).await {
            Ok(_) => Ok(Written {
                id: RecordId::new(id.to_string()),
                moved_to: None,
                after: None,
            }),
            Err(error) => Err(self.create_failed(&error, id).await),
        }
    }

    /// "Exists already" is about the opportunity only if that is there: the account of the same
    /// change set may have been made meanwhile for another deal of the customer.
    async fn create_failed(&self, error: &Error, id: Uuid) -> WriteError {
        if error.kind() == ErrorKind::Conflict && error.sent() == Sent::Answered {
            let query = Query::select([Table::OPPORTUNITY.key()]);
            let row = self.client.table(Table::OPPORTUNITY).find(id, &query).await;
            if matches!(row, Ok(None)) {
                return WriteError::NotSent(format!("the account exists by now: {error}").into());
            }
        }
        self.failed(error)
    }

    /// The customer's account: the one that is found, else one under a derived id, which two
    /// deals of one customer share. Says whether it exists.
    pub(super) async fn customer(
        &self,
        customer: &Customer,
    ) -> Result<Option<(Uuid, bool)>, Error> {
        let accounts = &self.options.accounts;
        match accounts.find(&self.client, customer).await? {
            AccountMatch::Found(account) => Ok(Some((account, true))),
            AccountMatch::Leave => Ok(None),
            AccountMatch::Make => {
                // A seller may have renamed the one that we made.
                let derived = derived::account(self.organization, &accounts.key(customer));
                let query = Query::select([Table::ACCOUNT.key()]);
                let table = self.client.table(Table::ACCOUNT);
                let made = table.find(derived, &query).await?;
                Ok(Some((derived, made.is_some())))
            }
        }
    }

    pub(super) async fn patch_opportunity(
        &self,
        seen: &Observed,
        stamp: WriteStamp,
        patch: &Patch,
        until: Deadline,
    ) -> Result<Written, WriteError> {
        let (native, id, assignments) = self.assigned(seen, patch)?;
        let RowWrite {
            columns,
            name,
            closing,
            ..
        } = sort(assignments);
        let marks = Marks::of_opportunity(&self.options);
        let columns = marks.stamped(columns, stamp);
        let columns = self.decorated(&marks, columns, native, patch, name);
        let update = Op::update(
            &Table::OPPORTUNITY,
            id,
            columns,
            &Condition::Version(ETag::new(seen.version.as_str())),
        );
        let after = match closing {
            None => {
                let update = update.returning(self.row_columns());
                let written = self
                    .client
                    .run(&update, Some(until))
                    .await
                    .map_err(|error| self.failed(&error))?;
                written.row.and_then(|row| self.observe_after(native, &row))
            }
            Some(closing) => {
                self.close(id, update, closing, &patch.outcome, until)
                    .await?;
                None
            }
        };
        Ok(Written {
            id: seen.id.clone(),
            moved_to: None,
            after,
        })
    }

    /// The row that was seen, its id, and what of a patch goes where.
    pub(super) fn assigned<'a>(
        &self,
        seen: &'a Observed,
        patch: &Patch,
    ) -> Result<(&'a NativeRow, Uuid, Vec<Assignment>), WriteError> {
        let (Some(native), Ok(id)) = (
            seen.native.get::<NativeRow>(),
            Uuid::try_parse(seen.id.as_str()),
        ) else {
            return Err(WriteError::NotSent(
                "the row was not read by this side".into(),
            ));
        };
        let row = Some(&native.record);
        let assignments = self
            .fields
            .put(RecordKind::Row, &patch.fields, row, &self.context)
            .map_err(failure::refused)?;
        Ok((native, id, assignments))
    }

    /// Last values and closing action. The action carries no version: the conditional write
    /// before it, in the same change set, guards it.
    async fn close(
        &self,
        id: Uuid,
        update: Op,
        (closing, status): (Closing, i32),
        outcome: &Option<Outcome>,
        until: Deadline,
    ) -> Result<(), WriteError> {
        let said = outcome
            .as_ref()
            .map_or("Closed by the sync", |outcome| &outcome.message);
        let details = CloseDetails::default().with_subject(said);
        let action = match closing {
            Closing::Won => Op::win_opportunity(id, status, &details),
            Closing::Lost => Op::lose_opportunity(id, status, &details),
        };
        if self.options.close_in_change_set {
            let set = ChangeSet::new().with(update).with(action);
            self.client
                .change_set(&set, Some(until))
                .await
                .map_err(|error| self.failed(&error))?;
            return Ok(());
        }
        self.client
            .run(&update, Some(until))
            .await
            .map_err(|error| self.failed(&error))?;
        // The values are written: whatever becomes of the action, the row has to be looked at.
        self.client
            .run(&action, Some(until))
            .await
            .map_err(|error| WriteError::Unknown(failure::told(&error)))?;
        Ok(())
    }

    /// Identifier, link, audit line and tick, where the patch brings them.
    pub(super) fn decorated(
        &self,
        marks: &Marks<'_>,
        mut columns: Columns,
        native: &NativeRow,
        patch: &Patch,
        name: Option<String>,
    ) -> Columns {
        let held = |column: &str| native.row.text(column).ok().flatten().unwrap_or_default();
        if let Some(key) = &patch.key
            && held(&marks.own.identifier).trim().is_empty()
        {
            // The flag too: a row that was a lead takes part by the lead's until now.
            columns = marks.linked(columns, key, &self.options.portal_link);
        }
        if let Some(outcome) = &patch.outcome {
            let name = name.unwrap_or_else(|| tick::strip(&held(marks.name)).to_owned());
            let audited = held(&marks.own.audit);
            columns = self.with_outcome(marks, columns, outcome, &name, &audited);
        }
        columns
    }

    pub(super) fn with_outcome(
        &self,
        marks: &Marks<'_>,
        columns: Columns,
        outcome: &Outcome,
        name: &str,
        audited: &str,
    ) -> Columns {
        let line = audit::line(outcome.at, &sentence(outcome));
        let columns = columns.set(&marks.own.audit, audit::append(audited, &line, AUDIT_LIMIT));
        if !self.options.ticks || name.is_empty() {
            return columns;
        }
        columns.set(marks.name, tick::add(name, outcome.success, NAME_LIMIT))
    }

    pub(super) fn failed(&self, error: &Error) -> WriteError {
        failure::write_error(error, RecordKind::Row, &self.fields)
    }
}

/// Where a table keeps what this side writes by itself.
pub(super) struct Marks<'a> {
    own: &'a ConnectorColumns,
    /// The column of the name, which bears the tick.
    name: &'a str,
}

impl<'a> Marks<'a> {
    pub(super) fn of_opportunity(options: &'a DynamicsOptions) -> Self {
        Self {
            own: &options.columns,
            name: opportunity::NAME,
        }
    }

    pub(super) fn of_lead(leads: &'a LeadOptions) -> Self {
        Self {
            own: &leads.columns,
            name: leads.name(),
        }
    }

    /// The row belongs to a referral from now on.
    pub(super) fn linked(&self, columns: Columns, key: &PairKey, link: &PortalTemplate) -> Columns {
        columns
            .set(&self.own.sync, true)
            .set(&self.own.identifier, key.as_str())
            .set(&self.own.link, link.link(key.as_str()))
    }

    pub(super) fn stamped(&self, columns: Columns, stamp: WriteStamp) -> Columns {
        columns.set(&self.own.stamp, stamp.0.to_string())
    }
}

/// The audit line's sentence, in the words of the connector that this replaces.
fn sentence(outcome: &Outcome) -> String {
    let direction = match outcome.from {
        Side::Left => "Partner Center Referral to CRM",
        Side::Right => "CRM to Partner Center Referral",
    };
    if outcome.success {
        format!("{direction} sync success.")
    } else {
        format!("{direction} sync failed: {}", outcome.message)
    }
}

/// Splits assignments into what the row takes, what its new account takes, and the closing that
/// the service wants as an action.
fn sort(assignments: Vec<Assignment>) -> RowWrite {
    let mut write = RowWrite {
        columns: Columns::new(),
        account: Columns::new(),
        customer: Customer::default(),
        name: None,
        closing: None,
    };
    let number = |assignment: &Assignment| assignment.value.get().parse::<i32>().ok();
    let of = |column: &str| assignments.iter().find(|it| it.path.root() == column);
    let status = of(opportunity::STATUS).and_then(number);
    write.closing = match of(opportunity::STATE).and_then(number).map(i64::from) {
        Some(opportunity::state::WON) => Some(Closing::Won),
        Some(opportunity::state::LOST) => Some(Closing::Lost),
        _ => None,
    }
    .map(|closing| (closing, status.unwrap_or(opportunity::status::DEFAULT)));
    for assignment in assignments {
        match assignment.path.segments() {
            // An open row is refused its own state; the status reason alone moves it.
            [column] if column == opportunity::STATE => {}
            [column] if column == opportunity::STATUS && write.closing.is_some() => {}
            [column] => {
                if column == opportunity::NAME {
                    let name = text(&assignment.value);
                    write.name = Some(tick::strip(&name).to_owned());
                }
                write.columns = write.columns.set_json(column, assignment.value);
            }
            [navigation, column] if navigation == opportunity::ACCOUNT => {
                write.customer = write.customer.with(column, text(&assignment.value));
                write.account = write.account.set_json(column, assignment.value);
            }
            _ => {}
        }
    }
    write
}

/// A plain value as text; nothing for null.
pub(super) fn text(json: &RawValue) -> String {
    let text = || serde_json::from_str::<Option<String>>(json.get());
    text().map_or_else(|_| json.get().to_owned(), Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    #[test]
    fn the_sentence_of_an_attempt() {
        let outcome = |from, success| Outcome {
            at: DateTime::UNIX_EPOCH,
            from,
            success,
            message: "country is missing".to_owned(),
        };
        assert_eq!(
            sentence(&outcome(Side::Left, true)),
            "Partner Center Referral to CRM sync success."
        );
        assert_eq!(
            sentence(&outcome(Side::Right, false)),
            "CRM to Partner Center Referral sync failed: country is missing"
        );
    }
}
